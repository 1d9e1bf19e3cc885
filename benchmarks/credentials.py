"""The certificates of the benchmarks: an authority and a server, ECDSA on P-256, in a folder."""

from __future__ import annotations

import os
from pathlib import Path

HOSTNAME = "localhost"
LOOPBACK = "127.0.0.1"


def make(folder: str) -> None:
    """Write what `authority` and `chain` name."""
    import trustme

    ca = trustme.CA()
    leaf = ca.issue_cert(HOSTNAME, LOOPBACK)
    Path(authority(folder)).write_bytes(ca.cert_pem.bytes())
    Path(chain(folder)).write_bytes(leaf.private_key_and_cert_chain_pem.bytes())


def authority(folder: str) -> str:
    """The path of the authority's certificate."""
    return os.path.join(folder, "authority.pem")


def chain(folder: str) -> str:
    """The path of the server's key and certificate, in one file."""
    return os.path.join(folder, "server.pem")
