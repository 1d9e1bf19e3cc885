"""The names in an ELF shared library, its own and of what it needs: read, and changed in place."""

from __future__ import annotations

import os
import struct
from mmap import ACCESS_READ, mmap

from ._types import Mapping

PT_LOAD, PT_DYNAMIC = 1, 2
DT_NEEDED, DT_STRTAB, DT_STRSZ, DT_SONAME = 1, 5, 10, 14


def name_of(path: str) -> str:
    """The name by which the dynamic linker knows the library in a file.

    :raises ValueError: not an ELF file with a dynamic section.
    """
    with open(path, "rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as image:
        strings, soname, _ = _dynamic(image)
        return _string(image[strings], soname).decode() or os.path.basename(path)


def rename(image: bytearray, new: Mapping[bytes, bytes]) -> None:
    """Replace names in `image`, wherever its string table has them.

    A needed library is named twice, as needed and as the origin of symbol versions, and linkers
    usually let both share one string, but need not: so every whole string of that name changes.

    :param new: name to new name, which must not be longer.
    :raises ValueError: not an ELF file with a dynamic section; a name that is too long; or one that
        a linker stored as the end of a longer string, which would change as well.
    """
    strings, soname, needed = _dynamic(image)
    table = bytes(image[strings])
    for old, name in new.items():
        if len(name) > len(old):
            raise ValueError(f"{name!r} is longer than {old!r}")
        table = table.replace(b"\0" + old + b"\0", b"\0" + name.ljust(len(old), b"\0") + b"\0")
    if not new.keys().isdisjoint(_string(table, at) for at in (soname, *needed)):
        raise ValueError("a name is the end of another one")
    image[strings] = table


def _string(table: bytes, at: int) -> bytes:
    return table[at : table.index(b"\0", at)]


def _dynamic(image: bytearray | mmap) -> tuple[slice, int, tuple[int, ...]]:
    """Where the string table is in `image`, and where in that the file's name and its needs are.

    The name's place is 0, that of the empty string, when there is none.
    """
    if image[:4] != b"\x7fELF":
        raise ValueError("not an ELF file")
    try:
        order = "<" if image[5] == 1 else ">"
        if image[4] == 2:  # 64 bits
            (start,) = struct.unpack_from(order + "Q", image, 32)
            size, count = struct.unpack_from(order + "HH", image, 54)
            segment, entry = order + "I4xQQ8xQ", order + "QQ"  # type, offset, address, file size
        else:
            (start,) = struct.unpack_from(order + "I", image, 28)
            size, count = struct.unpack_from(order + "HH", image, 42)
            segment, entry = order + "III4xI", order + "II"
        segments = [struct.unpack_from(segment, image, start + i * size) for i in range(count)]
        (section,) = (image[at : at + n] for kind, at, _, n in segments if kind == PT_DYNAMIC)
        section = section[: len(section) - len(section) % struct.calcsize(entry)]
        entries = list(struct.iter_unpack(entry, section))
        value = dict(entries)
        (table,) = (
            at + value[DT_STRTAB] - address
            for kind, at, address, n in segments
            if kind == PT_LOAD and address <= value[DT_STRTAB] < address + n
        )
        return (
            slice(table, table + value[DT_STRSZ]),
            value.get(DT_SONAME, 0),
            tuple(offset for tag, offset in entries if tag == DT_NEEDED),
        )
    except (struct.error, IndexError, KeyError) as error:
        raise ValueError(f"not a whole ELF file: {error}") from None
