"""Connections that fail: pytls raises what `ssl` raises in its place, whichever end it plays.

Each case is a pair of changes, one to either context. The end under test is made once by `ssl` and
once by pytls; the other is always the standard library's.
"""

# ruff: noqa: ARG005 every change takes the context, its module and the certificates

from __future__ import annotations

import socket
import ssl
import struct
import sys
from types import ModuleType
from typing import Any, Callable, NamedTuple

import pytest
from expected import VERSIONS, WRITE_AFTER_END, needs
from outcomes import Raised, same
from peers import (
    DEADLINE,
    Background,
    ByHand,
    Contexts,
    attempt,
    client_context,
    pin,
    server_context,
    tcp_pair,
)
from pki import HOSTNAME, LOOPBACK, Pki

Change = Callable[[Any, ModuleType, Pki], Any]


class Failure(NamedTuple):
    """How to make a connection fail."""

    client: Change = lambda context, m, pki: None
    server: Change = lambda context, m, pki: None
    name: str = HOSTNAME


def shows(credentials: str) -> Change:
    """A server, or a client, with other credentials."""
    return lambda context, m, pki: context.load_cert_chain(getattr(pki, credentials).both)


def trusts(authority: str) -> Change:
    """A client that knows this authority, beside the one of the tests."""
    return lambda context, m, pki: context.load_verify_locations(getattr(pki, authority))


def speaks(version: str) -> Change:
    """An end held to a version."""
    return lambda context, m, pki: pin(context, m, version)


def demands_certificate(context: Any, m: ModuleType, pki: Pki) -> None:
    """A server that wants a certificate of the authority."""
    context.verify_mode = m.CERT_REQUIRED
    context.load_verify_locations(pki.ca)


def knows_nobody(context: Any, m: ModuleType, pki: Pki) -> None:
    """A server that wants a certificate, and trusts no authority."""
    context.verify_mode = m.CERT_REQUIRED


def ciphers(names: str, version: str = "TLSv1.2") -> Change:
    """An end that offers these ciphers alone."""

    def change(context: Any, m: ModuleType, pki: Pki) -> None:
        pin(context, m, version).set_ciphers(names)

    return change


def asks_for_a_crl(context: Any, m: ModuleType, pki: Pki) -> None:
    """A client that asks for a CRL, which nobody has."""
    context.verify_flags |= m.VERIFY_CRL_CHECK_LEAF


def fails_in_sni(context: Any, m: ModuleType, pki: Pki) -> None:
    """A server whose callback refuses every name with an alert."""
    context.sni_callback = lambda connection, name, of: m.ALERT_DESCRIPTION_ACCESS_DENIED


FAILURES = {
    "unknown-authority": Failure(server=shows("by_stranger")),
    "self-signed": Failure(server=shows("self_signed")),
    "expired": Failure(server=shows("expired")),
    "not-yet-valid": Failure(
        client=lambda context, m, pki: context.load_verify_locations(pki.future.chain),
        server=shows("future"),
    ),
    "other-name": Failure(name="other.test"),
    "other-address": Failure(name="127.0.0.2"),
    "other-ipv6-address": Failure(name="::1"),
    "wildcard-too-deep": Failure(name="a.b.example.test"),
    "a-client-certificate-only": Failure(server=shows("client"), name="localhost"),
    "no-crl": Failure(client=asks_for_a_crl),
    "client-without-certificate": Failure(server=demands_certificate),
    "client-of-a-stranger": Failure(client=shows("by_stranger"), server=demands_certificate),
    "client-expired": Failure(client=shows("expired"), server=demands_certificate),
    "server-trusts-nobody": Failure(client=shows("client"), server=knows_nobody),
    "no-shared-cipher": Failure(
        client=ciphers("ECDHE-ECDSA-AES128-GCM-SHA256"),
        server=ciphers("ECDHE-ECDSA-AES256-GCM-SHA384"),
    ),
    "cipher-for-another-key": Failure(client=ciphers("ECDHE-RSA-AES128-GCM-SHA256")),
    "server-refuses-the-name": Failure(server=fails_in_sni),
}


#: the two have no version in common
APART = {
    "client-older": Failure(client=speaks("TLSv1.2"), server=speaks("TLSv1.3")),
    "client-newer": Failure(client=speaks("TLSv1.3"), server=speaks("TLSv1.2")),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=list(FAILURES))
@pytest.mark.parametrize("end", ["client", "server"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_that_fails(pki: Pki, failure: Failure, end: str, version: str) -> None:
    """Verification, ciphers, names: the same error, number, reason and verdict."""
    assert isinstance(same(failing(pki, failure, end, version)), Raised)


@needs("TLSv1_3")
@pytest.mark.parametrize("failure", APART.values(), ids=list(APART))
@pytest.mark.parametrize("end", ["client", "server"])
def test_ends_without_a_common_version(pki: Pki, failure: Failure, end: str) -> None:
    """The same error on the end that refuses and on the one that hears of it."""
    assert isinstance(same(failing(pki, failure, end)), Raised)


def failing(
    pki: Pki, failure: Failure, end: str, version: str | None = None
) -> Callable[[ModuleType], Any]:
    """Make such a connection, where the module that is called with plays `end`; raise its error."""

    def case(m: ModuleType) -> Any:
        client_of, server_of = (m, ssl) if end == "client" else (ssl, m)
        contexts = Contexts(
            client_context(client_of, pki, version), server_context(server_of, pki, version)
        )
        failure.client(contexts.client, client_of, pki)
        failure.server(contexts.server, server_of, pki)
        error = getattr(attempt(contexts, failure.name), end)
        assert error is not None
        raise error

    return case


def test_a_server_without_a_certificate(pki: Pki) -> None:
    """Nothing to show: no cipher is shared, and the client hears of it."""
    for end in "client", "server":

        def case(m: ModuleType, end: str = end) -> Any:
            client_of, server_of = (m, ssl) if end == "client" else (ssl, m)
            contexts = Contexts(
                client_context(client_of, pki), server_of.SSLContext(server_of.PROTOCOL_TLS_SERVER)
            )
            raise getattr(attempt(contexts), end)

        assert isinstance(same(case), Raised)


# Bytes that are no TLS

#: of 11 bytes at least: so much does a server of 1.0.2 read before it looks at anything
RECORDS = {
    "http": b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n",
    "http-request": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "http-proxy": b"CONNECT localhost:443 HTTP/1.1\r\n\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "smtp": b"220 mail.example.test ESMTP\r\n",
    "zeros": bytes(64),
    "ones": b"\xff" * 64,
    "alert": b"\x15\x03\x03\x00\x02\x02\x28" * 2,
    "unknown-alert": b"\x15\x03\x03\x00\x02\x02\xfe" * 2,
    "warning": b"\x15\x03\x03\x00\x02\x01\x00" * 2,
    "close-notify": b"\x15\x03\x03\x00\x02\x01\x00" * 2,
    "application-data": b"\x17\x03\x03\x00\x02hi" * 2,
    "too-long-a-record": b"\x16\x03\x03\xff\xff" + bytes(100),
    "empty-record": b"\x16\x03\x03\x00\x00" * 40,
    "wrong-message": b"\x16\x03\x03\x00\x04\x14\x00\x00\x00" * 2,
    "old-version": b"\x16\x03\x00\x00\x04\x0e\x00\x00\x00" * 2,
    "strange-version": b"\x16\x09\x09\x00\x04\x0e\x00\x00\x00" * 2,
    "half-a-header": b"\x16\x03",
    "half-a-record": b"\x16\x03\x03\x00\x50\x02\x00",
    "nothing": b"",
}


#: the Python whose `ssl` began to answer so: before, it took OpenSSL 3's word for an unexpected end
#: for an orderly one; and did not tell the number of an error without words
SINCE = {
    **dict.fromkeys(("half-a-header", "half-a-record", "nothing"), (3, 10)),
    "unknown-alert": (3, 14),
}


@pytest.mark.parametrize("said", RECORDS)
@pytest.mark.parametrize("end", ["client", "server"])
def test_a_peer_that_does_not_speak_tls(pki: Pki, said: str, end: str) -> None:
    """It says something else, or stops in the middle, and closes."""

    def case(m: ModuleType) -> Any:
        near, far = tcp_pair()
        near.settimeout(DEADLINE / 4)
        contexts = Contexts(client_context(m, pki), server_context(m, pki))
        if end == "client":
            sock = contexts.client.wrap_socket(
                near, server_hostname=HOSTNAME, do_handshake_on_connect=False
            )
        else:
            sock = contexts.server.wrap_socket(
                near, server_side=True, do_handshake_on_connect=False
            )
        with sock, far:
            far.sendall(RECORDS[said])
            far.shutdown(socket.SHUT_WR)
            sock.do_handshake()

    assert isinstance(same(case, since=SINCE.get(said, (3, 8))), Raised)


@pytest.mark.parametrize("end", ["client", "server"])
def test_a_peer_that_resets_during_the_handshake(pki: Pki, end: str) -> None:
    """TCP's reset is a ConnectionResetError."""

    def case(m: ModuleType) -> Any:
        near, far = tcp_pair()
        contexts = Contexts(client_context(m, pki), server_context(m, pki))
        options = {"server_hostname": HOSTNAME} if end == "client" else {"server_side": True}
        context = contexts.client if end == "client" else contexts.server
        with context.wrap_socket(near, do_handshake_on_connect=False, **options) as sock:
            reset(far)
            sock.do_handshake()

    assert same(case).error is ConnectionResetError


def reset(sock: socket.socket) -> None:
    """Close with RST instead of FIN."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


# A connection that breaks


@pytest.mark.parametrize("call", ["recv", "send", "unwrap"])
@pytest.mark.parametrize("how", ["fin", "reset"])
@pytest.mark.parametrize("ragged", [False, True], ids=["strict", "suppressed"])
def test_a_connection_that_is_cut(
    pki: Pki, tls_version: str, call: str, how: str, ragged: bool
) -> None:
    """The transport ends or resets under a connection that works."""

    def case(m: ModuleType) -> Any:
        near, far = tcp_pair()
        server = Background(
            server_context(ssl, pki, tls_version).wrap_socket, far, server_side=True
        )
        client = client_context(m, pki, tls_version).wrap_socket(
            near, server_hostname=HOSTNAME, suppress_ragged_eofs=ragged
        )
        with client:
            peer = server.result()
            if tls_version == "TLSv1.3":
                peer.sendall(b"!")
                client.recv(1)  # and the tickets with it
            plain = socket.socket(fileno=peer.detach())
            reset(plain) if how == "reset" else plain.close()
            if call == "recv":
                return client.recv(100)
            if call == "unwrap":
                return type(client.unwrap()).__name__
            for _ in range(20):  # the first one may still be taken by the kernel
                client.send(bytes(16384))
            return None

    # Before Python 3.10 OP_IGNORE_UNEXPECTED_EOF is on
    since = (3, 10) if how == "fin" else (3, 8)
    found = same(case, since=max(since, WRITE_AFTER_END) if call == "send" else since)
    if (how, call) == ("reset", "recv") and sys.version_info >= (3, 13):
        # From Python 3.10 to 3.12 an end of file (gh-115627)
        assert found.error is ConnectionResetError


@pytest.mark.parametrize("what", ["garbage", "plain-alert", "altered", "replayed", "truncated"])
def test_a_stream_that_was_tampered_with(pki: Pki, tls_version: str, what: str) -> None:
    """Ciphertext that does not verify ends the connection with its reason."""

    def case(m: ModuleType) -> Any:
        near, far = tcp_pair()
        peer = ByHand(far, pki, tls_version)
        handshaking = Background(peer.handshake)
        with far, client_context(m, pki, tls_version).wrap_socket(
            near, server_hostname=HOSTNAME, suppress_ragged_eofs=False
        ) as client:
            handshaking.result()
            client.settimeout(DEADLINE / 4)
            record = peer.encrypt(b"first")
            far.sendall(
                {
                    "garbage": b"plain text in between",
                    "plain-alert": b"\x15\x03\x03\x00\x02\x02\x28",
                    "altered": record[:-1] + bytes([record[-1] ^ 1]),
                    "replayed": record * 2,
                    "truncated": record[:-3],
                }[what]
            )
            far.shutdown(socket.SHUT_WR)
            return client.recv(100), client.recv(100)

    assert isinstance(same(case, since=(3, 10) if what == "truncated" else (3, 8)), Raised)


# Addresses


def test_connecting_where_nobody_listens(pki: Pki) -> None:
    """A refused connection is TCP's own error, from connect() and get_server_certificate()."""
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        address = unused.getsockname()

        def case(m: ModuleType) -> Any:
            with client_context(m, pki).wrap_socket(
                socket.socket(), server_hostname=HOSTNAME
            ) as sock:
                sock.connect(address)

        assert same(case).error is ConnectionRefusedError
        assert same(lambda m: m.get_server_certificate(address)).error is ConnectionRefusedError
