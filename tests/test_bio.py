"""MemoryBIO: a buffer between a TLS connection and a transport of the program's own."""

from __future__ import annotations

import array
import os
from typing import Any

import pytest
from outcomes import same
from peers import Background

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
