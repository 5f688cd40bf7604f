"""The sample mails and what the specification expects of each, in one table."""

from dataclasses import dataclass
from typing import Literal

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
    SUPPORT,
)

Delivery = Literal["agent", "milter"]  # who writes Delivered-To: LMTP edge or milter (docs/design.md, section 5)

STRANGER = "ann@outside.test"
CUSTOMER = "customer@outside.test"
GONE = "gone@outside.test"
REFUSED_OUTSIDE = {GONE: "550 5.1.1 no such user"}  # what the server outside answers at RCPT


@dataclass(frozen=True, slots=True)
class Copy:
    """A delivered copy: where, and the names that its Delivered-To fields show."""

    place: str  # a mailbox, or an outside address
    delivered_to: tuple[str, ...] = ()
    is_bounce: bool = False  # not the mail itself, but what the mail server made of it


@dataclass(frozen=True, slots=True)
class Expected:
    """The SMTP reply that ends the mail's transaction, and what is then found where."""

    code: int
    enhanced: str
    text: str = ""  # found in the reply's text, upper and lower case alike
    copies: tuple["Copy", ...] = ()


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail: who sends it, as whom, to whom."""

    expected: Expected
    recipient: str = CUSTOMER
    sender: str = STRANGER  # of the envelope
    login: str | None = None  # None: an outside sender at the inbound port
    password_of: str | None = None  # whose password is given; None: the login's own
    author: tuple[str, ...] | None = None  # the From fields; None: one, the sender
    also_to: tuple[str, ...] = ()  # further recipients of the envelope, which the header does not name (Bcc)
    header: tuple[str, ...] = ()  # further lines of the header
    first: tuple[str, ...] = ()  # an admin's command before it, as the command line takes it
    by_milter: Expected | None = None  # what differs where the milter writes Delivered-To, not the LMTP edge

    @property
    def authors(self) -> tuple[str, ...]:
        """The values of the From fields."""
        return (self.sender,) if self.author is None else self.author

    @property
    def recipients(self) -> tuple[str, ...]:
        """The recipients of the envelope."""
        return (self.recipient, *self.also_to)

    def expected_of(self, delivery: Delivery) -> Expected:
        """Return what the specification expects, by who writes Delivered-To."""
        return self.by_milter if self.by_milter and delivery == "milter" else self.expected

    @property
    def summary(self) -> str:
        """What sets this mail apart, in one short line; ``LEGEND`` explains the rest."""
        before = f"after 'byname {' '.join(self.first)}': " if self.first else ""
        to = self.recipient + (f", Bcc {', '.join(self.also_to)}" if self.also_to else "")
        header = "".join(f", {line}" for line in self.header)
        if self.login is None:
            return f"{before}to {to}{header}"
        login = "" if self.login == JOHN else f"login {self.login}, "
        shown = "" if self.author is None else f", From: {' and From: '.join(self.author)}"
        whom = "" if self.recipients == (CUSTOMER,) else f" to {to}"
        return f"{before}{login}as {self.sender}{whom}{shown}{header}"


# What the summary of a mail leaves out.
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
    return _copies(Copy(mailbox, delivered_to))


def _copies(*copies: Copy) -> Expected:
    return Expected(250, "2.0.0", copies=copies)


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
    Sample(
        "two aliases of one mailbox: one copy, both names",
        (Mail(_arrives(JOHN, INFO, SALES), recipient=INFO, also_to=(SALES,)),),
    ),
    Sample(
        "aliases of two mailboxes and a Bcc: no copy shows another's name",
        (
            Mail(
                _copies(Copy(JOHN, (SALES,)), Copy(MARY, (SUPPORT,)), Copy(CUSTOMER)),
                recipient=SALES,
                also_to=(SUPPORT, CUSTOMER),
                sender=MARY,
                login=MARY,
                by_milter=_copies(Copy(JOHN), Copy(MARY), Copy(CUSTOMER)),  # a shared header would show all of them
            ),
        ),
    ),
    Sample(
        "a forged Delivered-To",
        (Mail(_arrives(JOHN, INFO), recipient=INFO, header=(f"Delivered-To: {SUPPORT}",)),),
    ),
    Sample(
        "a bounce to an alias that had sent",
        (Mail(_copies(Copy(JOHN, (SALES,), is_bounce=True)), recipient=GONE, sender=SALES, login=JOHN),),
    ),
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
