"""The certificates of the tests: one authority and what it issued, as files in a folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
from pathlib import Path
from typing import Any, NamedTuple

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOSTNAME = "localhost"
LOOPBACK = "127.0.0.1"
PASSWORD = "sésame"


class Credentials(NamedTuple):
    """The files of one owner: a chain, its key, and both in one file, key first."""

    chain: str
    key: str
    both: str

    @property
    def der(self) -> bytes:
        """The owner's own certificate."""
        pem = Path(self.chain).read_text()
        begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
        first = pem[pem.index(begin) : pem.index(end)]
        return ssl.PEM_cert_to_DER_cert(first + end)


class Pki:
    """What one authority issued, and what it did not, to compare with."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca = self.file("ca.pem", self.authority.cert_pem.bytes())
        self.ca_folder = self._hashed(folder / "hashed")
        self.server = self.issue("server", HOSTNAME, LOOPBACK, "*.example.test")
        self.second = self.issue("second", "second.test")
        self.client = self.issue("client", "client@example.test", common_name="A client")
        self.expired = self.issue("expired", HOSTNAME, not_after=dt.datetime(2001, 2, 3, 4, 5, 6))
        stranger = trustme.CA()
        self.ca_of_others = self.file("ca-of-others.pem", stranger.cert_pem.bytes())
        self.by_stranger = self._keep("by-stranger", stranger.issue_cert(HOSTNAME))
        self.self_signed = self._self_signed("self-signed", since=2020)
        self.future = self._self_signed("future", since=2990)
        self.locked_key = self._locked("locked-key.pem")

    def file(self, name: str, content: bytes) -> str:
        """Write a file into the folder; its path."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def issue(self, name: str, *identities: str, **details: Any) -> Credentials:
        """A certificate of the authority; `details` are those of trustme's issue_cert."""
        return self._keep(name, self.authority.issue_cert(*identities, **details))

    def _keep(self, name: str, leaf: trustme.LeafCert) -> Credentials:
        return Credentials(
            self.file(f"{name}-chain.pem", b"".join(pem.bytes() for pem in leaf.cert_chain_pems)),
            self.file(f"{name}-key.pem", leaf.private_key_pem.bytes()),
            self.file(f"{name}.pem", leaf.private_key_and_cert_chain_pem.bytes()),
        )

    def _hashed(self, folder: Path) -> str:
        """A folder as SSL_CTX_load_verify_locations(3) wants it: named after the subject."""
        folder.mkdir()
        pem = self.authority.cert_pem.bytes()
        name = subject_hash(x509.load_pem_x509_certificate(pem).subject)
        (folder / f"{name:08x}.0").write_bytes(pem)
        return str(folder)

    def _self_signed(self, name: str, since: int) -> Credentials:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOSTNAME)])
        certificate = (
            x509.CertificateBuilder(subject, subject, key.public_key(), serial_number=1)
            .not_valid_before(dt.datetime(since, 1, 1))
            .not_valid_after(dt.datetime(3000, 1, 1))
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOSTNAME)]), critical=False)
            .sign(key, hashes.SHA256())
        )
        chain = certificate.public_bytes(serialization.Encoding.PEM)
        secret = pem_of(key, serialization.NoEncryption())
        return Credentials(
            self.file(f"{name}-chain.pem", chain),
            self.file(f"{name}-key.pem", secret),
            self.file(f"{name}.pem", secret + chain),
        )

    def _locked(self, name: str) -> str:
        """The server's key once more, encrypted under PASSWORD."""
        key = serialization.load_pem_private_key(Path(self.server.key).read_bytes(), None)
        lock = serialization.BestAvailableEncryption(PASSWORD.encode())
        return self.file(name, pem_of(key, lock))


def pem_of(key: Any, encryption: serialization.KeySerializationEncryption) -> bytes:
    """A private key as PKCS #8 in PEM."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )


def subject_hash(name: x509.Name) -> int:
    """X509_NAME_hash(3): SHA-1 over the canonical RDNs, without the outer SEQUENCE's header."""
    canonical = x509.Name(
        [x509.NameAttribute(item.oid, " ".join(item.value.lower().split())) for item in name]
    )
    encoded = canonical.public_bytes()
    assert encoded[1] < 0x80, "a header of two bytes"
    return int.from_bytes(hashlib.sha1(encoded[2:]).digest()[:4], "little")
