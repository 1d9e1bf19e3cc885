"""What somebody else does to the same connection or buffer in the midst of a call."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

import pytest
from peers import (
    DEADLINE,
    RECORD,
    SHORT,
    Background,
    Contexts,
    client_context,
    connected,
    receive_exactly,
    server_context,
)
from pki import HOSTNAME, Pki

import pytls
from pytls import _callbacks, _transport, bio, connection


@pytest.fixture
def contexts(pki: Pki, tls_version: str) -> Contexts:
    """Both of pytls."""
    return Contexts(client_context(pytls, pki, tls_version), server_context(pytls, pki))


def test_a_buffer_that_shrinks(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written beyond the end that a bytearray has when C gets it."""
    address = _transport.address

    def shrinks(buffer: Any) -> Any:
        del buffer[10:]
        return address(buffer)

    with connected(contexts) as pair:
        pair.server.sendall(b"*" * 100)
        monkeypatch.setattr(_transport, "address", shrinks)
        assert pair.client.recv_into(bytearray(100)) == 10


def test_the_rest_of_a_record_needs_no_wait(contexts: Contexts) -> None:
    """Something was sent, and a part of the answer taken by recv_into: recv has the rest."""
    with connected(contexts) as pair:
        pair.client.settimeout(DEADLINE)
        pair.client.sendall(b"question")
        assert pair.server.recv(100) == b"question"
        pair.server.sendall(b"head and body")
        head = bytearray(4)
        assert pair.client.recv_into(head) == 4
        assert pair.client.recv(100) == b" and body"


def test_a_handler_that_reads(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal's handler may read the next record before the rest of this one is put by."""
    read = connection.SSL_read_short
    handled: list[bytes] = []

    def interrupted(*arguments: Any) -> Any:
        count = read(*arguments)
        if count > 0 and not handled:
            handled.append(b"")
            handled[0] = pair.client.recv(3)
        return count

    with connected(contexts) as pair:
        pair.server.sendall(b"abcdef")
        pair.server.sendall(b"ABCDEF")
        time.sleep(SHORT)
        monkeypatch.setattr(connection, "SSL_read_short", interrupted)
        assert pair.client.recv(3) == b"abc"
        assert handled == [b"ABC"]
        assert receive_exactly(pair.client, 6) == b"defDEF"


def test_a_handler_that_takes_all(contexts: Contexts, monkeypatch: pytest.MonkeyPatch) -> None:
    """A buffer that a signal's handler has emptied gives nothing, and not what memory held."""
    incoming = pytls.MemoryBIO()
    contexts.server.wrap_bio(incoming, pytls.MemoryBIO(), server_side=True)
    incoming.write(b"*" * 100)
    fresh, handled = bio.fresh, []

    def interrupted(*arguments: Any) -> Any:
        room = fresh(*arguments)
        if not handled:
            handled.append(b"")
            handled[0] = incoming.read()
        return room

    monkeypatch.setattr(bio, "fresh", interrupted)
    assert incoming.read() == b""
    assert handled == [b"*" * 100]


def test_views_of_two_threads_do_not_mix(contexts: Contexts) -> None:
    """What one sendall sends arrives together, also of a memoryview."""
    size = 64 * RECORD
    with connected(contexts) as pair:
        sending = [
            Background(pair.client.sendall, memoryview(bytes([number]) * size))
            for number in range(4)
        ]
        received = receive_exactly(pair.server, 4 * size)
        for thread in sending:
            thread.result()
    assert sum(a != b for a, b in zip(received, received[1:])) == 3


@pytest.mark.parametrize("make", [bytes, memoryview])
def test_to_await_ones_turn_is_a_part_of_the_timeout(contexts: Contexts, make: Any) -> None:
    """Another thread's write first, a full socket then: one deadline for both."""
    with connected(contexts) as pair:
        end = pair.client
        # Little is enough to fill it: PyPy copies all that is to be written, each time
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 10_000)
        pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 20_000)
        end.settimeout(20 * SHORT)
        has, may_go = threading.Event(), threading.Event()

        def write() -> None:
            with end._writing:
                has.set()
                may_go.wait(DEADLINE)

        writing = Background(write)
        assert has.wait(DEADLINE)
        threading.Timer(16 * SHORT, may_go.set).start()
        begin = time.monotonic()
        with pytest.raises(socket.timeout):
            end.sendall(make(bytes(1 << 20)))
        assert time.monotonic() - begin < 30 * SHORT
        writing.result()


@pytest.mark.parametrize("drive", ["do_handshake", "read", "write"])
def test_a_handler_within_a_callback(
    contexts: Contexts, monkeypatch: pytest.MonkeyPatch, drive: str
) -> None:
    """OpenSSL is in a call: a signal's handler or a finalizer is refused another, wherever it runs.

    It crashed where the callback was one of pytls' own.
    """
    for context in contexts:
        context.set_alpn_protocols(["a"])
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    client = contexts.client.wrap_bio(back, there, server_hostname=HOSTNAME)
    server = contexts.server.wrap_bio(there, back, server_side=True)
    arguments = (b"*",) if drive == "write" else ()
    split = _callbacks._split
    refused = []

    def interrupted(wire: bytes) -> list[bytes]:
        for call in server.do_handshake, server.read, lambda: server.write(b"*"), server.unwrap:
            with pytest.raises(RuntimeError, match="callback"):
                call()
            refused.append(call)
        return split(wire)

    monkeypatch.setattr(_callbacks, "_split", interrupted)
    for _ in range(3):
        with contextlib.suppress(pytls.SSLWantReadError):
            client.do_handshake()
        with contextlib.suppress(pytls.SSLWantReadError):
            getattr(server, drive)(*arguments)
    assert len(refused) == 4
    assert server.selected_alpn_protocol() == client.selected_alpn_protocol() == "a"
    client.write(b"answer")
    assert server.read() == b"answer"
