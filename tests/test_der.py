"""The reader of BER: what it reads, what it refuses, and that nothing makes it slow or deep."""

from __future__ import annotations

import random
import time

import der
import pytest

from pytls._der import Malformed, content, elements, whole, wrap


def read(data: bytes) -> list[tuple[int, bytes]]:
    """The tags and contents of the elements that make up `data`."""
    return [(tag, data[start:stop]) for tag, start, stop in elements(data, whole(data))]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536])
def test_what_is_wrapped_is_read(size: int) -> None:
    octets = bytes(size)
    data = wrap(0x04, octets)
    assert data == der.tlv(0x04, octets)
    assert read(data + data) == [(0x04, octets)] * 2


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\x04\x81\x01a", [(0x04, b"a")]),
        (b"\x04\x84\0\0\0\x01a", [(0x04, b"a")]),
        (b"\x1f\x04\x01a", [(0x04, b"a")]),
        (b"\x1f\x80\x04\x01a", [(0x04, b"a")]),
        (b"\x1f\x1f\x01a", [(0x1F, b"a")]),
        (b"\xbf\x87\x68\x00", [(0xBF, b"")]),
        (b"\x30\x80\0\0", [(0x30, b"")]),
        (b"\x30\x80\x04\x02\0\0\0\0\x04\x00", [(0x30, b"\x04\x02\0\0"), (0x04, b"")]),
        (b"\x30\x80\x30\x80\0\0\0\0", [(0x30, b"\x30\x80\0\0")]),
    ],
)
def test_the_forms_of_an_element(data: bytes, expected: list[tuple[int, bytes]]) -> None:
    assert read(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\x04",
        b"\x04\x02a",
        b"\x04\x81",
        b"\x04\x80\0\0",
        b"\x30\x80",
        b"\x30\x80\0",
        b"\x30\x80\x04\x01\0\0",
        b"\x04\xff" + b"\xff" * 200,
        b"\x1f",
        b"\x1f\x80",
        b"\x1f" + b"\xff" * 200,
    ],
)
def test_what_is_no_ber_is_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        read(data)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x04\x01a", b"a"),
        (b"\x24\x03\x04\x01a", b"a"),
        (b"\x24\x06\x04\x01a\x04\x01b", b"ab"),
        (b"\x24\x80\x24\x80\x04\x01a\0\0\x24\x03\x04\x01b\0\0", b"ab"),
        (b"\x24\x00", b""),
    ],
)
def test_a_string_in_pieces_is_joined(data: bytes, expected: bytes) -> None:
    (string,) = elements(data, whole(data))
    assert content(data, string) == expected


def test_depth_costs_length_alone() -> None:
    depth = 100_000
    deep = b"\x30\x80" * depth + b"\0\0" * depth
    flat = b"\x24\x80" * depth + b"\x04\x01a" + b"\0\0" * depth
    began = time.process_time()
    assert read(deep) == [(0x30, deep[2:-2])]
    (string,) = elements(flat, whole(flat))
    assert content(flat, string) == b"a"
    assert time.process_time() - began < 5, "seconds; it takes a fraction of one"


def test_garbage_is_malformed_or_read_whole() -> None:
    chance = random.Random(3)
    telling = bytes.fromhex("000102041f24303f808182848aa0ff")
    sound = 0
    for _ in range(5000):
        data = bytes(chance.choice(telling) for _ in range(chance.randrange(1, 20)))
        try:
            found = elements(data, whole(data))
        except Malformed:
            continue
        sound += 1
        assert all(0 < start <= stop <= len(data) for _, start, stop in found)
    assert sound > 100
