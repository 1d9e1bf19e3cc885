"""Each version of the protocol: spoken where the OpenSSL has it, else refused by its name."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket

import pytest
from expected import EVERY_CIPHER, has, lacks
from peers import Background, Contexts, Pair, connected, receive_exactly
from pki import Credentials, Pki

import pytls
from pytls._loopback import connected as loopback
from pytls._loopback import contexts
from pytls._throwaway import Throwaway

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


def spoken(client: pytls.SSLContext) -> set[str]:
    """The versions that a client speaks with servers of that one version each."""
    client.check_hostname, client.verify_mode = False, pytls.CERT_NONE
    client.set_ciphers(EVERY_CIPHER)
    found = set()
    for name in filter(has, BOUNDS):
        _, server = contexts(Throwaway())
        server.set_ciphers(EVERY_CIPHER)
        server.options &= ~pytls.OP_NO_SSLv3
        server.minimum_version = server.maximum_version = pytls.TLSVersion[name]
        with contextlib.suppress(OSError), loopback(client, server, socket.socketpair()):
            found.add(name)
    return found


def test_options_do_not_lift_a_bound() -> None:
    """Whatever they forbade or allowed before: 1.0.2 has no bounds but by options."""
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    assert not client.options & (pytls.OP_NO_TLSv1 | pytls.OP_NO_TLSv1_1)

    client.options = pytls.OP_ALL
    assert spoken(client) == {name for name in BOUNDS if has(name) and name >= "TLSv1_2"}
    assert client.options == pytls.OP_ALL


def test_a_bound_does_not_lift_an_option() -> None:
    """SSL 3 is forbidden from the beginning, and these two by the program."""
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    client.options |= pytls.OP_NO_TLSv1 | pytls.OP_NO_TLSv1_3
    client.minimum_version = pytls.TLSVersion.MINIMUM_SUPPORTED

    assert spoken(client) == {name for name in ("TLSv1_1", "TLSv1_2") if has(name)}
    forbidden = pytls.OP_NO_SSLv3 | pytls.OP_NO_TLSv1 | pytls.OP_NO_TLSv1_3
    assert client.options & forbidden == forbidden


def test_ssl_3_is_asked_for_by_a_bound() -> None:
    """That takes away the option that forbids it, as `ssl` does."""
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    with contextlib.suppress(ValueError):  # it is not there
        client.minimum_version = pytls.TLSVersion.SSLv3
    assert not client.options & pytls.OP_NO_SSLv3
    assert ("SSLv3" in spoken(client)) == has("SSLv3")


@lacks("NO_RENEGOTIATION")
def test_no_promise_to_refuse_renegotiation() -> None:
    """It would not be kept: 1.0.2 has another option of the same number."""
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    with pytest.raises(NotImplementedError, match=r"1\.1\.0"):
        server.options |= pytls.OP_NO_RENEGOTIATION
