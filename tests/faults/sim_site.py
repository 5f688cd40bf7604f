"""What SQL says in the simulation: a small site, and changes to it."""

import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, replace

from routing.address import Address
from routing.records import Alias, HostedDomain, Mailbox, Name
from store.wire_format.layout import CATCH_ALL, DOMAIN
from store.wire_format.values import HOSTED, catch_all_body, domain_body, name_body

LASTING = "keep.test"  # never removed, with the mailbox stay that nobody touches
DOMAINS = (LASTING, "a.test", "b.test")
BOXES = ("b0", "b1")
ALIASES = ("s0", "s1", "s2")
STAY = Address("stay", LASTING)
_HOT = 0.5  # how often a change is to the same domain, and an alias the same one, for changes that meet find bugs
LISTING = ""  # the field that stands for a domain's place in the list

Fields = dict[tuple[str, str], str]


@dataclass(slots=True)
class Pointer:
    """An alias."""

    target: Address
    is_active: bool = True
    can_receive: bool = True
    can_send: bool = False


@dataclass(slots=True)
class Zone:
    """A domain: its mailboxes with their state in the order they were made, and its aliases."""

    is_active: bool = True
    catch_all: Address | None = None
    system: Address | None = None
    boxes: dict[str, bool] = field(default_factory=dict)
    aliases: dict[str, Pointer] = field(default_factory=dict)


@dataclass(slots=True)
class Site:
    """All of it, with one account."""

    account_active: bool = True
    zones: dict[str, Zone] = field(default_factory=dict)

    def mailbox(self, address: Address | None) -> Mailbox | None:
        if address is None or address.domain not in self.zones:
            return None
        zone = self.zones[address.domain]
        if address.local not in zone.boxes:
            return None
        states = {"domain_active": zone.is_active, "account_active": self.account_active}
        return Mailbox(address, is_active=zone.boxes[address.local], **states)

    def record(self, name: str) -> HostedDomain:
        zone = self.zones[name]
        boxes = [self.mailbox(Address(local, name)) for local in zone.boxes]
        found: dict[str, Name] = {box.address.local: box for box in boxes if box}
        for local, alias in zone.aliases.items():
            target = self.mailbox(alias.target)
            assert target is not None
            found[local] = Alias(
                target, is_active=alias.is_active, can_receive=alias.can_receive, can_send=alias.can_send
            )
        oldest = next((box for box in boxes if box and box.is_active), None)
        bare = HostedDomain(name, is_active=zone.is_active, account_active=self.account_active, names=found)
        catch_all, system = self.mailbox(zone.catch_all), self.mailbox(zone.system)
        return replace(bare, catch_all=catch_all, system_mailbox=system, oldest_mailbox=oldest)

    def records(self) -> dict[str, HostedDomain]:
        return {name: self.record(name) for name in self.zones}

    def forget(self, gone: Callable[[Address], bool]) -> None:
        """Take away what leads to mailboxes that are gone."""
        for zone in self.zones.values():
            zone.aliases = {local: one for local, one in zone.aliases.items() if not gone(one.target)}
            zone.catch_all = None if zone.catch_all and gone(zone.catch_all) else zone.catch_all
            zone.system = None if zone.system and gone(zone.system) else zone.system

    def all_boxes(self) -> list[Address]:
        return [Address(local, name) for name, zone in self.zones.items() for local in zone.boxes]


def fields(domain: HostedDomain) -> Fields:
    """Return what the cache must hold for a domain, field by field."""
    found = {(domain.name, LISTING): HOSTED, (domain.name, DOMAIN): domain_body(domain)}
    found[domain.name, CATCH_ALL] = catch_all_body(domain.catch_all, domain.name)
    return found | {(domain.name, local): name_body(name, domain.name) for local, name in domain.names.items()}


def first_site() -> Site:
    """Return where every run begins."""
    site = Site()
    for name in DOMAINS:
        site.zones[name] = Zone(boxes={"b0": True} | ({"stay": True} if name == LASTING else {}))
    site.zones[LASTING].aliases["s0"] = Pointer(Address("b0", "a.test"), can_send=True)
    site.zones["a.test"].aliases["s1"] = Pointer(Address("b0", "a.test"))
    return site


def changed(site: Site, rng: random.Random) -> Site:
    """Return the site after one transaction: a change or some."""
    site = deepcopy(site)
    for _ in range(rng.choice((1, 1, 2))):
        change, *_ = rng.choices([one for one, _ in _CHANGES], [weight for _, weight in _CHANGES])
        change(site, rng)
    return site


def _zone(site: Site, rng: random.Random) -> Zone:
    return site.zones[LASTING if rng.random() < _HOT else rng.choice(list(site.zones))]


def _switch_account(site: Site, rng: random.Random) -> None:
    site.account_active = not site.account_active


def _switch_domain(site: Site, rng: random.Random) -> None:
    zone = _zone(site, rng)
    zone.is_active = not zone.is_active


def _point(site: Site, rng: random.Random) -> None:
    zone = _zone(site, rng)
    zone.catch_all = rng.choice([None, *site.all_boxes()])


def _set_system_mailbox(site: Site, rng: random.Random) -> None:
    zone = _zone(site, rng)
    zone.system = rng.choice([None, *site.all_boxes()])


def _pause(site: Site, rng: random.Random) -> None:
    address = rng.choice([one for one in site.all_boxes() if one != STAY] or [None])
    if address is not None:
        boxes = site.zones[address.domain].boxes
        boxes[address.local] = not boxes[address.local]


def _box(site: Site, rng: random.Random) -> None:
    """Add a mailbox, or remove it with all that leads to it."""
    name = rng.choice(list(site.zones))
    local, zone = rng.choice(BOXES), site.zones[name]
    if zone.boxes.pop(local, None) is None:
        zone.boxes[local] = True
    else:
        site.forget(lambda target: target == Address(local, name))


def _alias(site: Site, rng: random.Random) -> None:
    """Add an alias, remove it, or give it to somebody else; all flags anew."""
    zone, local = _zone(site, rng), ALIASES[0] if rng.random() < _HOT else rng.choice(ALIASES)
    if zone.aliases.pop(local, None) is None or rng.random() < 0.5:
        flags = {flag: rng.random() < 0.7 for flag in ("is_active", "can_receive", "can_send")}
        zone.aliases[local] = Pointer(rng.choice(site.all_boxes()), **flags)


def _domain(site: Site, rng: random.Random) -> None:
    """Remove a domain, or add it."""
    name = rng.choice(DOMAINS[1:])
    if site.zones.pop(name, None) is None:
        site.zones[name] = Zone(boxes={"b0": True} if rng.random() < 0.5 else {})
    else:
        site.forget(lambda target: target.domain == name)


_CHANGES: tuple[tuple[Callable[[Site, random.Random], None], int], ...] = (
    (_alias, 10),
    (_box, 3),
    (_pause, 4),
    (_point, 3),
    (_set_system_mailbox, 1),
    (_switch_domain, 2),
    (_switch_account, 1),
    (_domain, 2),
)
