"""A Postfix as a value: its version, its parameters in effect, the services of its master.cf. Pure."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_LOOPBACK = re.compile(r"(127\.[\d.]+|localhost|\[::1\]):")
_SUBMISSION = frozenset({"submission", "submissions", "smtps", "587", "465"})


@dataclass(frozen=True, slots=True)
class Service:
    """An entry of master.cf, master(5)."""

    name: str  # as it stands there: smtp, 127.0.0.1:10587
    kind: str  # inet, unix, pass, ...
    chrooted: bool
    command: str  # the program, without its arguments
    options: Mapping[str, str] = field(default_factory=dict)  # -o name=value, each $name replaced by its value
    written: Mapping[str, str] = field(default_factory=dict)  # the same as they stand there

    @property
    def key(self) -> str:
        """How ``postconf -P`` calls it."""
        return f"{self.name}/{self.kind}"

    @property
    def takes_smtp(self) -> bool:
        """True for a listener that SMTP clients talk to, also behind postscreen(8)."""
        return self.command == "smtpd" and self.kind in {"inet", "pass"}

    @property
    def is_loopback(self) -> bool:
        """True when only this machine reaches it."""
        return _LOOPBACK.match(self.name) is not None

    @property
    def is_for_logins(self) -> bool:
        """True for the listeners on which people log in to send: by name, port, or the name that they log under."""
        logged = self.options.get("syslog_name", "").rpartition("/")[2]
        return self.name.rpartition(":")[2] in _SUBMISSION or logged in _SUBMISSION


@dataclass(frozen=True, slots=True)
class Postfix:
    """One instance of Postfix."""

    folder: Path  # with its main.cf and master.cf
    parameters: Mapping[str, str]  # in effect, defaults too, each $name replaced by its value
    written: Mapping[str, str]  # those that main.cf sets, as they stand there
    services: tuple[Service, ...]

    @property
    def version(self) -> tuple[int, ...]:
        """Its version, as (3, 7, 11); of a snapshot the first two numbers."""
        return tuple(int(part) for part in re.findall(r"\d+", self.value("mail_version").partition("-")[0]))

    @property
    def queue(self) -> Path:
        """Its queue directory, in which its processes work, and to which chrooted ones are locked up."""
        return Path(self.value("queue_directory"))

    def value(self, name: str, service: Service | None = None) -> str:
        """Return a parameter as a service has it, or as main.cf does; empty for one that this Postfix does not know."""
        own = None if service is None else service.options.get(name)
        return self.parameters.get(name, "") if own is None else own

    def knows(self, name: str) -> bool:
        """True when this version has the parameter."""
        return name in self.parameters

    def of_program(self, *programs: str) -> Iterator[Service]:
        """Yield the services that run one of these programs."""
        return (service for service in self.services if service.command in programs)

    @property
    def login_listeners(self) -> tuple[Service, ...]:
        """Where people log in to send."""
        return tuple(one for one in self.services if one.takes_smtp and one.is_for_logins)

    @property
    def inbound_listeners(self) -> tuple[Service, ...]:
        """Where mail of the world comes in.

        None of them is a listener on loopback that turns milters off itself: mail comes back there from a filter. Nor
        is one that lets its client say who sends: programs hand in mail there.
        """
        return tuple(
            one
            for one in self.services
            if one.takes_smtp and not one.is_for_logins and not _is_for_programs(one) and not _is_way_back(one)
        )


def _is_for_programs(service: Service) -> bool:
    return "smtpd_authorized_xclient_hosts" in service.options


def _is_way_back(service: Service) -> bool:
    return service.is_loopback and service.options.get("smtpd_milters") == ""


def items(value: str) -> tuple[str, ...]:
    """Return the items of a list, which commas or blanks divide; what stands in braces is one item."""
    return tuple(re.findall(r"[^\s,{}]*\{[^{}]*\}|[^\s,{}]+", value))
