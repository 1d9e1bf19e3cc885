"""How long a call waits: timeouts and non-blocking sockets."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import selectors
import socket
import ssl
import threading
import time
from typing import Any, Callable, Iterator

import pytest
from peers import (
    DEADLINE,
    SHORT,
    Background,
    ByHand,
    Contexts,
    Ends,
    Sides,
    client_context,
    connected,
    receive_exactly,
    server_context,
    takes_about,
    tcp_pair,
)
from pki import HOSTNAME, LOOPBACK, Pki

import pytls


@pytest.fixture
def silent() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A TCP connection whose other end says nothing."""
    near, far = tcp_pair()
    with near, far:
        yield near, far


# Timeouts


@pytest.mark.parametrize(
    "call",
    [
        lambda sock: sock.recv(1),
        lambda sock: sock.read(1),
        lambda sock: sock.recv_into(bytearray(1)),
        lambda sock: sock.unwrap(),
        lambda sock: sock.sendall(bytes(64 << 20)),
        lambda sock: sock.write(bytes(64 << 20)),
    ],
    ids=["recv", "read", "recv_into", "unwrap", "sendall", "write"],
)
def test_a_call_ends_after_its_timeout(ends: Ends, call: Callable[[Any], Any]) -> None:
    """With a peer that neither sends nor receives, socket.timeout is raised in time."""
    ends.subject.settimeout(SHORT)

    with takes_about(SHORT), pytest.raises(socket.timeout, match="timed out"):
        call(ends.subject)


@pytest.mark.parametrize("data", [bytearray, memoryview], ids=["bytearray", "memoryview"])
def test_a_timeout_of_sendall_is_for_all_of_it(ends: Ends, data: Callable[[bytes], Any]) -> None:
    """A peer that receives, but too slowly, does not renew the timeout."""
    stop = threading.Event()

    def sip() -> None:
        while not stop.wait(SHORT / 2):  # for half a minute
            receive_exactly(ends.peer, 100_000)

    ends.subject.settimeout(2 * SHORT)
    sipping = Background(sip)
    with takes_about(2 * SHORT), pytest.raises(socket.timeout):
        ends.subject.sendall(data(bytes(64 << 20)))
    stop.set()
    ends.subject.close()
    with contextlib.suppress(OSError):
        sipping.result()


def test_data_arrives_after_a_timeout(ends: Ends) -> None:
    """A receive that timed out may be repeated."""
    ends.subject.settimeout(SHORT / 4)
    with pytest.raises(socket.timeout):
        ends.subject.recv(1)

    ends.peer.sendall(b"late")

    assert ends.subject.recv(100) == b"late"


def test_a_timeout_is_for_the_whole_call(pki: Pki) -> None:
    """A record that trickles in byte by byte does not prolong the wait, nor is it lost."""
    near, far = tcp_pair()
    peer = ByHand(far, pki)
    handshaking = Background(peer.handshake)
    with far, client_context(pytls, pki).wrap_socket(near, server_hostname=HOSTNAME) as subject:
        handshaking.result()
        subject.settimeout(SHORT)
        record = peer.encrypt(b"one record")
        stop = threading.Event()

        def trickle() -> int:
            for count, byte in enumerate(record):
                if stop.wait(SHORT / 10):
                    return count
                far.sendall(bytes([byte]))
            return len(record)

        trickling = Background(trickle)
        with takes_about(SHORT), pytest.raises(socket.timeout):
            subject.recv(100)
        stop.set()
        count = trickling.result()
        assert 0 < count < len(record)

        far.sendall(record[count:])
        assert subject.recv(100) == b"one record"


@pytest.mark.parametrize("server_side", [False, True], ids=["client", "server"])
@pytest.mark.parametrize("explicit", [False, True], ids=["wrap_socket", "do_handshake"])
def test_a_handshake_ends_after_its_timeout(
    pki: Pki, silent: tuple[socket.socket, socket.socket], server_side: bool, explicit: bool
) -> None:
    """Against a silent peer the handshake raises socket.timeout in time."""
    context = server_context(pytls, pki) if server_side else client_context(pytls, pki)
    near, _ = silent
    near.settimeout(SHORT)
    with contextlib.ExitStack() as stack:
        stack.enter_context(takes_about(SHORT))
        stack.enter_context(pytest.raises(socket.timeout, match="handshake operation timed out"))
        subject = context.wrap_socket(
            near,
            server_side=server_side,
            server_hostname=None if server_side else HOSTNAME,
            do_handshake_on_connect=not explicit,
        )
        with subject:
            subject.do_handshake()


def test_connect_ends_after_its_timeout(pki: Pki) -> None:
    """A server that does not accept, its queue being full, makes connect() time out."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind((LOOPBACK, 0))
        listener.listen(0)
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        client = stack.enter_context(
            client_context(pytls, pki).wrap_socket(socket.socket(), server_hostname=HOSTNAME)
        )
        client.settimeout(SHORT)

        with takes_about(SHORT), pytest.raises(socket.timeout):
            client.connect(listener.getsockname())


def test_accept_ends_after_its_timeout(pki: Pki) -> None:
    """A listener to which nobody connects raises socket.timeout in time."""
    listener = socket.create_server((LOOPBACK, 0))
    with server_context(pytls, pki).wrap_socket(listener, server_side=True) as listening:
        listening.settimeout(SHORT)

        with takes_about(SHORT), pytest.raises(socket.timeout):
            listening.accept()


def test_a_timeout_does_not_disturb_what_is_in_time(contexts: Contexts) -> None:
    """Megabytes each way in turn, under timeouts on both ends."""
    sent = os.urandom(1 << 20)
    with connected(contexts) as pair:
        pair.client.settimeout(DEADLINE)
        pair.server.settimeout(DEADLINE)
        for source, target in pair, reversed(pair):
            receiving = Background(receive_exactly, target, len(sent))
            source.sendall(sent)
            assert receiving.result() == sent
        assert pair.client.gettimeout() == DEADLINE


# Non-blocking


def test_receiving_nothing_yet_wants_a_read(ends: Ends) -> None:
    """Without a byte there, SSLWantReadError; with one, the byte."""
    ends.subject.setblocking(False)
    with contextlib.suppress(pytls.SSLWantReadError):
        ends.subject.recv(1)  # tickets of TLS 1.3

    with pytest.raises(pytls.SSLWantReadError) as error:
        ends.subject.recv(1)
    assert error.value.errno == pytls.SSL_ERROR_WANT_READ
    assert select.select([ends.subject], [], [], 0)[0] == []

    ends.peer.sendall(b"!")
    assert select.select([ends.subject], [], [], DEADLINE)[0] == [ends.subject]
    assert ends.subject.recv(100) == b"!"


def test_a_part_of_a_record_is_not_yet_data(pki: Pki) -> None:
    """select() may see bytes where TLS has none yet: receive again when the rest has come."""
    near, far = tcp_pair()
    peer = ByHand(far, pki)
    handshaking = Background(peer.handshake)
    with far, client_context(pytls, pki).wrap_socket(near, server_hostname=HOSTNAME) as subject:
        handshaking.result()
        subject.setblocking(False)
        record = peer.encrypt(b"a record")
        for part in record[:3], record[3:20]:
            far.sendall(part)
            assert select.select([subject], [], [], DEADLINE)[0]
            with pytest.raises(pytls.SSLWantReadError):
                subject.recv(100)
        far.sendall(record[20:])
        assert select.select([subject], [], [], DEADLINE)[0]
        assert subject.recv(100) == b"a record"


def test_sending_too_much_wants_a_write(ends: Ends) -> None:
    """A full socket raises SSLWantWriteError; the same data goes on when it has drained."""
    content = os.urandom(16 << 20)
    view = memoryview(content)
    ends.subject.setblocking(False)
    sent = 0
    with pytest.raises(pytls.SSLWantWriteError) as error:  # noqa: PT012 sends till it can not
        while sent < len(content):
            sent += ends.subject.send(view[sent : sent + 65536])
    assert error.value.errno == pytls.SSL_ERROR_WANT_WRITE
    assert sent < len(content)

    receiving = Background(receive_exactly, ends.peer, len(content))
    while sent < len(content):
        select.select([], [ends.subject], [], DEADLINE)
        with contextlib.suppress(pytls.SSLWantWriteError):
            sent += ends.subject.send(view[sent : sent + 65536])
    assert receiving.result() == content


def test_both_ends_in_one_thread(contexts: Contexts, sides: Sides) -> None:
    """Two non-blocking ends handshake, talk and part, each retrying when its turn comes."""
    near, far = tcp_pair()
    near.setblocking(False)
    far.setblocking(False)
    options = {"do_handshake_on_connect": False}
    client = contexts.client.wrap_socket(near, server_hostname=HOSTNAME, **options)
    server = contexts.server.wrap_socket(far, server_side=True, **options)
    with client, server:
        in_turn(client.do_handshake, server.do_handshake)
        assert client.version() == server.version() is not None

        client.send(b"hello")
        assert in_turn(lambda: server.recv(100)) == [b"hello"]

        in_turn(client.unwrap, server.unwrap)


def in_turn(*calls: Callable[[], Any]) -> list[Any]:
    """Repeat non-blocking calls until each has returned; what they returned."""
    results: dict[int, Any] = {}
    deadline = time.monotonic() + DEADLINE
    while len(results) < len(calls):
        assert time.monotonic() < deadline
        for number, call in enumerate(calls):
            if number not in results:
                with contextlib.suppress(ssl.SSLWantReadError, ssl.SSLWantWriteError):
                    results[number] = call()
    return [results[number] for number in range(len(calls))]


def test_a_handshake_in_the_constructor_can_not_be_non_blocking(
    pki: Pki, silent: tuple[socket.socket, socket.socket]
) -> None:
    """do_handshake_on_connect and a non-blocking socket exclude each other."""
    near, _ = silent
    near.setblocking(False)

    with pytest.raises(ValueError, match="do_handshake_on_connect should not be specified"):
        client_context(pytls, pki).wrap_socket(near, server_hostname=HOSTNAME)


def test_a_non_blocking_socket_may_block_for_its_handshake(contexts: Contexts) -> None:
    """do_handshake(block=True) waits, and leaves the socket non-blocking."""
    near, far = tcp_pair()
    near.setblocking(False)
    accepting = Background(contexts.server.wrap_socket, far, server_side=True)
    with contexts.client.wrap_socket(
        near, server_hostname=HOSTNAME, do_handshake_on_connect=False
    ) as client:
        client.do_handshake(block=True)
        with accepting.result() as server:
            assert client.gettimeout() == 0
            assert client.version() == server.version() is not None


def test_a_connection_is_made_without_blocking(contexts: Contexts) -> None:
    """connect_ex() is in progress, then select(), then the handshake by turns."""
    listener = socket.create_server((LOOPBACK, 0))
    client = contexts.client.wrap_socket(
        socket.socket(), server_hostname=HOSTNAME, do_handshake_on_connect=False
    )
    with listener, client:
        client.setblocking(False)
        assert client.connect_ex(listener.getsockname()) in (0, errno.EINPROGRESS)
        far, _ = listener.accept()
        accepting = Background(contexts.server.wrap_socket, far, server_side=True)
        assert select.select([], [client], [], DEADLINE)[1] == [client]

        in_turn(client.do_handshake)

        with accepting.result() as server:
            assert client.version() == server.version() is not None


def test_a_socket_goes_back_to_blocking(ends: Ends) -> None:
    """After setblocking(True) a receive waits again."""
    ends.subject.setblocking(False)
    with pytest.raises(pytls.SSLWantReadError):
        ends.subject.recv(1)
    ends.subject.setblocking(True)
    receiving = Background(ends.subject.recv, 100)

    time.sleep(SHORT / 4)
    ends.peer.sendall(b"worth the wait")

    assert receiving.result() == b"worth the wait"


def test_a_selector_serves_many(sides: Sides, pki: Pki, tls_version: str) -> None:
    """One thread echoes to several clients through selectors."""
    contexts = Contexts(
        client_context(sides.client, pki, tls_version),
        server_context(sides.server, pki, tls_version),
    )
    with contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        pairs = [stack.enter_context(connected(contexts)) for _ in range(4)]
        for pair in pairs:
            pair.server.setblocking(False)
            selector.register(pair.server, selectors.EVENT_READ)
        for number, pair in enumerate(pairs):
            pair.client.sendall(b"client %d" % number)

        answered = 0
        while answered < len(pairs):
            events = selector.select(DEADLINE)
            assert events
            for key, _ in events:
                with contextlib.suppress(ssl.SSLWantReadError):
                    key.fileobj.send(key.fileobj.recv(100))
                    answered += 1

        for number, pair in enumerate(pairs):
            assert pair.client.recv(100) == b"client %d" % number
