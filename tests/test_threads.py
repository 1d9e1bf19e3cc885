"""One SSLSocket in several threads: it is read and written at once, and closed from elsewhere."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import select
import socket
import ssl
import threading
import time
from typing import Any

import pytest
from peers import (
    DEADLINE,
    SHORT,
    Background,
    Contexts,
    Ends,
    connected,
    receive_exactly,
    settle,
)

import pytls

SIZE = 4 << 20  # bytes each way
CHUNK = 100_000


def send_in_pieces(sock: Any, content: bytes, seed: int) -> None:
    """Everything, in pieces of random sizes around that of a record."""
    sizes = random.Random(seed)
    view = memoryview(content)
    while view:
        size = sizes.randrange(1, CHUNK)
        sock.sendall(view[:size])
        view = view[size:]


def digest(data: bytes) -> str:
    """What is compared instead of megabytes, so that a failure can be read."""
    return hashlib.sha256(data).hexdigest()


def both_ways(sock: Any, content: bytes, expected: int) -> bytes:
    """Send and receive by turns in one thread, as `ssl` must; what was received."""
    sock.setblocking(False)
    received, view = bytearray(), memoryview(content)
    wants = ssl.SSLWantReadError, ssl.SSLWantWriteError
    deadline = time.monotonic() + DEADLINE
    while view or len(received) < expected:
        assert time.monotonic() < deadline
        if not sock.pending():
            select.select([sock], [sock] if view else [], [], DEADLINE)
        with contextlib.suppress(*wants):
            received += sock.recv(65536)
        with contextlib.suppress(*wants):
            view = view[sock.send(view[:16384]) :] if view else view
    return bytes(received)


def test_one_thread_reads_while_another_writes(ends: Ends) -> None:
    """Megabytes each way at once over one connection, every byte in its place."""
    there, back = os.urandom(SIZE), os.urandom(SIZE)
    peer = Background(both_ways, ends.peer, back, len(there))
    reading = Background(receive_exactly, ends.subject, len(back))
    time.sleep(SHORT / 10)  # the reader waits first, when there is nothing to read

    send_in_pieces(ends.subject, there, seed=1)

    assert digest(reading.result()) == digest(back)
    assert digest(peer.result()) == digest(there)


def test_both_under_a_timeout(ends: Ends) -> None:
    """The same with a timeout on the socket, which is another way of waiting."""
    there, back = os.urandom(SIZE), os.urandom(SIZE)
    ends.subject.settimeout(DEADLINE)
    peer = Background(both_ways, ends.peer, back, len(there))
    reading = Background(receive_exactly, ends.subject, len(back))

    send_in_pieces(ends.subject, there, seed=2)

    assert digest(reading.result()) == digest(back)
    assert digest(peer.result()) == digest(there)


@pytest.mark.difference(
    "connections",
    "**Two threads** may use one `SSLSocket`: a reader that waits does not stop a writer.",
)
def test_a_blocked_reader_does_not_stop_a_writer(ends: Ends) -> None:
    """While one thread waits in recv(), another sends (bpo gh-137583)."""
    reading = Background(ends.subject.recv, 100)
    time.sleep(SHORT / 2)

    writing = Background(ends.subject.sendall, b"meanwhile")
    writing.result(timeout=DEADLINE / 5)

    assert ends.peer.recv(100) == b"meanwhile"
    assert reading.is_alive()
    ends.peer.sendall(b"done")
    assert reading.result() == b"done"


def test_a_blocked_writer_does_not_stop_a_reader(ends: Ends) -> None:
    """While one thread waits in sendall() for a peer that takes nothing, another receives."""
    content = os.urandom(16 << 20)
    writing = Background(ends.subject.sendall, content)
    time.sleep(SHORT / 2)
    assert writing.is_alive()

    ends.peer.sendall(b"stop for a moment")
    reading = Background(ends.subject.recv, 100)
    assert reading.result(timeout=DEADLINE / 5) == b"stop for a moment"

    assert digest(receive_exactly(ends.peer, len(content))) == digest(content)
    writing.result()


def test_several_writers_do_not_mix_within_a_record(ends: Ends) -> None:
    """Short messages of several threads arrive whole, each thread's in its order."""
    rounds, writers = 100, 4

    def write(number: int) -> None:
        for turn in range(rounds):
            ends.subject.sendall(b"%d %4d\n" % (number, turn))

    writing = [Background(write, number) for number in range(writers)]
    lines = receive_exactly(ends.peer, rounds * writers * 7).decode().splitlines()
    for thread in writing:
        thread.result()

    for number in range(writers):
        turns = [line.split()[1] for line in lines if line.startswith(f"{number} ")]
        assert turns == [str(turn) for turn in range(rounds)]


def test_several_readers_lose_nothing(ends: Ends) -> None:
    """What several threads receive is together what was sent."""
    content = bytes(range(256)) * 4096
    lock, received = threading.Lock(), []

    def read() -> None:
        while True:
            data = ends.subject.recv(1000)
            if not data:
                return
            with lock:
                received.append(data)

    settle(ends)
    reading = [Background(read) for _ in range(3)]
    ends.peer.sendall(content)
    ends.peer.close()
    for thread in reading:
        thread.result()

    assert sum(map(len, received)) == len(content)
    assert sorted(b"".join(received)) == sorted(content)


def test_the_end_wakes_every_reader(contexts: Contexts) -> None:
    """The peer's close_notify, with the connection left open, ends all recv() that wait for it."""
    for _ in range(5):
        with connected(contexts) as pair:
            for end in pair:
                end.settimeout(DEADLINE / 2)
            for subject, peer in pair, pair[::-1]:
                if type(subject) is not pytls.SSLSocket:
                    continue
                settle(Ends(subject, peer))
                reading = [Background(subject.recv, 10) for _ in range(3)]
                time.sleep(SHORT / 5)
                closing = Background(peer.unwrap)
                assert [thread.result() for thread in reading] == [b""] * 3
                subject.unwrap()
                closing.result()
                break


def test_what_one_reader_leaves_wakes_another(ends: Ends) -> None:
    """A record is longer than what each of three readers asks for."""
    settle(ends)
    ends.subject.settimeout(DEADLINE / 2)
    for read in ends.subject.recv, lambda size: ends.subject.recv_into(bytearray(size)):
        reading = [Background(read, 10) for _ in range(3)]
        time.sleep(SHORT / 5)
        ends.peer.sendall(bytes(30))
        for thread in reading:
            assert thread.result() in (bytes(10), 10)


def test_shutdown_wakes_a_reader(ends: Ends) -> None:
    """Shutting the socket down from another thread ends a blocked recv()."""
    reading = Background(ends.subject.recv, 1)
    time.sleep(SHORT / 2)

    ends.subject.shutdown(socket.SHUT_RDWR)

    try:
        assert reading.result() == b""
    except (OSError, ValueError):
        pass  # what a call on a socket that is gone may raise


def test_closing_wakes_a_reader(ends: Ends) -> None:
    """Closing the socket from another thread ends a recv() that would wait for ever."""
    reading = Background(ends.subject.recv, 1)
    time.sleep(SHORT / 2)

    ends.subject.close()

    with contextlib.suppress(OSError, ValueError):
        assert reading.result() == b""


def test_closing_while_a_reader_waits_harms_nobody(contexts: Contexts, ends: Ends) -> None:
    """The reader ends by its timeout at the latest, and a new connection is not read by it."""
    ends.subject.settimeout(SHORT)
    reading = Background(ends.subject.recv, 1)
    time.sleep(SHORT / 4)
    ends.subject.close()

    with connected(contexts) as other:  # likely under the same descriptor number
        other.client.sendall(b"for the other alone")
        other.server.sendall(b"for the other alone")
        with contextlib.suppress(OSError, ValueError):
            assert reading.result() == b""
        assert other.server.recv(100) == b"for the other alone"
        assert other.client.recv(100) == b"for the other alone"


def test_closing_while_a_writer_waits_harms_nobody(ends: Ends) -> None:
    """The writer ends with an error when the socket goes from under it."""
    ends.subject.settimeout(5 * SHORT)
    writing = Background(ends.subject.sendall, bytes(64 << 20))
    time.sleep(SHORT)

    ends.subject.close()

    with pytest.raises((OSError, ValueError)):
        writing.result()


def test_connections_in_many_threads_share_a_context(contexts: Contexts) -> None:
    """Handshakes and exchanges of several threads with one pair of contexts."""

    def converse(number: int) -> bytes:
        with connected(contexts) as pair:
            content = bytes([number]) * 100_000
            sending = Background(pair.client.sendall, content)
            received = receive_exactly(pair.server, len(content))
            sending.result()
            assert received == content
            return received[:1]

    conversing = [Background(converse, number) for number in range(8)]

    assert [thread.result() for thread in conversing] == [bytes([number]) for number in range(8)]
