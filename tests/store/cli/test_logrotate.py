"""The sample for logrotate, under the real program: a daemon goes on writing while its log is put away."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

from byname.sandbox.waiting import wait_until

SAMPLE = Path(str(files("conf"))) / "logrotate" / "byname"
_WRITER = "import sys, time\nwhile True: print('line', file=sys.stderr, flush=True); time.sleep(0.01)"


def test_a_log_is_put_away_while_it_is_written(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    log = logs / "inbound.log"
    config = tmp_path / "byname"
    text = SAMPLE.read_text().replace("/var/log/byname", str(logs))
    config.write_text(text.replace("    su root adm\n", ""))  # the test's folder is the test's
    config.chmod(0o644)
    checked = subprocess.run(["logrotate", "-d", str(config)], capture_output=True, text=True, check=False)
    assert (checked.returncode, "error" in checked.stderr) == (0, False), checked.stderr
    with log.open("ab") as opened, subprocess.Popen([sys.executable, "-c", _WRITER], stderr=opened) as writer:
        try:
            wait_until(lambda: log.stat().st_size > 0, 10, "a line")
            for _ in range(2):
                state = ["--state", str(tmp_path / "state")]
                done = subprocess.run(["logrotate", "--force", *state, str(config)], capture_output=True, check=False)
                assert done.returncode == 0, done.stderr
                wait_until(lambda: log.stat().st_size > 0, 10, "another line in the emptied file")
        finally:
            writer.kill()
    assert {path.name for path in logs.iterdir()} == {"inbound.log", "inbound.log.1", "inbound.log.2.gz"}
    assert set(log.read_bytes().splitlines()) == {b"line"}  # no gap of zeros before what came later


def test_the_sample_as_it_stands_is_read() -> None:
    done = subprocess.run(["logrotate", "-d", str(SAMPLE)], capture_output=True, text=True, check=False)
    assert "error: " not in done.stderr.replace("error: skipping", ""), done.stderr
