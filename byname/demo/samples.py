"""The sample mails and what the specification expects of each, in one table."""

from dataclasses import dataclass

from byname.demo.world import (
    BRAND_A,
    BRAND_B,
    CAMPAIGN,
    FAIR,
    INFO,
    JOHN,
    MARY,
    NEWSLETTER,
    OLD_SHOP,
    OWNER,
    SALES,
)

STRANGER = "ann@outside.test"
CUSTOMER = "customer@outside.test"


@dataclass(frozen=True, slots=True)
class Expected:
    """The SMTP reply that ends the mail's transaction, and what is then found where."""

    code: int
    enhanced: str
    text: str = ""  # found in the reply's text, upper and lower case alike
    arrives_in: str | None = None  # a mailbox, or an outside address
    delivered_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail: who sends it, as whom, to whom."""

    expected: Expected
    recipient: str = CUSTOMER
    sender: str = STRANGER  # of the envelope
    login: str | None = None  # None: an outside sender at the inbound port
    password_of: str | None = None  # whose password is given; None: the login's own
    author: tuple[str, ...] | None = None  # the From fields; None: one, the sender
    first: tuple[str, ...] = ()  # an admin's command before it, as the command line takes it

    @property
    def authors(self) -> tuple[str, ...]:
        """The values of the From fields."""
        return (self.sender,) if self.author is None else self.author

    @property
    def words(self) -> str:
        """What sets this mail apart, in one short line; ``LEGEND`` tells the rest."""
        before = f"after 'byname {' '.join(self.first)}': " if self.first else ""
        if self.login is None:
            return f"{before}to {self.recipient}"
        login = "" if self.login == JOHN else f"login {self.login}, "
        shown = "" if self.author is None else f", From: {' and From: '.join(self.author)}"
        return f"{before}{login}as {self.sender}{shown}"


# What the short words of a mail leave out.
LEGEND = (
    f"'to' is mail from the outside, sent by {STRANGER} to the inbound port;",
    f"'as' is mail to {CUSTOMER} on the submission port, by the login {JOHN} where no other is named.",
)


@dataclass(frozen=True, slots=True)
class Sample:
    """One row of the issue: a rule, and the mails that show it, sent over one connection where they have one login."""

    title: str
    mails: tuple[Mail, ...]


def _arrives(mailbox: str, *delivered_to: str) -> Expected:
    return Expected(250, "2.0.0", arrives_in=mailbox, delivered_to=delivered_to)


def _to(recipient: str, expected: Expected, first: tuple[str, ...] = ()) -> Mail:
    return Mail(expected, recipient=recipient, first=first)


def _as(sender: str, expected: Expected, author: tuple[str, ...] | None = None) -> Mail:
    return Mail(expected, sender=sender, login=JOHN, author=author)


_UNKNOWN = Expected(550, "5.1.1", "user unknown")
_NOT_OWNED = Expected(553, "5.7.1", "sender address rejected")
_BAD_FROM = Expected(550, "5.7.1", "sender address rejected")
_LEAVES = _arrives(CUSTOMER)
_NO_LOGIN = Expected(535, "5.7.8", "authentication failed")

SAMPLES: tuple[Sample, ...] = (
    Sample("alias to its mailbox", (_to(INFO, _arrives(JOHN, INFO)),)),
    Sample("alias on another domain than its mailbox", (_to(SALES, _arrives(JOHN, SALES)),)),
    Sample("disabled alias, refused though its domain has a catch-all", (_to(OLD_SHOP, _UNKNOWN),)),
    Sample("receive-off alias: refused, and able to send", (_to(NEWSLETTER, _UNKNOWN), _as(NEWSLETTER, _LEAVES))),
    Sample("unknown name, to the catch-all", (_to(f"anyone@{BRAND_B}", _arrives(MARY, f"anyone@{BRAND_B}")),)),
    Sample("unknown name, no catch-all", (_to(f"anyone@{BRAND_A}", _UNKNOWN),)),
    Sample(
        "deleted alias, caught by the catch-all",
        (_to(FAIR, _arrives(JOHN, FAIR)), _to(FAIR, _arrives(MARY, FAIR), ("alias", "remove", FAIR))),
    ),
    Sample("sub-address", (_to(f"sales+fair@{BRAND_B}", _arrives(JOHN, f"sales+fair@{BRAND_B}")),)),
    Sample("upper case", (_to(SALES.upper(), _arrives(JOHN, SALES)),)),
    Sample("postmaster", (_to(f"postmaster@{BRAND_A}", _arrives(JOHN, f"postmaster@{BRAND_A}")),)),
    Sample("send as one's own mailbox", (_as(JOHN, _LEAVES),)),
    Sample("send as an alias with permission", (_as(SALES, _LEAVES),)),
    Sample("send as an alias without permission", (_as(INFO, _NOT_OWNED),)),
    Sample("send as a disabled alias", (_as(OLD_SHOP, _NOT_OWNED),)),
    Sample("send as another mailbox", (_as(MARY, _NOT_OWNED),)),
    Sample("send as another tenant", (_as(OWNER, _NOT_OWNED),)),
    Sample("own envelope, foreign From", (_as(JOHN, _BAD_FROM, (MARY,)),)),
    Sample("two From fields", (_as(JOHN, _BAD_FROM, (JOHN, OWNER)),)),
    Sample(
        "an alias cannot log in",
        (Mail(_NO_LOGIN, sender=SALES, login=SALES, password_of=JOHN),),
    ),
    Sample(
        "alias disabled between two mails of one connection",
        (_to(CAMPAIGN, _arrives(JOHN, CAMPAIGN)), _to(CAMPAIGN, _UNKNOWN, ("alias", "set", CAMPAIGN, "--disable"))),
    ),
)
