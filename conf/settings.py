"""The settings: one frozen object, read and checked once at start and passed down (docs/settings.md)."""

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Self, cast

from pydantic import PrivateAttr, ValidationError, model_validator
from pydantic.fields import FieldInfo

from conf.clients import ClientsSettings
from conf.dashboard import DashboardSettings
from conf.filters import FiltersSettings
from conf.problems import ConfigError, Problem
from conf.sections import (
    ApiSettings,
    AuditSettings,
    CacheSettings,
    DnsSettings,
    LmtpSettings,
    LogSettings,
    MapsSettings,
    McpSettings,
    MetricsSettings,
    MilterSettings,
    RoutingSettings,
    Section,
    SendersSettings,
    SendingSettings,
    SentCopySettings,
    StatisticsSettings,
    StoreSettings,
    TraceSettings,
)
from conf.sources import Entry, config_files, from_environment, from_file
from conf.values import explain, is_secret, known_keys, merge, resolve

__all__ = ["DEFAULT_FILE", "ConfigError", "Problem", "Settings", "load"]

DEFAULT_FILE = Path("/etc/byname/byname.toml")

_LISTENERS = (
    "milter.inbound",
    "milter.submission",
    "milter.local",
    "milter.internal",
    "maps.listen",
    "lmtp.listen",
    "lmtp.backend",
)
_PASSWORD = re.compile(r"(://[^:@/?]*:).*(?=@)|([?&]password=)[^&]*")


class Settings(Section):
    """Every setting. ``Settings()`` is what holds when nothing is configured."""

    store: StoreSettings = StoreSettings()
    cache: CacheSettings = CacheSettings()
    milter: MilterSettings = MilterSettings()
    maps: MapsSettings = MapsSettings()
    lmtp: LmtpSettings = LmtpSettings()
    api: ApiSettings = ApiSettings()
    mcp: McpSettings = McpSettings()
    routing: RoutingSettings = RoutingSettings()
    senders: SendersSettings = SendersSettings()
    sending: SendingSettings = SendingSettings()
    sent_copy: SentCopySettings = SentCopySettings()
    filters: FiltersSettings = FiltersSettings()
    trace: TraceSettings = TraceSettings()
    dns: DnsSettings = DnsSettings()
    dashboard: DashboardSettings = DashboardSettings()
    clients: ClientsSettings = ClientsSettings()
    statistics: StatisticsSettings = StatisticsSettings()
    audit: AuditSettings = AuditSettings()
    metrics: MetricsSettings = MetricsSettings()
    log: LogSettings = LogSettings()
    _warnings: tuple[str, ...] = PrivateAttr(())

    @property
    def delivery(self) -> Literal["milter", "agent"]:
        """Who writes Delivered-To (docs/design.md, section 5): as set, else the agent when there is an LMTP edge."""
        return self.routing.delivery or ("agent" if self.lmtp.listen else "milter")

    @property
    def edge_delivers(self) -> bool:
        """True where ``byname lmtp`` is the delivery step, and strips each copy."""
        return self.delivery == "agent" and self.lmtp.listen is not None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What was found while reading that is no error but should be mended, one line each."""
        return self._warnings

    def value(self, name: str) -> object:
        """Return the value of ``section.key``.

        Raises:
            AttributeError: there is no such setting.
        """
        section, _, key = name.partition(".")
        return cast("object", getattr(getattr(self, section), key))

    def shown(self, *, changed_only: bool = False) -> dict[str, object]:
        """Return ``section.key`` and value of all settings, or of those that are not the default; secrets masked."""
        values = {name: self.value(name) for name in _FIELDS}
        return {
            name: _masked(value) if is_secret(_FIELDS[name]) else value
            for name, value in values.items()
            if not changed_only or value != _DEFAULTS[name]
        }

    @model_validator(mode="after")
    def _one_listener_for_each_address(self) -> Self:
        used = Counter(self.value(name) for name in _LISTENERS)
        for value in used:
            if value is not None and used[value] > 1:
                names = " and ".join(name for name in _LISTENERS if self.value(name) == value)
                raise ValueError(f"{names} must not share the address {value}")
        return self


# section.key of every setting
_FIELDS: Mapping[str, FieldInfo] = MappingProxyType(
    {
        f"{section}.{key}": field
        for section, model in Settings.model_fields.items()
        for key, field in cast("type[Section]", model.annotation).model_fields.items()
    }
)
_DEFAULTS: Mapping[str, object] = MappingProxyType({name: field.default for name, field in _FIELDS.items()})


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from ``path``, ``conf.d/*.toml`` beside it and ``BYNAME_SECTION__KEY``; the later one wins.

    Without ``path`` it is ``/etc/byname/byname.toml``, which may be missing. ``environ`` is the process's own if it
    is not given.

    Raises:
        ConfigError: with everything that is wrong, not only the first mistake.
    """
    entries, problems = merge(_read(path, os.environ if environ is None else environ), _FIELDS)
    values, warnings, unread = resolve(entries, _FIELDS)
    problems += unread
    try:
        settings = Settings.model_validate(_as_tree(values))
    except ValidationError as error:
        raise ConfigError([*problems, *explain(error, entries, _FIELDS)]) from None
    if problems:
        raise ConfigError(problems)
    settings._warnings = tuple(warnings)  # the model is frozen, its private attribute is not
    return settings


def settings_files(path: Path | None = None) -> dict[str, bool]:
    """Return the files from which ``load`` reads, and of each whether it holds a secret itself."""
    found = {str(file): False for file in (path or DEFAULT_FILE, *config_files(path or DEFAULT_FILE))}
    for entry in _read(path, {}):
        if isinstance(entry, Entry) and entry.origin in found:
            field = _FIELDS.get(f"{entry.section}.{entry.key}")
            found[entry.origin] |= field is not None and is_secret(field) and _masked(entry.value) != entry.value
    return found


def _read(path: Path | None, environ: Mapping[str, str]) -> Iterator[Entry | Problem]:
    known = known_keys(_FIELDS)
    yield from from_file(path or DEFAULT_FILE, known, required=path is not None)
    for file in config_files(path or DEFAULT_FILE):
        if isinstance(file, Problem):
            yield file
        else:
            yield from from_file(file, known)
    yield from from_environment(environ, known)


def _as_tree(values: Mapping[str, object]) -> dict[str, dict[str, object]]:
    tree: dict[str, dict[str, object]] = {}
    for name, value in values.items():
        section, _, key = name.partition(".")
        tree.setdefault(section, {})[key] = value
    return tree


def _masked(value: object) -> object:
    """Hide the password of an address, or the whole of any other secret."""
    if not isinstance(value, str):
        return value
    return _PASSWORD.sub(lambda found: f"{found[1] or found[2]}***", value) if "://" in value else "***"
