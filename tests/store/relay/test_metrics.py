"""The metrics of a real relay and a real milter, and what is written about them: docs/metrics.md, conf/prometheus."""

import json
import re
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]

from bench.load.milter_client import opened
from byname.sandbox.ports import free_port, free_ports
from byname.sandbox.waiting import wait_until
from byname.telemetry import PORT_OF_ROLE, address_for
from conf.settings import load
from tests.store.cli.command_line import SAMPLE, CommandLine
from tests.store.cli.test_cli_cache import page
from tests.store.cli.test_cli_daemons import running
from tests.store.redis_server import RedisServer

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "conf" / "prometheus"
ROLES = ("relay", "inbound", "api")
ROW = re.compile(r"\| `(byname_\w+)` \| (\w+) \|([^|]*)\|")


class Pages:
    """The metrics of the site's daemons."""

    def __init__(self, listen: str) -> None:
        self._listen = listen

    def of(self, role: str, path: str = "/metrics") -> tuple[int, str]:
        return page(address_for(self._listen, role).port, path)

    def answers(self, role: str) -> bool:
        try:
            return self.of(role, "/livez")[0] == 200
        except OSError:
            return False

    def value(self, role: str, sample: str) -> str:
        status, text = self.of(role)
        assert status == 200
        found = [line.removeprefix(f"{sample} ") for line in text.splitlines() if line.startswith(f"{sample} ")]
        assert len(found) == 1, (sample, text)
        return found[0]

    def families(self, *roles: str) -> dict[str, str]:
        """Return the type of each metric of ours, by the name it is registered under."""
        found: dict[str, str] = {}
        for role in roles:
            types = re.findall(r"^# TYPE (byname_\w+) (\w+)$", self.of(role)[1], re.MULTILINE)
            found |= {name.removesuffix("_total"): kind for name, kind in types if not name.endswith("_created")}
        return found


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis that a test starts when it wants it."""
    server = RedisServer()
    yield server
    server.remove()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, server: RedisServer) -> CommandLine:
    byname = CommandLine(tmp_path_factory.mktemp("sample"))
    byname.succeed(*SAMPLE)
    byname.configure(
        f'cache.url = "{server.url}"',
        f'metrics.listen = "127.0.0.1:{free_base()}"',
        f'milter.inbound = "unix:{byname.folder}/in.sock"',
        f'milter.submission = "unix:{byname.folder}/sub.sock"',
        f'api.listen = "127.0.0.1:{free_port()}"',
        'sending.listener = "127.0.0.1:1"',
        f'sending.key = "{"k" * 32}"',
    )
    return byname


def free_base() -> int:
    """Return a port that is free, and with it those that the other roles count up to."""
    for first in free_ports(100):
        try:
            for offset in PORT_OF_ROLE.values():
                socket.create_server(("127.0.0.1", first + offset)).close()
        except OSError:
            continue
        return first
    raise AssertionError("no ports")


@pytest.fixture(scope="module")
def pages(site: CommandLine, server: RedisServer) -> Iterator[Pages]:
    """Relay, API, inbound and submission milter run; Redis does not yet."""
    with ExitStack() as stack:
        stack.enter_context(ended(site.start("api", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)))
        for command in ("relay", "milter --role inbound", "milter --role submission"):
            stack.enter_context(running(site, command))
        pages = Pages(str(load(site.config).metrics.listen))
        wait_until(lambda: pages.answers("api"), 20, "the API")
        yield pages


@contextmanager
def ended(process: "subprocess.Popen[str]") -> Iterator[None]:
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def leased(pages: Pages, server: RedisServer) -> Pages:
    """The same, and the cache is vouched for."""
    if not server.socket.exists():
        server.start()
    wait_until(lambda: pages.of("relay", "/readyz")[0] == 200, 20, "the lease")
    return pages


def test_the_relay_says_why_it_is_not_ready(pages: Pages) -> None:
    def reason() -> str | None:
        status, text = pages.of("relay", "/readyz")
        assert status == 503
        return text if "no step" not in text else None

    assert re.fullmatch(
        r"lease: not given for \d+ s: the cache cannot be reached\n", wait_until(reason, 10, "a reason")
    )
    assert pages.of("relay", "/livez") == (200, "ok\n")
    assert pages.value("relay", "byname_relay_lease_renewals_total") == "0.0"
    assert float(pages.value("relay", "byname_relay_failures_total")) > 0


def test_the_relay_tells_of_changes(leased: Pages, site: CommandLine) -> None:
    assert leased.of("relay", "/readyz") == (200, "lease: ok\n")
    quick = 'byname_propagation_seconds_bucket{le="5.0"}'
    before = count(leased, quick)
    site.succeed("alias add metered@brand-b.test john@brand-a.test")  # returns when it is live
    wait_until(lambda: count(leased, quick) == before + 1, 5, "a change to be counted")
    assert count(leased, "byname_relay_rebuilds_total") == 1
    assert count(leased, "byname_relay_lease_renewals_total") > 0
    for sample, expected in (
        ("byname_outbox_rows", "0.0"),
        ("byname_outbox_oldest_seconds", "0.0"),
        ("byname_relay_repaired_fields_total", "0.0"),
        ("byname_relay_last_audit_timestamp_seconds", "0.0"),
        ("byname_cache_noeviction", "1.0"),
    ):
        assert leased.value("relay", sample) == expected


def count(pages: Pages, sample: str) -> float:
    return float(pages.value("relay", sample))


def test_what_waits_is_told_while_redis_is_silent(leased: Pages, site: CommandLine, server: RedisServer) -> None:
    server.freeze()
    try:
        site.succeed("alias add waiting@brand-b.test john@brand-a.test")
        assert leased.value("relay", "byname_outbox_rows") == "1.0"
        assert count(leased, "byname_outbox_oldest_seconds") > 0
    finally:
        server.thaw()
    wait_until(lambda: leased.value("relay", "byname_outbox_rows") == "0.0", 10, "the outbox to be empty")


def test_a_store_that_is_away_costs_the_relay_no_page(leased: Pages, site: CommandLine) -> None:
    away = site.database.with_suffix(".away")
    site.database.rename(away)
    try:
        assert leased.value("relay", "byname_outbox_rows") in {"NaN", "0.0"}  # a connection may be open still
        assert leased.of("relay", "/livez")[0] == 200
    finally:
        away.rename(site.database)


def test_a_milter_counts_its_decisions(leased: Pages, site: CommandLine) -> None:
    with opened(f"unix:{site.folder}/in.sock") as mta:
        assert mta.mail("ann@outside.example").code == 250
        assert mta.rcpt("nobody@brand-b.test").text.startswith("550 5.1.1 ")
        assert mta.rcpt("sales@brand-b.test").code == 250
        assert mta.rcpt("x@elsewhere.test").code == 250
        assert mta.message([("From", " ann@outside.example")]).code == 250
    with opened(f"unix:{site.folder}/sub.sock") as mta:
        assert mta.mail("mary@brand-a.test", macros={"{auth_authen}": "john@brand-a.test"}).code == 553
    for role, flow, rule, verdict in (
        ("inbound", "recipient", "unknown", "reject"),
        ("inbound", "recipient", "alias", "deliver"),
        ("inbound", "recipient", "not-hosted", "not-ours"),
        ("inbound", "sender", "allowed", "allow"),
        ("submission", "sender", "sender-not-owned", "reject"),
    ):
        labels = f'flow="{flow}",role="{role}",rule="{rule}",verdict="{verdict}"'
        assert leased.value(role, f"byname_decisions_total{{{labels}}}") == "1.0"
    assert leased.value("inbound", 'byname_callback_failures_total{role="inbound"}') == "0.0"
    assert "sales" not in leased.of("inbound")[1]


def test_the_page_about_metrics_lists_them_all(leased: Pages) -> None:
    rows = ROW.findall((ROOT / "docs" / "metrics.md").read_text())
    measured = {name: kind for name, kind, _ in rows}
    assert len(measured) == len(rows)
    assert measured == leased.families(*ROLES)
    labels = {name: set(re.findall(r"`(\w+)`", text)) for name, _, text in rows}
    for role in ROLES:
        for sample, given in re.findall(
            r"^(byname_\w+?)(?:_total|_bucket)\{(.*?)\} ", leased.of(role)[1], re.MULTILINE
        ):
            assert set(re.findall(r"(\w+)=", given)) - {"le"} == labels[sample]


def test_alerts_use_metrics_that_there_are(leased: Pages) -> None:
    there = {name for role in ROLES for name in re.findall(r"^# TYPE (\w+) ", leased.of(role)[1], re.MULTILINE)}
    rules = [rule for group in sample("byname.rules.yml")["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) > 10
    for rule in rules:
        used = re.findall(r"\bbyname_\w+", rule["expr"])
        assert {name.removesuffix("_bucket") for name in used} <= there, rule["alert"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"]["summary"]


def test_the_dashboard_shows_metrics_that_there_are(leased: Pages) -> None:
    there = {name for role in ROLES for name in re.findall(r"^# TYPE (\w+) ", leased.of(role)[1], re.MULTILINE)}
    used = {name for expression in expressions() for name in re.findall(r"\b(?:byname|process)_\w+", expression)}
    assert len(used) > 20
    assert {name.removesuffix("_bucket") for name in used} <= there


def test_prometheus_reads_the_samples(tmp_path: Path) -> None:
    """Its own checker: rules, scrape configuration, and what the dashboard asks."""
    copy = tmp_path / "byname.rules.yml"
    copy.write_text((SAMPLES / "byname.rules.yml").read_text())
    config = tmp_path / "prometheus.yml"
    config.write_text((SAMPLES / "byname.yml").read_text().replace("/etc/prometheus", str(tmp_path)))
    asked = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(expressions())]
    panels = tmp_path / "panels.yml"
    panels.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": asked}]}))
    for command in (["check", "config", str(config)], ["check", "rules", "--lint-fatal", str(copy), str(panels)]):
        done = subprocess.run(["promtool", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_dashboard_is_one_of_grafanas() -> None:
    """As far as can be told without Grafana, which Debian does not have: ids, places, queries, the data source."""
    found = dashboard()
    panels = found["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 15
    taken = [
        (x, y)
        for panel in panels
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(set(taken)) == len(taken)
    assert {x for x, _ in taken} == set(range(24))
    for panel in panels:
        assert panel["type"] in {"row", "timeseries"}
        targets = panel.get("targets", [])
        assert bool(targets) == (panel["type"] != "row")
        assert len({target["refId"] for target in targets}) == len(targets)
        assert all(target["datasource"]["uid"] == "${datasource}" for target in targets)
    assert [variable["name"] for variable in found["templating"]["list"]] == ["datasource", "instance"]


def dashboard() -> Any:
    return json.loads((SAMPLES.parent / "grafana" / "byname.json").read_text())


def expressions() -> list[str]:
    """What the dashboard asks, with its variables set."""
    asked = [target["expr"] for panel in dashboard()["panels"] for target in panel.get("targets", [])]
    return [one.replace("$__rate_interval", "5m").replace("$instance", ".*") for one in asked]


def test_the_sample_scrapes_every_role() -> None:
    (job,) = sample("byname.yml")["scrape_configs"]
    found = {target["labels"]["daemon"]: target["targets"] for target in job["static_configs"]}
    where = {role: address_for("127.0.0.1:9464", role) for role in PORT_OF_ROLE}
    assert found == {role: [f"{place.host}:{place.port}"] for role, place in where.items()}


def sample(name: str) -> Any:
    return yaml.safe_load((SAMPLES / name).read_text())
