"""One small world for the tests of the core: two accounts, a name in every state."""

from routing.address import Address
from routing.memory_directory import MemoryDirectory
from routing.records import Alias, HostedDomain, Mailbox, kept_name

NOW = 1_800_000_000.0  # the moment at which the samples are judged

JOHN = Mailbox(Address("john", "brand-a.test"))
MARY = Mailbox(Address("mary", "brand-a.test"))
PAUSED = Mailbox(Address("paused", "brand-a.test"), is_active=False)
ON_OFF_DOMAIN = Mailbox(Address("old", "off.test"), domain_active=False)
SUSPENDED = Mailbox(Address("sue", "suspended.test"), account_active=False)
SUSPENDED_PAUSED = Mailbox(Address("both", "suspended.test"), is_active=False, account_active=False)
STRANGER = Mailbox(Address("eve", "other.test"))

BRAND_A = HostedDomain(
    "brand-a.test",
    system_mailbox=MARY,
    oldest_mailbox=JOHN,
    names={
        "john": JOHN,
        "mary": MARY,
        "paused": PAUSED,
        "sales": Alias(JOHN, can_send=True),
        "info": Alias(JOHN),
        "off": Alias(JOHN, is_active=False, can_send=True),
        "outbox": Alias(JOHN, can_receive=False, can_send=True),
        "fair": Alias(JOHN, can_send=True, expires_at=int(NOW) + 1),
        "gone": Alias(JOHN, can_send=True, expires_at=int(NOW)),
        "gone-off": Alias(JOHN, is_active=False, expires_at=1),
        "sleeping": Alias(PAUSED),
        "moved": Alias(ON_OFF_DOMAIN),
        "team": Alias(MARY, can_send=True),
        "deleted": kept_name(Address("deleted", "brand-a.test")),
    },
)
BRAND_B = HostedDomain(  # with a catch-all
    "brand-b.test",
    catch_all=JOHN,
    names={
        "sales": Alias(JOHN, can_send=True),
        "off": Alias(JOHN, is_active=False),
        "outbox": Alias(JOHN, can_receive=False),
        "fair": Alias(JOHN, expires_at=int(NOW) + 86_400),
        "gone": Alias(JOHN, can_receive=False, expires_at=1),
        "deleted": kept_name(Address("deleted", "brand-b.test")),
    },
)
OFF = HostedDomain(
    "off.test",
    is_active=False,
    oldest_mailbox=ON_OFF_DOMAIN,
    names={"old": ON_OFF_DOMAIN, "nick": Alias(JOHN, can_send=True)},
)
SUSPENDED_DOMAIN = HostedDomain(
    "suspended.test", account_active=False, names={"sue": SUSPENDED, "both": SUSPENDED_PAUSED}
)
PAUSED_CATCH_ALL = HostedDomain("sleepy.test", catch_all=PAUSED)
SLEEPY_STEWARD = HostedDomain("drowsy.test", system_mailbox=PAUSED, oldest_mailbox=MARY)
EMPTY = HostedDomain("empty.test")
OTHER = HostedDomain("other.test", oldest_mailbox=STRANGER, names={"eve": STRANGER, "ceo": Alias(STRANGER)})
IDN = HostedDomain("xn--bcher-kva.test", names={"john": Alias(JOHN, can_send=True)})

DOMAINS = (BRAND_A, BRAND_B, OFF, SUSPENDED_DOMAIN, PAUSED_CATCH_ALL, SLEEPY_STEWARD, EMPTY, OTHER, IDN)
DIRECTORY = MemoryDirectory(DOMAINS)
