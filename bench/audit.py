"""``make audit``: whether the packages of the locks have holes that a vulnerability database knows.

pip-audit asks. VULNERABILITIES says what answers: a file or folder in OSV's form (OSV's export for PyPI, all.zip, or
PyPA's advisory-database), from which this answers on loopback, without any network; or the URL of a server of OSV's
API. Without it, or where nobody answers, nothing was audited, and that is said.

Exit codes: 0 nothing known, 1 holes, 2 not audited.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from bench import osv

LOCKS = ("requirements.txt", "requirements-dev.txt")
CLEAN, HOLES, NOT_AUDITED = 0, 1, 2


def main(program: str, given: str | None) -> int:
    """Audit each lock with ``program``, which is pip-audit, against what was given."""
    if not given:
        return _not_audited(
            "no vulnerability database was given: make audit VULNERABILITIES=FILE|FOLDER|URL, "
            "such as OSV's export for PyPI (all.zip), PyPA's advisory-database, or https://api.osv.dev/v1/query"
        )
    if given.startswith(("http://", "https://")):
        return audit(program, given)
    try:
        records = osv.read(Path(given))
    except osv.BadDatabase as error:
        return _not_audited(str(error))
    print(f"records about {len(records)} packages, the latest of {osv.newest(records)}: {given}")
    with serving(records) as url:
        return audit(program, url)


def audit(program: str, url: str) -> int:
    """Ask about every package of the locks; tell of each hole."""
    holes: set[str] = set()
    for lock in LOCKS:
        command = [program, "-r", lock, "-s", "osv", "--osv-url", url, "-f", "json", "--desc", "off"]
        asked = subprocess.run(
            [*command, "--disable-pip", "--no-deps", "--progress-spinner", "off"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        try:
            dependencies = json.loads(asked.stdout)["dependencies"]
        except (ValueError, KeyError, TypeError):
            last = (asked.stderr.strip().splitlines() or ["it said nothing"])[-1]
            return _not_audited(f"{lock}: pip-audit ended with {asked.returncode}: {last}")
        if skipped := [each["name"] for each in dependencies if "skip_reason" in each]:
            return _not_audited(f"{lock}: left out: {', '.join(skipped)}")
        print(f"{lock}: {len(dependencies)} packages looked at")
        holes |= set(lines(dependencies))
    print("\n".join(sorted(holes)) or "nothing known")
    return HOLES if holes else CLEAN


def lines(dependencies: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield a line for each hole: package, version, what it is called, what mends it."""
    for each in dependencies:
        for hole in each["vulns"]:
            names, mended = " ".join([hole["id"], *hole["aliases"]]), ", ".join(hole["fix_versions"])
            yield f"{each['name']} {each['version']}: {names}; mended by {mended or 'nothing yet'}"


@contextmanager
def serving(records: Mapping[str, Sequence[osv.Record]]) -> Iterator[str]:
    """Answer OSV's ``/v1/query`` on loopback from the records, until the end of the block."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            found = osv.concerning(records, asked["package"]["name"], asked["version"])
            body = json.dumps({"vulns": found} if found else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
            """Say nothing of each question."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/v1/query"
        finally:
            server.shutdown()


def _not_audited(why: str) -> int:
    print(f"NOT AUDITED: {why}", file=sys.stderr)
    return NOT_AUDITED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], os.environ.get("VULNERABILITIES")))
