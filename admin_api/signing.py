"""The signature of a profile: a device then shows who made it, and that nobody changed it (CMS, RFC 5652)."""

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from cryptography.x509 import Certificate, load_pem_x509_certificates


@dataclass(frozen=True, slots=True)
class Signer:
    """A certificate with those that vouch for it, and its key."""

    certificates: tuple[Certificate, ...]  # the signer's own first
    key: RSAPrivateKey | EllipticCurvePrivateKey

    def __repr__(self) -> str:
        """Show no key."""
        return f"Signer({self.certificates[0].subject.rfc4514_string()})"

    def sign(self, content: bytes) -> bytes:
        """Return the content inside of its signature, DER."""
        builder = PKCS7SignatureBuilder().set_data(content).add_signer(self.certificates[0], self.key, SHA256())
        for further in self.certificates[1:]:
            builder = builder.add_certificate(further)
        return builder.sign(Encoding.DER, [PKCS7Options.Binary])


def load(certificate: Path, key: Path) -> Signer:
    """Return the signer of two files.

    Args:
        certificate: PEM, the signer's own first, then those up to the root.
        key: PEM, RSA or elliptic curve, without a passphrase.

    Raises:
        OSError: one cannot be read.
        ValueError: one is not what it must be, or they do not belong together; the message says which.
    """
    certificates = _certificates(certificate)
    found = _key(key)
    if certificates[0].public_key() != found.public_key():
        raise ValueError(f"the key in {key.name} is not that of the first certificate in {certificate.name}")
    return Signer(certificates, found)


def _certificates(path: Path) -> tuple[Certificate, ...]:
    try:
        return tuple(load_pem_x509_certificates(path.read_bytes()))
    except ValueError:
        raise ValueError(f"{path.name} holds no certificate in PEM") from None


def _key(path: Path) -> RSAPrivateKey | EllipticCurvePrivateKey:
    try:
        found = load_pem_private_key(path.read_bytes(), None)
    except (ValueError, TypeError):
        raise ValueError(f"{path.name} holds no key in PEM without a passphrase") from None
    if not isinstance(found, RSAPrivateKey | EllipticCurvePrivateKey):
        raise ValueError(f"the key in {path.name} must be RSA or elliptic curve")  # noqa: TRY004 - of a file, not of a call
    return found
