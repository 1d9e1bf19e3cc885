"""MemoryBIO: a buffer between a TLS connection and a transport of the program's own."""

from __future__ import annotations

import array
import contextlib
import gc
import os
from typing import Any

import pytest
from outcomes import same
from peers import Background, Contexts, client_context, server_context
from pki import HOSTNAME, Pki

import pytls


def test_it_begins_empty() -> None:
    """Nothing pending, and no end yet."""
    bio = pytls.MemoryBIO()

    assert bio.pending == 0
    assert bio.eof is False
    assert bio.read() == b""


def test_first_in_first_out() -> None:
    """Several writes, read in other pieces."""
    bio = pytls.MemoryBIO()
    assert bio.write(b"abc") == 3
    assert bio.write(b"defgh") == 5

    assert bio.pending == 8
    assert bio.read(4) == b"abcd"
    assert bio.pending == 4
    assert bio.read() == b"efgh"
    assert bio.read() == b""


@pytest.mark.parametrize("size", [0, 1, 16383, 16384, 16385, 1 << 20], ids="{}B".format)
def test_any_size_comes_back_whole(size: int) -> None:
    """In one read, and in many."""
    data = os.urandom(size)
    bio = pytls.MemoryBIO()

    bio.write(data)
    assert bio.read() == data

    bio.write(data)
    assert b"".join(iter(lambda: bio.read(1000), b"")) == data


@pytest.mark.parametrize("size", [-5, -1, 0, 1, 5, 100])
def test_read_takes_what_it_takes_in_ssl(size: int) -> None:
    """Negative means all."""

    def case(m: Any) -> Any:
        bio = m.MemoryBIO()
        bio.write(b"12345")
        return bio.read(size), bio.pending, bio.eof

    same(case)


@pytest.mark.parametrize(
    "data",
    [bytearray(b"123"), memoryview(b"123"), array.array("H", [1, 2]), memoryview(b"abcdef")[1:3]],
    ids=["bytearray", "memoryview", "array", "slice"],
)
def test_any_buffer_is_written(data: Any) -> None:
    """Its bytes, and their number."""
    bio = pytls.MemoryBIO()

    assert bio.write(data) == len(bytes(data))
    assert bio.read() == bytes(data)


def test_the_end_is_reached_when_all_is_read() -> None:
    """write_eof() is no eof yet while there is something left."""
    bio = pytls.MemoryBIO()
    bio.write(b"last")
    bio.write_eof()

    assert bio.eof is False
    assert bio.read() == b"last"
    assert bio.eof is True
    assert bio.read() == b""


def test_threads_may_share_it() -> None:
    """One writes, one reads: every byte once."""
    bio = pytls.MemoryBIO()
    content = os.urandom(1 << 20)

    def write() -> None:
        for start in range(0, len(content), 1000):
            bio.write(content[start : start + 1000])
        bio.write_eof()

    writing = Background(write)
    received = bytearray()
    while not bio.eof:
        received += bio.read(777)
    writing.result()

    assert received == content


@pytest.fixture
def own(pki: Pki, tls_version: str) -> Contexts:
    """Both ends are pytls'."""
    return Contexts(
        client_context(pytls, pki, tls_version), server_context(pytls, pki, tls_version)
    )


def test_a_piece_may_be_read_in_part_before_a_connection_reads_the_rest(own: Contexts) -> None:
    """What was taken back is what comes next, in order, from Python or through OpenSSL."""
    incoming, outgoing = pytls.MemoryBIO(), pytls.MemoryBIO()
    incoming.write(b"abcdef")
    assert incoming.read(2) == b"ab"

    server = own.server.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(b"ghi")
    assert incoming.pending == 7
    assert incoming.read(3) == b"cde"
    with pytest.raises(pytls.SSLError):  # this is no ClientHello
        server.do_handshake()
    assert incoming.read() in (b"", b"fghi")


def test_what_follows_close_notify_is_left_for_the_program(own: Contexts) -> None:
    """Plain text behind the end of TLS stays where it came; the next connection begins there."""
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    for _ in range(2):
        client = own.client.wrap_bio(back, there, server_hostname=HOSTNAME)
        server = own.server.wrap_bio(there, back, server_side=True)
        shaken = 0
        while shaken < 2:
            shaken = 0
            for end in client, server:
                try:
                    end.do_handshake()
                    shaken += 1
                except pytls.SSLWantReadError:
                    pass
        with pytest.raises(pytls.SSLWantReadError):
            client.read()  # the tickets
        with pytest.raises(pytls.SSLWantReadError):
            client.unwrap()
        there.write(b"plain")
        server.unwrap()
        client.unwrap()

        assert there.pending == 5
        assert there.read() == b"plain"
        assert back.pending == 0


def test_much_is_left_until_it_is_read_and_outlives_its_connection(own: Contexts) -> None:
    """Small and large writes come out in their order, also when the SSLObject is gone."""
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    client_in, server_in = pytls.MemoryBIO(), pytls.MemoryBIO()
    client = own.client.wrap_bio(client_in, there, server_hostname=HOSTNAME)
    server = own.server.wrap_bio(server_in, back, server_side=True)
    for _ in range(4):
        for end in client, server:
            with contextlib.suppress(pytls.SSLWantReadError):
                end.do_handshake()
            server_in.write(there.read())
            client_in.write(back.read())
    sent = [os.urandom(size) for size in (10, 60_000, 20, 16_384, 30, 5_000)]
    for data in sent:
        client.write(data)
    size = there.pending
    del client, end
    gc.collect()
    ciphertext = there.read(100) + there.read()
    assert len(ciphertext) == size
    server_in.write(ciphertext)

    received = b""
    while len(received) < sum(map(len, sent)):
        received += server.read(65536)
    assert received == b"".join(sent)


def ends(context: Any, *bios: Any) -> list[Any]:
    """A client for each of `bios`, where it writes, after its first words."""
    clients = [context.wrap_bio(pytls.MemoryBIO(), bio, server_hostname=HOSTNAME) for bio in bios]
    for client in clients:
        with contextlib.suppress(pytls.SSLWantReadError):
            client.do_handshake()
    return clients


def test_a_program_may_write_after_a_connection(pki: Pki) -> None:
    """Where that one writes, and in this order."""
    bio = pytls.MemoryBIO()
    _client = ends(client_context(pytls, pki), bio)
    said = bio.pending
    bio.write(b"and more")

    assert bio.pending == said + 8
    data = bio.read()
    assert data[:1] == b"\x16"
    assert data[said:] == b"and more"


def test_two_connections_write_into_one(pki: Pki) -> None:
    """Nothing of either is lost, though the second came when the first had written."""
    context = client_context(pytls, pki)
    bio = pytls.MemoryBIO()
    first = ends(context, bio)
    said = bio.pending
    _clients = ends(context, bio), ends(context, bio, bio), first

    assert bio.pending == 4 * said
    assert bio.read(said)[:1] == b"\x16"
    assert len(bio.read()) == 3 * said


def linked(m: Any, pki: Pki) -> tuple[Any, Any, Any]:
    """A client and a server after their handshake, and the BIO that leads from it to that."""
    near, far = m.MemoryBIO(), m.MemoryBIO()
    client = client_context(m, pki).wrap_bio(near, far, server_hostname=HOSTNAME)
    server = server_context(m, pki).wrap_bio(far, near, server_side=True)
    for call in [client.do_handshake, server.do_handshake] * 3:
        with contextlib.suppress(m.SSLWantReadError):
            call()
    return client, server, far


def test_what_is_left_beside_somebody_who_reads_from_there(pki: Pki) -> None:
    """A record's rest is there, though another connection found the BIO of both empty."""
    client, server, far = linked(pytls, pki)
    other = server_context(pytls, pki).wrap_bio(far, pytls.MemoryBIO(), server_side=True)
    for buffer in None, bytearray(3):
        client.write(b"abcdef")
        assert server.read(3, buffer)
        with pytest.raises(pytls.SSLWantReadError):
            other.read(1)
        assert server.read(3) == b"def"


def test_an_end_is_not_found_in_advance(pki: Pki) -> None:
    """The peer has gone after many records: until one has read so far, one may answer."""
    client, server, far = linked(pytls, pki)
    client.write(bytes(65536))
    far.write_eof()
    received = 0
    while received < 65536:
        received += len(server.read(1 << 20))
    assert server.write(b"answer") == 6
    with pytest.raises(pytls.SSLEOFError):
        server.read(1)


@pytest.mark.parametrize("size", [1, 65536])
def test_an_end_that_was_there_before_the_data_was_read(pki: Pki, size: int) -> None:
    """It is told after the data, as in ssl: not that more is wanted."""

    def case(m: Any) -> Any:
        client, server, far = linked(m, pki)
        client.write(bytes(size))
        far.write_eof()
        received = 0
        while received < size:
            received += len(server.read(1 << 20))
        server.read(1)

    with pytest.raises(pytls.SSLEOFError):
        case(pytls)
