"""A reader of BER, in which certificates are written; DER is its plain form. X.690 §8.

An element is told as ``(tag, start, stop)``: its first octet, and where in the data its contents
stand. Nothing recurses, so one that nests a thousand deep costs no more than its length.
"""

from __future__ import annotations

from ._types import Tuple

Element = Tuple[int, int, int]

CONSTRUCTED = 0x20

_NUMBER = 0x1F  # the bits of a tag's number; all of them set: the number follows
_LARGEST_NUMBER = 1 << 24
_INDEFINITE = 0x80


class Malformed(ValueError):  # noqa: N818  # it says what the octets are
    """The octets are no BER, or not what was looked for."""


def whole(data: bytes) -> Element:
    """All of `data`, as if it were the contents of an element."""
    return 0, 0, len(data)


def elements(data: bytes, outer: Element) -> list[Element]:
    """The elements that make up the contents of `outer`.

    :raises Malformed: they do not fill it exactly.
    """
    _, pos, end = outer
    found = []
    try:
        while pos < end:
            tag = data[pos]
            size = data[pos + 1]
            if size < 0x80 and tag & _NUMBER != _NUMBER:
                start = pos + 2
                pos = stop = start + size
            else:
                tag, start, stop, pos = _element(data, pos)
            found.append((tag, start, stop))
    except IndexError:
        raise Malformed("element cut short") from None
    if pos != end:
        raise Malformed("element larger than its place")
    return found


def content(data: bytes, element: Element) -> bytes:
    """The contents of a primitive element; of a string in pieces, the pieces joined."""
    tag, start, stop = element
    if not tag & CONSTRUCTED:
        return data[start:stop]
    pieces = []
    while start < stop:
        tag, inner, size = _header(data, start)
        # An end-of-contents is but one more piece, without any octet
        start = inner if tag & CONSTRUCTED else inner + size
        pieces.append(data[inner:start])
    return b"".join(pieces)


def wrap(tag: int, contents: bytes) -> bytes:
    """An element in DER."""
    size = len(contents)
    if size < 0x80:
        return bytes((tag, size)) + contents
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + contents


def _element(data: bytes, pos: int) -> tuple[int, int, int, int]:
    """The element at `pos`, and the position after it."""
    tag, start, size = _header(data, pos)
    if size >= 0:
        return tag, start, start + size, start + size
    pos, depth = start, 1
    while True:
        if data.startswith(b"\0\0", pos):
            depth -= 1
            if not depth:
                return tag, start, pos, pos + 2
            pos += 2
        else:
            _, pos, size = _header(data, pos)
            if size < 0:
                depth += 1
            else:
                pos += size


def _header(data: bytes, pos: int) -> tuple[int, int, int]:
    """Tag, start and size of the contents of the element at `pos`; size -1 when indefinite."""
    tag = data[pos]
    pos += 1
    if tag & _NUMBER == _NUMBER:
        number = 0
        more = True
        while more:
            if number > _LARGEST_NUMBER:
                raise Malformed("tag number out of range")
            more = data[pos] >= 0x80
            number = number << 7 | data[pos] & 0x7F
            pos += 1
        if number < _NUMBER:
            # The long form of a small number: no DER, but OpenSSL takes it
            tag = tag & ~_NUMBER | number
    size = data[pos]
    pos += 1
    if size == _INDEFINITE:
        if not tag & CONSTRUCTED:
            raise Malformed("indefinite length of a primitive element")
        return tag, pos, -1
    if size > 0x80:
        count = size & 0x7F
        size = int.from_bytes(data[pos : pos + count], "big")
        pos += count
    return tag, pos, size
