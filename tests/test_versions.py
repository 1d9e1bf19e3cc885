"""Each version of the protocol: spoken where the OpenSSL has it, else refused by its name."""

from __future__ import annotations

import hashlib
import os

import pytest
from expected import EVERY_CIPHER, has
from peers import Background, Contexts, Pair, connected, receive_exactly
from pki import Credentials, Pki

import pytls

#: PROTOCOL_TLSv1 and its kin, of which newer Pythons warn
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

#: what SSLSocket.version() tells of each
FIXED = {
    "SSLv2": "SSLv2",
    "SSLv3": "SSLv3",
    "TLSv1": "TLSv1",
    "TLSv1_1": "TLSv1.1",
    "TLSv1_2": "TLSv1.2",
}
BOUNDS = {**FIXED, "TLSv1_3": "TLSv1.3"}
del BOUNDS["SSLv2"]  # it is in no TLSVersion


def both(pki: Pki, credentials: Credentials, client: int, server: int) -> Contexts:
    """Both ends pytls, of these protocols, with every cipher."""
    ends = Contexts(pytls.SSLContext(client), pytls.SSLContext(server))
    for end in ends:
        end.set_ciphers(EVERY_CIPHER)
    ends.client.load_verify_locations(pki.ca)
    ends.client.verify_mode = pytls.CERT_REQUIRED
    ends.server.load_cert_chain(credentials.both)
    return ends


def talk(pair: Pair, version: str) -> None:
    """A megabyte each way; over this version."""
    assert pair.client.version() == pair.server.version() == version
    for sender, receiver in (pair.client, pair.server), (pair.server, pair.client):
        sent = os.urandom(1 << 20)
        sending = Background(sender.sendall, sent)
        assert digest(receive_exactly(receiver, len(sent))) == digest(sent)
        sending.result()


def digest(data: bytes) -> str:
    """What is compared instead of a megabyte."""
    return hashlib.sha256(data).hexdigest()


@pytest.mark.parametrize("name", FIXED)
def test_a_protocol_of_one_version(name: str, pki: Pki, rsa: Credentials) -> None:
    """It connects where the library was built with it; otherwise there is no such context."""
    protocol = getattr(pytls, f"PROTOCOL_{name}")
    if not has(name):
        with pytest.raises(ValueError, match=f"PROTOCOL_{name} is not in OpenSSL"):
            pytls.SSLContext(protocol)
        return

    with connected(both(pki, rsa, protocol, protocol)) as pair:
        talk(pair, FIXED[name])


@pytest.mark.parametrize("name", BOUNDS)
def test_a_version_as_both_bounds(name: str, pki: Pki, rsa: Credentials) -> None:
    """The same by `minimum_version` and `maximum_version`; nothing else is spoken instead."""
    ends = both(pki, rsa, pytls.PROTOCOL_TLS_CLIENT, pytls.PROTOCOL_TLS_SERVER)
    ends.client.check_hostname = False

    def bound_and_connected() -> None:
        for end in ends:
            end.minimum_version = pytls.TLSVersion.MINIMUM_SUPPORTED
            end.options &= ~pytls.OP_NO_SSLv3
            end.maximum_version = end.minimum_version = pytls.TLSVersion[name]
        with connected(ends, server_hostname=None) as pair:
            talk(pair, BOUNDS[name])

    if has(name):
        bound_and_connected()
    else:  # some releases refuse the bound, others the handshake
        with pytest.raises((ValueError, pytls.SSLError)):
            bound_and_connected()
