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
