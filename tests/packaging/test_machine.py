"""The package on a machine whose systemd is real: docs/install.md line by line, the units, an upgrade, removal.

One machine for all, in this order. `make test-deb` runs it; it needs root, systemd-nspawn, and some minutes.
"""

import re
from pathlib import Path

import pytest

from tests.packaging import page
from tests.packaging.machine import Machine
from tests.packaging.site import (
    FIRST_MAIL,
    come_back_when_killed,
    come_back_when_they_hang,
    ids,
    is_running,
    mails,
    main_process,
    may_do_little,
    put,
    reload_without_end,
    report_that_they_are_ready,
    traffic,
)

DAEMONS = ["byname-maps", "byname-milter@inbound", "byname-milter@submission", "byname-milter@local", "byname-api"]
MANUAL = Path(__file__).parents[2] / "docs" / "man"
NAMES = page.parts()["2. The first names"]
PARTS = [(part, lines) for part, lines in page.parts().items() if part != "1. The package"]

pytestmark = pytest.mark.timeout(900)


def test_the_machine_has_booted_and_has_no_network(box: Machine) -> None:
    assert box.out("cat /proc/1/comm") == "systemd"
    assert box.out("ls /sys/class/net") == "lo"


def test_it_is_installed_without_network(box: Machine, deb: Path) -> None:
    put(box, deb, deb.name)
    (line,) = page.parts()["1. The package"]
    told = box.run(f"cd /srv && {line}")
    assert "nothing is started yet" in told.stdout  # apt hands on what dpkg says
    assert box.out("dpkg-query -W -f '${db:Status-Status}' byname") == "installed"
    assert box.run("dpkg --verify byname").stdout == ""


def test_user_folders_and_database_are_there(box: Machine) -> None:
    listed = box.out(
        "stat -c '%n %U:%G %a' /etc/byname /var/lib/byname /run/byname /var/spool/postfix/byname /var/backups/byname"
    )
    assert listed.splitlines() == [
        "/etc/byname root:byname 750",
        "/var/lib/byname byname:byname 750",
        "/run/byname byname:postfix 2750",
        "/var/spool/postfix/byname byname:postfix 2750",
        "/var/backups/byname byname:byname 700",
    ]
    assert "as it should be" in box.out("runuser -u byname -- byname db check")


def test_nothing_is_started_by_the_installation(box: Machine) -> None:
    assert box.out("systemctl list-units --all --plain --no-legend 'byname-*'") == ""


def test_every_library_that_is_linked_is_there(box: Machine) -> None:
    """And belongs to a package that ours depends on, or to what every Debian has."""
    linked = box.out("find /usr/lib/byname -name '*.so*' -type f -exec ldd {} +")
    assert "not found" not in linked
    outside = {path for path in re.findall(r"=> (/\S+)", linked) if not path.startswith("/usr/lib/byname")}
    for path in sorted(outside):
        owner = box.out(f"dpkg-query -S $(readlink -f {path}) {path} 2>/dev/null | head -n 1").split(":")[0]
        depends = box.out("dpkg-query -W -f '${Depends}' byname")
        assert owner in {"libc6", *re.findall(r"[a-z0-9.+-]+", depends)}, path


def test_pages_of_the_manual_and_completion_are_there(box: Machine) -> None:
    asked = "source /usr/share/bash-completion/completions/byname; COMP_WORDS=(byname al) COMP_CWORD=1"
    assert box.out(f"{asked}; _byname_completion byname; echo ${{COMPREPLY[@]}}") == "alias"
    manual = {one.name for one in MANUAL.glob("*.[1-8]")}
    assert set(box.out("ls /usr/share/man/man*/byname* 2>/dev/null | xargs -rn 1 basename").split()) == {
        f"{name}.gz" for name in manual
    }


@pytest.mark.parametrize(("part", "lines"), PARTS, ids=[part for part, _ in PARTS])
def test_the_page_line_by_line(box: Machine, part: str, lines: list[str]) -> None:
    printed = "\n".join(box.out(line) for line in lines)
    for expected in _SAYS.get(part, []):
        assert expected in printed
    if part.startswith("6."):  # the name that came back from the backup
        box.run(FIRST_MAIL)
    if part in _MAILS:
        assert mails(box).count("Delivered-To: sales@brand-b.test") == _MAILS[part]


_MAILS = {"4. Look whether it works": 1, "5. Change something": 1, "6. Back up, and back again": 2}
_SAYS = {
    "2. The first names": ["sales@brand-b.test", "john@brand-a.test"],
    "3. Start Byname, then tell Postfix": ["nothing was changed", "byname setup --undo takes it back"],
    "5. Change something": ["refused"],
    "6. Back up, and back again": ["the store is that of"],
    "4. Look whether it works": ["sales@brand-b.test"],
}


def test_each_daemon_reports_that_it_is_ready(box: Machine) -> None:
    report_that_they_are_ready(box, DAEMONS)


def test_a_daemon_may_do_little(box: Machine) -> None:
    may_do_little(box, DAEMONS, with_network=["byname-api"])


def test_what_a_unit_may_do_is_rated_as_the_page_says(box: Machine) -> None:
    told = box.out(
        "systemd-analyze security --no-pager 'byname-*' 2>/dev/null || true; systemd-analyze security --no-pager"
    )
    rated = dict(re.findall(r"(?m)^(byname-\S+)\.service +(\d+\.\d) ", told))
    assert {unit: rated.get(unit) in {"0.2", "0.3"} for unit in DAEMONS} == {
        unit: unit != "byname-api" for unit in DAEMONS
    }, told
    assert rated["byname-api"] == "1.1"


def test_sockets_are_for_postfix_and_nobody_else(box: Machine) -> None:
    connect = "import socket; socket.socket(socket.AF_UNIX).connect('/var/spool/postfix/byname/inbound.sock')"
    assert box.run(f'runuser -u postfix -- python3.11 -c "{connect}"', check=False).returncode == 0
    told = box.run(f'runuser -u nobody -- python3.11 -c "{connect}"', check=False)
    assert "PermissionError" in told.stderr


def test_reload_keeps_process_and_settings_with_a_mistake_are_not_taken(box: Machine) -> None:
    reload_without_end(box, DAEMONS)


def test_what_is_killed_is_started_again(box: Machine) -> None:
    come_back_when_killed(box, DAEMONS)


def test_what_hangs_is_started_again(box: Machine) -> None:
    come_back_when_they_hang(box, DAEMONS)


def test_metrics_need_the_drop_in_for_the_network(box: Machine) -> None:
    drop_in = "/etc/systemd/system/byname-.service.d"
    box.run("echo '[metrics]\nlisten = \"127.0.0.1:9464\"' > /etc/byname/conf.d/metrics.toml")
    box.run(f"install -D /usr/share/doc/byname/examples/systemd/network.conf {drop_in}/network.conf")
    box.run("systemctl daemon-reload; systemctl restart byname-milter@inbound")
    assert "byname_" in box.out("curl --silent --fail http://127.0.0.1:9464/metrics")
    box.run(f"rm {drop_in}/network.conf /etc/byname/conf.d/metrics.toml; systemctl daemon-reload")
    box.run("systemctl restart byname-milter@inbound")


def test_credentials_are_handed_to_the_services_alone(box: Machine) -> None:
    drop_in, sample = "/etc/systemd/system/byname-.service.d", "/usr/share/doc/byname/examples/systemd/credentials.conf"
    for line in box.out(f"sed -n 's/^#   //p' {sample}").splitlines():
        if not line.startswith("systemctl"):
            box.run(line)
    box.run(f"install -D {sample} {drop_in}/credentials.conf; systemctl daemon-reload")
    box.run("systemctl restart byname-milter@inbound")
    environ = box.out(f"tr '\\0' '\\n' < /proc/{main_process(box, 'byname-milter@inbound')}/environ")
    (place,) = re.findall(r"(?m)^BYNAME_TRACE__KEY_FILE=(.*)$", environ)
    assert box.run("runuser -u byname -- cat /etc/byname/credentials/trace.key", check=False).returncode != 0
    assert place.startswith("/run/credentials/byname-milter@inbound.service/")
    box.run(f"rm -r {drop_in} /etc/byname/credentials; systemctl daemon-reload")
    box.run("systemctl restart byname-milter@inbound")


def test_the_services_come_back_after_a_boot_and_before_postfix(box: Machine) -> None:
    box.power_off()
    box.boot()
    postfix = int(box.shows("postfix@-.service", "ExecMainStartTimestampMonotonic") or 0) or int(
        box.shows("postfix@-.service", "InactiveExitTimestampMonotonic")
    )
    for unit in DAEMONS:
        assert box.shows(unit, "SubState") == "running"
        if unit != "byname-api":
            assert int(box.shows(unit, "ActiveEnterTimestampMonotonic")) < postfix
    box.run(FIRST_MAIL)
    assert mails(box).count("Delivered-To: sales@brand-b.test") == 3


def test_timers_run_their_jobs(box: Machine) -> None:
    for job in ("byname-daily", "byname-backup"):
        assert box.shows(f"{job}.timer", "ActiveState") == "active"
        box.run(f"systemctl start {job}.service")
        assert box.shows(f"{job}.service", "Result") == "success"


def test_before_a_removal_postfix_is_as_it_was(box: Machine) -> None:
    box.run("byname setup --undo && postfix reload && systemctl stop 'byname-*'")
    assert box.out("ls /var/spool/postfix/byname/*.sock 2>/dev/null || true") == ""
    assert box.out("postconf -h virtual_mailbox_domains") == "brand-a.test"
    box.run(FIRST_MAIL.replace("sales@brand-b.test", "john@brand-a.test"))
    assert len(ids(mails(box))) == 4
    for line in page.parts()["3. Start Byname, then tell Postfix"]:
        box.run(line)


def test_it_is_removed_and_its_data_stays(box: Machine) -> None:
    box.run("apt-get remove --yes byname")
    assert box.out("pgrep -u byname || true") == ""
    assert box.out("ls /usr/lib/byname /usr/bin/byname 2>/dev/null || true") == ""
    assert box.run("test -s /var/lib/byname/byname.db -a -s /etc/byname/byname.toml").returncode == 0
    mail = FIRST_MAIL.replace("/usr/share/doc/byname/examples/first-mail.eml", "/etc/hosts")
    assert "451" in box.run(mail, check=False).stderr


def test_it_is_purged_and_only_backups_stay(box: Machine) -> None:
    box.run("apt-get purge --yes byname")
    left = box.out("find / -xdev -name '*byname*' -not -path '/proc/*' -not -path '/srv/*' -not -path '/tmp/*'")
    allowed = ("/var/backups/byname", "/etc/postfix/", "/var/log/", "/var/lib/systemd/timers/")
    assert [path for path in left.splitlines() if not path.startswith(allowed)] == []
    assert box.out("ls /var/backups/byname") != ""
    box.run("rm -rf /var/backups/byname")


def test_an_upgrade_loses_no_mail(box: Machine, previous: Path, deb: Path) -> None:
    put(box, previous, "previous.deb")
    box.run("apt-get install /srv/previous.deb")
    for line in [*NAMES, "systemctl enable --now byname-maps byname-milter@inbound byname-milter@local byname-api"]:
        box.run(line)
    before = {unit: main_process(box, unit) for unit in ("byname-maps", "byname-milter@inbound", "byname-api")}
    with traffic(box, "sales@brand-b.test") as sent:
        told = box.run(f"apt-get install --yes /srv/{deb.name}")
    assert "does not start" not in told.stdout
    for unit, process in before.items():
        assert is_running(box, unit)
        assert main_process(box, unit) != process
    assert sent.refused == []
    arrived = mails(box)
    assert sorted(ids(arrived)) == sorted(sent.accepted)
    assert arrived.count("Delivered-To: sales@brand-b.test") == len(sent.accepted)


def test_the_upgrade_brought_the_new_settings_and_kept_what_was_made(box: Machine) -> None:
    assert "of the release before" not in box.out("cat /etc/byname/byname.toml")
    assert "sales@brand-b.test" in box.out("runuser -u byname -- byname alias list")
    assert box.run("dpkg --verify byname").stdout == ""
