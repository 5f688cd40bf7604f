"""The package on a machine whose systemd is real: docs/install.md line by line, the units, an upgrade, removal.

One machine for all, in this order. `make test-deb` runs it; it needs root, systemd-nspawn, and some minutes.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from byname.sandbox.waiting import wait_until
from tests.packaging import page
from tests.packaging.machine import Machine, is_possible, machine

HERE = Path(__file__).parent
DAEMONS = ["byname-maps", "byname-milter@inbound", "byname-milter@submission", "byname-milter@local", "byname-api"]
UNIX_ONLY = DAEMONS[:-1]
NAMES = page.parts()["2. The first names"]
PARTS = [(part, lines) for part, lines in page.parts().items() if part != "1. The package"]

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def deb(request: pytest.FixtureRequest) -> Path:
    found: Path = request.config.getoption("--deb")
    return found.absolute()


@pytest.fixture(scope="module")
def box(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    missing = is_possible()
    assert missing is None, f"a machine that boots needs {missing}"
    made = request.config.getoption("--site-root").absolute()
    with machine(made, tmp_path_factory.mktemp("machine")) as booted:
        booted.run((HERE / "existing_site.sh").read_text())
        yield booted


@pytest.fixture(scope="module")
def previous(request: pytest.FixtureRequest, deb: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The release before: a true one where it is given, else this one under a lower number and with another setting."""
    given: Path | None = request.config.getoption("--previous-deb")
    if given is not None:
        return given.absolute()
    folder = tmp_path_factory.mktemp("previous")
    subprocess.run(["dpkg-deb", "--raw-extract", deb, folder / "tree"], check=True)
    control = folder / "tree/DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", "Version: 0.0.1", control.read_text()))
    settings = folder / "tree/etc/byname/byname.toml"
    settings.write_text("# of the release before\n" + settings.read_text())
    built = folder / "byname_0.0.1.deb"
    command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(folder / "tree"), str(built)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return built


def put(box: Machine, file: Path, name: str) -> None:
    (box.root / "srv" / name).write_bytes(file.read_bytes())


def mails(box: Machine) -> str:
    """Return all that lies in john's mailbox, once the queue is empty; what waits for a retry is tried at once."""
    wait_until(lambda: "is empty" in box.out("postqueue -f; sleep 1; postqueue -p"), 120, "an empty queue")
    return box.out("cat /var/vmail/brand-a.test/john/new/* 2>/dev/null || true")


def main_process(box: Machine, unit: str) -> int:
    return int(box.shows(unit, "MainPID"))


def is_running(box: Machine, unit: str) -> bool:
    return box.shows(unit, "SubState") == "running"


def wait_for_another(box: Machine, unit: str, process: int) -> None:
    """Wait until the unit runs as another process than that."""
    wait_until(lambda: is_running(box, unit) and main_process(box, unit) not in {0, process}, 120, f"another {unit}")


def journal(box: Machine, unit: str) -> str:
    return box.out(f"journalctl --no-pager --boot --unit={unit}")


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
    manual = {page.name for page in (HERE.parents[1] / "docs" / "man").glob("*.[1-8]")}
    assert set(box.out("ls /usr/share/man/man*/byname* 2>/dev/null | xargs -rn 1 basename").split()) == {
        f"{name}.gz" for name in manual
    }


@pytest.mark.parametrize(("part", "lines"), PARTS, ids=[part for part, _ in PARTS])
def test_the_page_line_by_line(box: Machine, part: str, lines: list[str]) -> None:
    printed = "\n".join(box.out(line) for line in lines)
    for expected in _SAYS.get(part, []):
        assert expected in printed
    if part.startswith("4."):
        assert mails(box).count("Delivered-To: sales@brand-b.test") == 1


_SAYS = {
    "2. The first names": ["sales@brand-b.test", "john@brand-a.test"],
    "3. Start Byname, then tell Postfix": ["nothing was changed", "byname setup --undo takes it back"],
    "5. Change something": ["refused"],
    "6. Back up, and back again": ["the store is that of"],
    "4. Look whether it works": ["sales@brand-b.test"],
}


def test_each_daemon_reports_that_it_is_ready(box: Machine) -> None:
    for unit in DAEMONS:
        assert box.shows(unit, "Type") == "notify"
        assert is_running(box, unit)
        assert box.shows(unit, "WatchdogTimestampMonotonic") != "0"


def test_a_daemon_may_do_little(box: Machine) -> None:
    """What the kernel says of the processes, not what the units ask for."""
    for unit in DAEMONS:
        status = box.out(f"cat /proc/{main_process(box, unit)}/status")
        assert "NoNewPrivs:\t1" in status
        assert "Seccomp:\t2" in status
        assert "CapBnd:\t0000000000000000" in status
        networks = box.out(f"readlink /proc/{main_process(box, unit)}/ns/net /proc/1/ns/net").split()
        assert len(set(networks)) == (2 if unit in UNIX_ONLY else 1)


def test_sockets_are_for_postfix_and_nobody_else(box: Machine) -> None:
    connect = "import socket; socket.socket(socket.AF_UNIX).connect('/var/spool/postfix/byname/inbound.sock')"
    assert box.run(f'runuser -u postfix -- python3.11 -c "{connect}"', check=False).returncode == 0
    told = box.run(f'runuser -u nobody -- python3.11 -c "{connect}"', check=False)
    assert "PermissionError" in told.stderr


def test_reload_keeps_process_and_settings_with_a_mistake_are_not_taken(box: Machine) -> None:
    unit, settings = "byname-milter@inbound", "/etc/byname/conf.d/try.toml"
    before = main_process(box, unit)
    box.run(f"echo '[milter]\nmode = \"wrong\"' > {settings}; systemctl reload {unit}")
    wait_until(lambda: "reload-failed" in journal(box, unit), 20, "the mistake in the journal")
    box.run(f"rm {settings}; systemctl reload {unit}")
    assert main_process(box, unit) == before
    assert box.shows(unit, "ActiveState") == "active"


def test_what_is_killed_is_started_again(box: Machine) -> None:
    for unit in DAEMONS:
        before, count = main_process(box, unit), int(box.shows(unit, "NRestarts"))
        box.run(f"kill -KILL {before}")
        wait_for_another(box, unit, before)
        assert int(box.shows(unit, "NRestarts")) == count + 1


def test_what_hangs_is_started_again(box: Machine) -> None:
    before = {unit: main_process(box, unit) for unit in DAEMONS}
    assert all(before.values())
    box.run(f"kill -STOP {' '.join(map(str, before.values()))}")
    for unit, process in before.items():
        wait_for_another(box, unit, process)
        assert "Watchdog timeout" in journal(box, unit)


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
    box.run(page.parts()["4. Look whether it works"][0])
    assert mails(box).count("Delivered-To: sales@brand-b.test") == 2


def test_timers_run_their_jobs(box: Machine) -> None:
    for job in ("byname-daily", "byname-backup"):
        assert box.shows(f"{job}.timer", "ActiveState") == "active"
        box.run(f"systemctl start {job}.service")
        assert box.shows(f"{job}.service", "Result") == "success"


def test_it_is_removed_and_its_data_stays(box: Machine) -> None:
    box.run("apt-get remove --yes byname")
    assert box.out("pgrep -u byname || true") == ""
    assert box.out("ls /usr/lib/byname /usr/bin/byname 2>/dev/null || true") == ""
    assert box.run("test -s /var/lib/byname/byname.db -a -s /etc/byname/byname.toml").returncode == 0
    mail = page.parts()["4. Look whether it works"][0].replace(
        "/usr/share/doc/byname/examples/first-mail.eml", "/etc/hosts"
    )
    assert "451" in box.run(mail, check=False).stderr


def test_it_is_purged_and_only_backups_stay(box: Machine) -> None:
    box.run("apt-get purge --yes byname")
    left = box.out("find / -xdev -name '*byname*' -not -path '/proc/*' -not -path '/srv/*' -not -path '/tmp/*'")
    allowed = ("/var/backups/byname", "/etc/postfix/", "/var/log/", "/var/lib/systemd/timers/")
    assert [path for path in left.splitlines() if not path.startswith(allowed)] == []
    assert box.out("ls /var/backups/byname") != ""
    box.run("rm -rf /var/backups/byname")


def test_an_upgrade_loses_no_mail(
    box: Machine, previous: Path, deb: Path, record_property: Callable[[str, object], None]
) -> None:
    put(box, previous, "previous.deb")
    box.run("apt-get install /srv/previous.deb")
    for line in [*NAMES, "systemctl enable --now byname-maps byname-milter@inbound byname-milter@local byname-api"]:
        box.run(line)
    box.run("rm -rf /var/vmail/brand-a.test")
    put(box, HERE / "traffic.py", "traffic.py")
    before = {unit: main_process(box, unit) for unit in ("byname-maps", "byname-milter@inbound", "byname-api")}
    box.run("touch /run/traffic; (python3.11 /srv/traffic.py /run/traffic sales@brand-b.test >/run/sent 2>&1 &)")
    wait_until(lambda: int(box.out("ls /var/vmail/brand-a.test/john/new 2>/dev/null | wc -l")) > 20, 60, "some mail")
    told = box.run(f"apt-get install --yes /srv/{deb.name}")
    assert "does not start" not in told.stdout
    for unit, process in before.items():
        assert box.shows(unit, "SubState") == "running"
        assert main_process(box, unit) != process
    box.run("rm /run/traffic; while pgrep -f '[t]raffic.py'; do sleep 0.2; done")
    sent = json.loads(box.out("cat /run/sent"))
    record_property("upgrade", {name: value for name, value in sent.items() if name != "accepted"})
    assert sent["refused"] == []
    arrived = re.findall(r"(?mi)^Message-ID: <(.+)>$", mails(box))
    assert sorted(arrived) == sorted(sent["accepted"])
    assert mails(box).count("Delivered-To: sales@brand-b.test") == len(arrived)


def test_the_upgrade_brought_the_new_settings_and_kept_what_was_made(box: Machine) -> None:
    assert "of the release before" not in box.out("cat /etc/byname/byname.toml")
    assert "sales@brand-b.test" in box.out("runuser -u byname -- byname alias list")
    assert box.run("dpkg --verify byname").stdout == ""
