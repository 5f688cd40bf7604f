"""What a small site does without, under the same systemd: byname-lmtp, the relay, PostgreSQL, Redis; sockets that stay.

After test_machine.py, which leaves the machine with the package, the names of docs/install.md and mail that flows.
"""

import json
from pathlib import Path

import pytest

from byname.sandbox.waiting import wait_until
from tests.packaging import page
from tests.packaging.machine import Machine
from tests.packaging.site import (
    FIRST_MAIL,
    Sent,
    come_back_when_killed,
    come_back_when_they_hang,
    empty_mailbox,
    ids,
    is_running,
    journal,
    mails,
    main_process,
    may_do_little,
    put,
    reload_without_end,
    report_that_they_are_ready,
    traffic,
    wait_for_line,
)

MILTERS = ["byname-milter@inbound", "byname-milter@submission", "byname-milter@local"]
ADDED = ["byname-lmtp", "byname-relay"]
DAEMONS = ["byname-maps", *MILTERS, *ADDED, "byname-api"]
NAMES = page.parts()["2. The first names"]
SALES = "sales@brand-b.test"
DOMAINS_FILE = "/var/spool/postfix/byname/domains"
AS_BYNAME = "runuser -u byname -- byname"

pytestmark = pytest.mark.timeout(900)


def all_arrived_under_their_name(content: str, sent: Sent) -> None:
    assert sorted(ids(content)) == sorted(sent.accepted)
    assert content.count(f"Delivered-To: {SALES}") == len(sent.accepted)


def test_the_lines_for_byname_lmtp(box: Machine) -> None:
    box.run(f"systemctl enable --now {' '.join(MILTERS)}")
    for line in page.marked("operate.md", "lmtp"):
        box.run(line)
    empty_mailbox(box)
    box.run(FIRST_MAIL)
    assert mails(box).count(f"Delivered-To: {SALES}") == 1
    assert "byname/lmtp.sock" in box.out("postconf -h virtual_transport")
    assert "john@brand-a.test" in journal(box, "dovecot")  # the real mailbox server took it


def test_the_lines_for_postgresql_and_redis(box: Machine) -> None:
    for line in [*page.marked("operate.md", "servers"), *NAMES, *page.marked("operate.md", "cached")]:
        box.run(line)
    empty_mailbox(box)
    box.run(FIRST_MAIL)
    assert mails(box).count(f"Delivered-To: {SALES}") == 1
    found = json.loads(box.run("byname doctor --json", check=False).stdout)["findings"]
    assert [one for one in found if one["severity"] in {"error", "warning"}] == []


def test_each_reports_that_it_is_ready_and_may_do_little(box: Machine) -> None:
    report_that_they_are_ready(box, DAEMONS)
    may_do_little(box, DAEMONS, with_network=["byname-api"])


def test_what_is_decided_comes_from_the_cache_that_the_relay_keeps(box: Machine) -> None:
    box.run(f"{AS_BYNAME} alias set {SALES} --disable")
    assert box.run(FIRST_MAIL, check=False).returncode != 0
    told = box.run(f"{AS_BYNAME} --json explain {SALES}", check=False).stdout
    assert '"answered_by": "cache"' in told, told
    box.run(f"{AS_BYNAME} alias set {SALES} --enable")


def test_reload_keeps_process_and_settings_with_a_mistake_are_not_taken(box: Machine) -> None:
    reload_without_end(box, ADDED)


def test_what_is_killed_is_started_again(box: Machine) -> None:
    come_back_when_killed(box, ADDED)


def test_what_hangs_is_started_again(box: Machine) -> None:
    come_back_when_they_hang(box, ADDED)


def test_while_map_and_lmtp_restart_or_have_died_postfix_is_not_turned_away(box: Machine) -> None:
    """So that no mail waits the five minutes for which Postfix puts off what it could not ask about or hand on."""
    began = box.out("date +%s")
    with traffic(box, SALES) as sent:
        for _ in range(2):
            before = main_process(box, "byname-maps")
            box.run("systemctl restart byname-maps byname-lmtp")
            assert main_process(box, "byname-maps") != before
        come_back_when_killed(box, ["byname-maps", "byname-lmtp"])
    assert sent.refused == []
    assert turned_away(box, began) == []
    arrived = mails(box)
    assert set(ids(arrived)) == set(sent.accepted)  # some twice: byname lmtp was killed (RFC 1047)
    assert arrived.count(f"Delivered-To: {SALES}") == len(ids(arrived))


def turned_away(box: Machine, since: str) -> list[str]:
    """Return the lines in which Postfix says that nobody listened where it asked, or that a map did not answer."""
    lines = box.out(f"journalctl --no-pager --since @{since}").splitlines()
    words = ("Connection refused", "No such file or directory", "lookup error", "Temporary lookup failure")
    return [line for line in lines if "postfix/" in line and any(one in line for one in words) and "milter" not in line]


@pytest.mark.parametrize("name", ["maps", "lmtp"])
def test_who_stops_both_stops_listening(box: Machine, name: str) -> None:
    place, unit = f"/var/spool/postfix/byname/{name}.sock", f"byname-{name}"
    assert box.out(f"stat -c '%U:%G %a' {place}") == "byname:postfix 660"
    box.run(f"systemctl stop {unit}.socket {unit}")
    assert box.out(f"systemctl is-active {unit}.service {unit}.socket || true").split() == ["inactive", "inactive"]
    assert box.run(f"test -e {place}", check=False).returncode == 1
    box.run(f"systemctl start {unit}")
    assert box.out(f"stat -c '%U:%G %a' {place}") == "byname:postfix 660"


def test_a_map_in_another_place_is_served_and_systemd_can_be_told(box: Machine) -> None:
    settings, drop_in = "/etc/byname/conf.d/place.toml", "/etc/systemd/system/byname-maps.socket.d"
    other = "/run/byname/maps.sock"
    asked = f"postmap -q brand-b.test socketmap:unix:{other}:domains"
    box.run(f"printf '[maps]\nlisten = \"unix:{other}\"\n' >{settings}; systemctl restart byname-maps")
    wait_for_line(box, "byname-maps", "socket-not-in-the-settings")
    assert box.out(asked) == "brand-b.test"
    assert box.run(f"test -e {other}.lock", check=False).returncode == 0
    box.run(f"systemctl stop byname-maps.socket byname-maps; rm {other}.lock; mkdir {drop_in}")
    box.run(f"printf '[Socket]\nListenStream=\nListenStream={other}\n' >{drop_in}/listen.conf; systemctl daemon-reload")
    box.run("systemctl start byname-maps")
    assert box.out(asked) == "brand-b.test"
    assert box.run(f"test -e {other}.lock", check=False).returncode == 1  # the daemon has opened nothing
    box.run(
        f"rm -r {settings} {drop_in}; systemctl daemon-reload; systemctl stop byname-maps; systemctl start byname-maps"
    )


def test_the_file_of_domains_is_kept_under_the_unit_that_may_do_little(box: Machine) -> None:
    lines, way_back = page.marked("map-file.md", "map-file"), page.marked("map-file.md", "socketmap")
    listing = next(line for line in lines if line.endswith("map-file list"))
    for line in lines[: lines.index(listing)]:
        box.run(line)
    wait_until(lambda: " in step " in box.run(listing, check=False).stdout, 60, "the file in step")
    for line in lines[lines.index(listing) :]:
        box.run(line)
    assert box.out("postconf -h virtual_mailbox_domains") == f"lmdb:{DOMAINS_FILE}"
    with traffic(box, SALES) as sent:
        for change in ("add filed.test --account brands --verified", "remove filed.test"):
            assert "pending" not in box.run(f"{AS_BYNAME} domain {change}").stderr
            found = box.run(f"postmap -q filed.test lmdb:{DOMAINS_FILE}", check=False).returncode == 0
            assert found == change.startswith("add")
        come_back_when_killed(box, ["byname-maps"])
    assert sent.refused == []
    for line in way_back:
        box.run(line)
    assert "socketmap" in box.out("postconf -h virtual_mailbox_domains")


def test_an_upgrade_leaves_postgresql_to_whoever_may(box: Machine, deb: Path) -> None:
    settings = "/etc/byname/conf.d/zz.toml"
    box.run("systemctl stop 'byname-*'; runuser -u postgres -- createdb --owner byname empty")
    box.run(f"printf '[store]\nurl = \"postgresql://byname@/empty?host=/run/postgresql\"\n' >{settings}")
    told = box.run(f"apt-get install --yes --reinstall /srv/{deb.name}").stdout
    assert 'the database needs "byname db upgrade"' in told
    assert box.run(f"{AS_BYNAME} db check", check=False).returncode == 78  # nothing was made there
    box.run(f"rm {settings}; runuser -u postgres -- dropdb empty; systemctl start {' '.join(DAEMONS)}")


def test_an_upgrade_with_all_of_it_loses_no_mail(box: Machine, deb: Path) -> None:
    before = {unit: main_process(box, unit) for unit in DAEMONS}
    with traffic(box, SALES) as sent:
        told = box.run(f"apt-get install --yes --reinstall /srv/{deb.name}").stdout
    assert "does not start" not in told
    assert "db upgrade" not in told
    for unit, process in before.items():
        assert is_running(box, unit)
        assert main_process(box, unit) != process
    assert sent.refused == []
    all_arrived_under_their_name(mails(box), sent)


def test_a_backup_of_postgresql_by_its_unit_and_back(box: Machine) -> None:
    box.run("systemctl start byname-backup")
    assert box.shows("byname-backup.service", "Result") == "success"
    box.run(f"{AS_BYNAME} alias remove {SALES}")
    box.run(f'{AS_BYNAME} restore --replace "$(ls -t /var/backups/byname/* | head -n 1)"')
    assert SALES in box.out(f"{AS_BYNAME} alias list")
    for job in ("byname-daily", "byname-domains"):
        box.run(f"systemctl start {job}", check=False)
        assert box.shows(f"{job}.service", "ExecMainStatus") in {"0", "75"}  # 75: there is no nameserver here
        assert is_running(box, "byname-relay")


def test_all_of_it_comes_back_after_a_boot(box: Machine) -> None:
    empty_mailbox(box)
    box.power_off()
    box.boot()
    report_that_they_are_ready(box, DAEMONS)
    box.run(FIRST_MAIL)
    assert mails(box).count(f"Delivered-To: {SALES}") == 1


def test_it_is_removed_with_its_sockets(box: Machine, deb: Path) -> None:
    put(box, deb, deb.name)
    box.run("apt-get purge --yes byname")
    assert box.out("pgrep -u byname || true") == ""
    assert box.out("systemctl list-units --plain --no-legend 'byname-*'") == ""
    assert box.run("test -e /var/spool/postfix/byname", check=False).returncode == 1
