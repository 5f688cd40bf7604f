"""The settings of the dashboard: what is taken, and the rule that the rest breaks."""

from datetime import timedelta

import pytest

from conf.dashboard import span
from conf.settings import ConfigError, load


@pytest.mark.parametrize(
    ("key", "value", "rule"),
    [
        ("path", "/", None),
        ("path", "/dashboard", None),
        ("path", "/pages/names", None),
        ("path", "dashboard", "must be / or a path"),
        ("path", "/dashboard/", "must be / or a path"),
        ("path", "//dashboard", "must be / or a path"),
        ("path", "/a?b", "must be / or a path"),
        ("path", "/api", "must not begin with /api"),
        ("path", "/api/v1/pages", "must not begin with /api"),
        ("path", "/metrics", "must not begin with /metrics"),
        ("session_idle", "30m", None),
        ("session_idle", "0h", "must be a number with m, h or d"),
        ("session_max", "14", "must be a number with m, h or d"),
        ("session_max", "1w", "must be a number with m, h or d"),
        ("owners", "manage", None),
        ("owners", "all", "'off', 'view', 'toggle' or 'manage'"),
        ("upgrade_url", "https://plans.example/", None),
        ("upgrade_url", "javascript:alert(1)", "must start with https:// or http://"),
        ("brand", "", "must be 1 to 40 printable characters"),
        ("brand", "x" * 41, "must be 1 to 40 printable characters"),
    ],
)
def test_what_is_taken(key: str, value: str, rule: str | None) -> None:
    environ = {f"BYNAME_DASHBOARD__{key.upper()}": value}
    if rule is None:
        assert load(environ=environ).value(f"dashboard.{key}") == value
        return
    with pytest.raises(ConfigError) as refused:
        load(environ=environ)
    assert rule in str(refused.value)


@pytest.mark.parametrize(
    ("text", "length"), [("5m", timedelta(minutes=5)), ("12h", timedelta(hours=12)), ("14d", timedelta(days=14))]
)
def test_lengths_of_time(text: str, length: timedelta) -> None:
    assert span(text) == length
