"""A self-signed certificate made on the spot."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from byname.sandbox.errors import SandboxError


@dataclass(frozen=True, slots=True)
class Certificate:
    """The PEM files of a certificate for ``localhost`` and 127.0.0.1, which is its own authority."""

    certificate: Path
    key: Path


def make_certificate(folder: Path) -> Certificate:
    """Write ``certificate.pem`` and ``key.pem`` below ``folder`` with the ``openssl`` program.

    Raises:
        SandboxError: openssl failed; its output is in the message.
    """
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    command += ["-keyout", str(made.key), "-out", str(made.certificate)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SandboxError(f"openssl made no certificate: {done.stderr.strip()}")
    made.key.chmod(0o600)
    return made
