"""Lines of a page in a shell in which ``byname`` is this process: a start of its own takes most of a second of CPU."""

import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.store.cli.command_line import Finished

Run = Callable[[list[str], bytes], Finished]

# Standard input is read only where an argument says so: in a loop over lines it is the loop's.
_CLIENT = """\
#!{python} -SE
import json, socket, sys
given = sys.stdin.read() if "-" in sys.argv else ""
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({place!r})
    asked.sendall(json.dumps([sys.argv[1:], given]).encode() + b"\\n")
    code, out, err = json.loads(b"".join(iter(lambda: asked.recv(65536), b"")))
sys.stdout.write(out)
sys.stderr.write(err)
sys.exit(code)
"""


class Shell:
    """Runs bash in ``folder``. ``run`` is given the arguments and the standard input of each ``byname``."""

    def __init__(self, folder: Path, run: Run, environ: dict[str, str]) -> None:
        self._folder = folder
        self._run = run
        programs = folder / "programs"
        programs.mkdir()
        place = str(folder / "byname.sock")
        self.program("byname", _CLIENT.format(python=sys.executable, place=place))
        self._environ = os.environ | environ | {"PATH": f"{programs}:{os.environ['PATH']}:/usr/sbin"}
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(place)
        self._listener.listen()

    def program(self, name: str, text: str) -> None:
        """Put a program of that name before all others."""
        path = self._folder / "programs" / name
        path.write_text(text)
        path.chmod(0o755)

    def __call__(self, script: str) -> str:
        """Run a script, each of whose lines must go well, and return all that it printed."""
        told = self._folder / "told"
        with told.open("w") as output:
            command = ["bash", "-eo", "pipefail", "-c", script]
            shell = subprocess.Popen(
                command, cwd=self._folder, env=self._environ, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
            while shell.poll() is None:
                if select.select([self._listener], [], [], 0.02)[0]:
                    self._answer()
        assert shell.returncode == 0, f"{script}\n{told.read_text()}"
        return told.read_text()

    def close(self) -> None:
        """Answer no more."""
        self._listener.close()

    def _answer(self) -> None:
        asking, _ = self._listener.accept()
        with asking:
            words, given = json.loads(asking.makefile("rb").readline())
            done = self._run(words, given.encode())
            asking.sendall(json.dumps([done.code, done.out, done.err]).encode())
