"""Writes of many records, which go to the socket through a BIO that gathers them."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import ssl
import struct
import sys
import time
from types import ModuleType
from typing import Any

import pytest
from expected import has
from outcomes import same
from peers import (
    DEADLINE,
    SHORT,
    Background,
    Contexts,
    Pair,
    client_context,
    connected,
    receive_all,
    receive_exactly,
    server_context,
)
from pki import Pki

import pytls
from pytls import _gather, _loader, connection
from pytls._arguments import let_go, readable
from pytls._gather import WANT_WRITE

LARGE = _gather.LARGE
FULL = 16 << 20  # bytes; more than a socket takes that nobody reads

gathers = pytest.mark.skipif(
    not _gather.SSL_set0_wbio, reason="before 1.1.0, a record is written at a time"
)


@pytest.fixture
def contexts(pki: Pki, tls_version: str) -> Contexts:
    """Both of pytls."""
    return Contexts(client_context(pytls, pki, tls_version), server_context(pytls, pki))


@pytest.mark.parametrize("make", [bytes, bytearray, memoryview])
@pytest.mark.parametrize("size", [LARGE - 1, LARGE, LARGE + 1, 3 * LARGE, FULL + 7])
def test_it_arrives_whole(contexts: Contexts, size: int, make: Any) -> None:
    """And what is small, before it and after it."""
    content = os.urandom(size)
    with connected(contexts) as pair:
        receiving = Background(receive_exactly, pair.server, size + 10)
        pair.client.sendall(b"begin")
        pair.client.sendall(make(content))
        pair.client.sendall(b"end..")
        assert receiving.result() == b"begin" + content + b"end.."
        assert pair.client._sslobj.gatherer is None


@gathers
def test_it_takes_few_calls_of_the_system(contexts: Contexts) -> None:
    """A system call for some records, not one for each: there is a segment for each, without."""
    counted = 0
    with connected(contexts) as pair:
        size = 64 * 16384
        receiving = Background(receive_exactly, pair.server, size)
        before = segments(pair.client)
        pair.client.sendall(bytes(size))
        receiving.result()
        counted = segments(pair.client) - before

    assert 0 < counted < 64


def segments(sock: Any) -> int:
    """How many segments with data a socket has sent: tcpi_data_segs_out of linux/tcp.h."""
    if not hasattr(socket, "TCP_INFO"):
        pytest.skip("only Linux tells how many segments it has sent")
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return int(struct.unpack_from("I", info, 156)[0])


def blocked(pair: Pair, content: bytes) -> None:
    """Let the client time out in the midst of a large write."""
    pair.client.settimeout(SHORT)
    with pytest.raises(socket.timeout):
        pair.client.sendall(content)
    pair.client.settimeout(DEADLINE)


def test_the_same_bytes_again_go_on(contexts: Contexts) -> None:
    """After a timeout, as with SSL_write(3)."""
    content = os.urandom(FULL)
    with connected(contexts) as pair:
        blocked(pair, content)
        receiving = Background(receive_exactly, pair.server, FULL + 3)
        pair.client.sendall(content)
        pair.client.sendall(b"end")
        assert receiving.result() == content + b"end"


ALMOST = LARGE + 110_000  # bytes: their last part is gathered


def almost_sent(pair: Pair, content: Any) -> bytes:
    """Write until OpenSSL has taken all, and the socket has not, and give up; what has come."""
    pair.client.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
    pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
    connection = pair.client._sslobj
    source, size = readable(content)
    come = bytearray()
    while True:
        assert connection.write(source, size) == WANT_WRITE
        if connection.gatherer._taken == size:
            let_go(source)
            return bytes(come)
        if not select.select([], [pair.client], [], SHORT)[1]:
            come += pair.server.recv(16384)


@gathers
@pytest.mark.parametrize("more", [b"small", bytes(2 * LARGE)], ids=["small", "large"])
def test_what_is_left_goes_first(contexts: Contexts, more: bytes) -> None:
    """OpenSSL has taken all of a write, and the socket has not; then something else is written."""
    content = os.urandom(ALMOST)
    with connected(contexts) as pair:
        come = almost_sent(pair, content)
        receiving = Background(receive_exactly, pair.server, len(content + more) - len(come))
        pair.client.sendall(more)
        assert come + receiving.result() == content + more
        assert pair.client._sslobj.gatherer is None


@gathers
@pytest.mark.parametrize("more", [b"", b"*" * 10], ids=["same", "longer"])
@pytest.mark.parametrize("make", [bytes, bytearray])
def test_nothing_is_sent_twice(contexts: Contexts, make: Any, more: bytes) -> None:
    """What was given up goes on with the same bytes, in whatever buffer they come again."""
    content = os.urandom(ALMOST)
    with connected(contexts) as pair:
        come = almost_sent(pair, make(content))
        receiving = Background(receive_exactly, pair.server, len(content + more) + 3 - len(come))
        pair.client.sendall(make(content + more))
        pair.client.sendall(b"end")
        assert come + receiving.result() == content + more + b"end"


@gathers
def test_what_is_left_goes_before_close_notify(contexts: Contexts) -> None:
    """Else each end waits for the other."""
    content = os.urandom(ALMOST)
    with connected(contexts) as pair:
        come = almost_sent(pair, content)
        closing = Background(pair.client.unwrap)
        assert come + receive_all(pair.server) == content
        pair.server.unwrap()
        closing.result()


@gathers
@pytest.mark.parametrize("message", ["SSL_key_update", "SSL_renegotiate", "certificate"])
def test_an_answer_of_the_handshake_meets_a_large_write(pki: Pki, message: str) -> None:
    """OpenSSL has a BIO of its own above ours then, and both ends live on."""
    version = "TLSv1.2" if message == "SSL_renegotiate" else "TLSv1.3"
    contexts = Contexts(client_context(pytls, pki, version), server_context(pytls, pki))
    contexts.client.post_handshake_auth = True
    contexts.client.load_cert_chain(pki.server.both)
    contexts.server.load_verify_locations(pki.ca)
    contexts.server.verify_mode = pytls.CERT_OPTIONAL
    content = os.urandom(ALMOST)
    with connected(contexts, suppress_ragged_eofs=False) as pair:
        client, server = pair
        server.settimeout(DEADLINE / 4)
        come = almost_sent(pair, content)
        writing = Background(client.sendall, content)
        reading = Background(client.recv, 5)
        if message == "certificate":
            server.verify_client_post_handshake()
        else:
            by_name(message, server, *([1] if message == "SSL_key_update" else []))
        server._sslobj.do_handshake() if version == "TLSv1.2" else server.sendall(b"hello")
        time.sleep(SHORT)
        assert come + receive_exactly(server, len(content) - len(come)) == content
        writing.result()
        if version == "TLSv1.2":
            server.sendall(b"hello")
        assert reading.result() == b"hello"
        writing = Background(client.sendall, b"more")
        assert receive_exactly(server, 4) == b"more"
        writing.result()


def by_name(function: str, sock: Any, *arguments: int) -> None:
    """A function of libssl that `ssl` does not offer."""
    library = ctypes.CDLL(None, handle=_loader.PAIR.ssl_handle)
    with sock._sslobj._lock:
        assert library[function](sock._sslobj.ptr, *arguments) == 1


@gathers
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("which", [0, 1], ids=["begin", "end"])
@pytest.mark.parametrize("close", [False, True], ids=["small", "closed"])
def test_an_interruption(
    monkeypatch: pytest.MonkeyPatch, contexts: Contexts, when: str, which: int, close: bool
) -> None:
    """A signal's exception where the BIO comes or goes: nothing is hidden afterwards."""
    calls: list[Any] = []
    place = _gather.SSL_set0_wbio

    def interrupted(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) - 1 != which:
            return place(*arguments)
        if when == "after":
            place(*arguments)
        raise KeyboardInterrupt

    monkeypatch.setattr(_gather, "SSL_set0_wbio", interrupted)
    with connected(contexts) as pair:
        receiving = Background(receive_exactly, pair.server, which * LARGE + 5)
        with pytest.raises(KeyboardInterrupt):
            pair.client.sendall(bytes(LARGE))
        if close:
            connection = pair.client._sslobj
            pair.client.close()
            with pytest.raises(OSError):  # noqa: PT011  # at its end
                connection.write(bytes(LARGE), LARGE)
        else:
            pair.client.sendall(b"small")
            assert receiving.result() == bytes(which * LARGE) + b"small"


def test_a_reader_goes_on_meanwhile(contexts: Contexts) -> None:
    """Though the writer is blocked."""
    content = os.urandom(FULL)
    with connected(contexts) as pair:
        writing = Background(pair.client.sendall, content)
        for number in range(100):
            pair.server.sendall(b"%3d" % number)
            assert receive_exactly(pair.client, 3) == b"%3d" % number
        assert receive_exactly(pair.server, FULL) == content
        writing.result()


def cut_off(module: ModuleType, pki: Pki, is_blocked: bool) -> tuple[type, Any]:
    """What a write raises when the peer resets the connection in the midst of it."""
    contexts = Contexts(client_context(module, pki), server_context(ssl, pki))
    with connected(contexts) as pair:
        pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writing = Background(pair.client.sendall, bytes(2 * FULL))
        receive_exactly(pair.server, LARGE)
        time.sleep(SHORT if is_blocked else 0)
        pair.server.close()
        with pytest.raises(OSError) as caught:  # noqa: PT011  # which one is compared
            writing.result()
        with pytest.raises(OSError):  # noqa: PT011  # likewise
            pair.client.sendall(b"more")
    return type(caught.value), caught.value.errno


@pytest.mark.skipif(not has("TLSv1_3"), reason="1.0.2 is not the one that ssl has")
@pytest.mark.parametrize("is_blocked", [False, True], ids=["writing", "waiting"])
def test_a_reset_raises_what_it_raises_in_ssl(pki: Pki, is_blocked: bool) -> None:
    """Class and errno."""
    assert same(cut_off(pytls, pki, is_blocked)) == same(cut_off(ssl, pki, is_blocked))


@pytest.mark.skipif(sys.platform != "linux", reason="another system may tell it otherwise")
def test_a_reset_before_it(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first error of the system is told, not that of a second attempt."""
    monkeypatch.setattr(connection, "TELLS_ERRNO", True)
    with connected(contexts) as pair:
        pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        pair.server.close()
        time.sleep(SHORT)
        with pytest.raises(ConnectionResetError):
            pair.client.sendall(bytes(FULL))


def test_it_ends_when_the_socket_is_closed(contexts: Contexts) -> None:
    """By another thread; and nothing is freed that is still in use."""
    with connected(contexts) as pair:
        writing = Background(pair.client.sendall, bytes(FULL))
        receive_exactly(pair.server, LARGE)
        pair.client.close()
        with pytest.raises(OSError):  # noqa: PT011  # bad descriptor, or an end
            writing.result()
        with pytest.raises(OSError):  # noqa: PT011  # likewise
            pair.client.sendall(bytes(LARGE))


def test_a_write_that_was_given_up_and_closed(contexts: Contexts) -> None:
    """Whoever still has the connection gets an exception."""
    with connected(contexts) as pair:
        blocked(pair, bytes(FULL))
        connection = pair.client._sslobj
        pair.client.close()
        for data in b"small", bytes(LARGE):
            with pytest.raises(OSError):  # noqa: PT011  # at its end
                connection.write(data, len(data))
