"""What an ELF shared library exports, read without loading it."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Iterator

SHT_DYNSYM, SHT_VERDEF, SHT_VERSYM = 11, 0x6FFFFFFD, 0x6FFFFFFF
SHN_UNDEF = 0


def exports(path: Path) -> dict[str, str]:
    """Each symbol and the version that its library files it under: OPENSSL_3.2.0, or ""."""
    image = path.read_bytes()
    wide = image[4] == 2  # 64 bits
    (start,) = struct.unpack_from("<Q" if wide else "<I", image, 40 if wide else 32)
    size, count = struct.unpack_from("<HH", image, 58 if wide else 46)
    headers = [
        struct.unpack_from("<IIQQQQIIQQ" if wide else "<10I", image, start + n * size)
        for n in range(count)
    ]
    where = {kind: (offset, size, link) for _, kind, _, _, offset, size, link, *_ in headers}

    offset, size, link = where[SHT_DYNSYM]
    strings = headers[link][4]

    def string(place: int) -> str:
        begin = strings + place
        return image[begin : image.index(b"\0", begin)].decode()

    # name, section
    symbols = struct.iter_unpack("<I2xH16x" if wide else "<I10xH", image[offset : offset + size])
    names = [(string(name), section) for name, section in symbols]
    versions: dict[int, str] = {}
    indices = [0] * len(names)
    if SHT_VERDEF in where:
        versions = {n: string(name) for n, name in _versions(image, where[SHT_VERDEF][0])}
        offset, size, _ = where[SHT_VERSYM]
        indices = [index & 0x7FFF for (index,) in struct.iter_unpack("<H", image[offset:][:size])]
    return {
        name: versions.get(index, "")
        for (name, section), index in zip(names, indices)
        if section != SHN_UNDEF
    }


def _versions(image: bytes, position: int) -> Iterator[tuple[int, int]]:
    """The number of each version that the library defines, and where its name is."""
    following = position
    while following:
        index, first, following = struct.unpack_from("<4xH6xII", image, position)
        yield index, struct.unpack_from("<I", image, position + first)[0]
        position += following
