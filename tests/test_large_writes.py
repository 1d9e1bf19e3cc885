"""Writes of many records, which go to the socket through a BIO that gathers them."""

from __future__ import annotations

import os
import socket
import ssl
import struct
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
    receive_exactly,
    server_context,
)
from pki import Pki

import pytls
from pytls import _gather

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


@gathers
@pytest.mark.parametrize("more", [b"small", bytes(2 * LARGE)])
def test_what_is_left_goes_first(contexts: Contexts, more: bytes) -> None:
    """OpenSSL has taken all of a write, and the socket has not; then something else is written."""
    sent = []
    with connected(contexts) as pair:
        connection = pair.client._sslobj
        written = 0
        while written >= 0:
            sent.append(os.urandom(16384))
            connection.gatherer = _gather.Gatherer(connection.ptr)
            written = connection.write(sent[-1], 16384)
        assert connection.gatherer is not None
        expected = b"".join(sent) + more
        receiving = Background(receive_exactly, pair.server, len(expected))
        pair.client.sendall(more)
        assert receiving.result() == expected
        assert connection.gatherer is None


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


def cut_off(module: ModuleType, pki: Pki) -> tuple[type, Any]:
    """What a write raises when the peer resets the connection in the midst of it."""
    contexts = Contexts(client_context(module, pki), server_context(ssl, pki))
    with connected(contexts) as pair:
        pair.server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writing = Background(pair.client.sendall, bytes(2 * FULL))
        receive_exactly(pair.server, LARGE)
        pair.server.close()
        with pytest.raises(OSError) as caught:  # noqa: PT011  # which one is compared
            writing.result()
        with pytest.raises(OSError):  # noqa: PT011  # likewise
            pair.client.sendall(b"more")
    return type(caught.value), caught.value.errno


@pytest.mark.skipif(not has("TLSv1_3"), reason="1.0.2 is not the one that ssl has")
def test_a_reset_raises_what_it_raises_in_ssl(pki: Pki) -> None:
    """Class and errno."""
    assert same(cut_off(pytls, pki)) == same(cut_off(ssl, pki))


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
