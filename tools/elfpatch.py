"""Make a shared library fit a process and a glibc that it was not built for.

Three edits, each in place, so that nothing in the file moves:

- another soname, and the same change where it is needed, so that two OpenSSLs live in one process:
  glibc takes a library that is already loaded for every other one of that soname;
- no requirement of GLIBC_2.38, when only `strtol`, `strtoul` and `sscanf` cause it: that version
  merely renamed them for C23, where they also read binary literals (0b1);
- `$ORIGIN` as search path, so that a library finds the ones beside it.

Usage: elfpatch.py [--rpath] IN OUT [OLD=NEW ...]
"""

from __future__ import annotations

import argparse
import struct
import sys
from pathlib import Path
from typing import Iterator, NamedTuple

SHT_DYNAMIC, SHT_DYNSYM, SHT_VERNEED, SHT_VERSYM = 6, 11, 0x6FFFFFFE, 0x6FFFFFFF
DT_NULL, DT_NEEDED, DT_SONAME, DT_RPATH = 0, 1, 14, 15

C23 = "GLIBC_2.38"
C23_PREFIX = "__isoc23_"
C23_NAMES = {C23_PREFIX + name for name in ("strtol", "strtoul", "sscanf")}
OLDEST = {3: "GLIBC_2.0", 62: "GLIBC_2.2.5", 183: "GLIBC_2.17"}  # by e_machine: i386, x86-64, arm64
ORIGIN = b"$ORIGIN"


class PatchError(Exception):
    """The file is not what can be patched safely; it says why."""


class Section(NamedTuple):
    """What a section header tells about where its content is."""

    offset: int
    size: int
    link: int
    entry: int


class Requirement(NamedTuple):
    """One version that one needed library must have (an Elf_Vernaux), and where it stands."""

    position: int
    number: int  # what the symbols of that version carry in SHT_VERSYM
    version: str


class Elf:
    """The dynamic part of a little-endian ELF file, 32 or 64 bits, read and edited in `data`."""

    def __init__(self, data: bytearray) -> None:
        if data[:4] != b"\x7fELF" or data[5] != 1:
            raise PatchError("not a little-endian ELF file")
        self.data = data
        wide = data[4] == 2
        self._dyn = "<qQ" if wide else "<iI"
        (start,) = struct.unpack_from("<Q" if wide else "<I", data, 40 if wide else 32)
        size, count = struct.unpack_from("<HH", data, 58 if wide else 46)
        headers = [
            struct.unpack_from("<IIQQQQIIQQ" if wide else "<10I", data, start + n * size)
            for n in range(count)
        ]
        by_type = {h[1]: Section(h[4], h[5], h[6], h[9]) for h in reversed(headers)}
        if SHT_DYNAMIC not in by_type:
            raise PatchError("no dynamic section")
        self.sections = by_type
        self._strings = headers[by_type[SHT_DYNAMIC].link][4]

    @property
    def needed(self) -> list[str]:
        """The sonames that this library asks the loader for."""
        return [self._string(value) for _, tag, value in self._dynamic() if tag == DT_NEEDED]

    @property
    def soname(self) -> str:
        """What the loader calls this library."""
        return next(self._string(value) for _, tag, value in self._dynamic() if tag == DT_SONAME)

    def rename(self, renames: dict[str, str]) -> None:
        """Write each new name, not a longer one, over the old: as soname and as what is needed."""
        places = {value for _, tag, value in self._dynamic() if tag in (DT_NEEDED, DT_SONAME)}
        places.update(file for file, _ in self._verneed())
        for place in places:
            old = self._string(place)
            new = renames.get(old, old)
            if len(new) > len(old):
                raise PatchError(f"{new} is longer than {old}")
            self._write(place, new.encode().ljust(len(old), b"\0"))

    def search_beside(self) -> None:
        """Add DT_RPATH $ORIGIN: in a spare entry; the text in what `rename` left of the soname."""
        entries = list(self._dynamic())
        nulls = [position for position, tag, _ in entries if tag == DT_NULL]
        if any(tag == DT_RPATH for _, tag, _ in entries):
            return
        if len(nulls) < 2:
            raise PatchError("no spare entry in the dynamic section")
        place = next(value for _, tag, value in entries if tag == DT_SONAME)
        place += len(self._string(place)) + 1
        if self.data[self._strings + place :][: len(ORIGIN)].strip(b"\0"):
            raise PatchError("no room for $ORIGIN: give a shorter soname")
        self._write(place, ORIGIN)
        struct.pack_into(self._dyn, self.data, nulls[0], DT_RPATH, place)

    def relax_glibc(self) -> None:
        """Ask for the C functions of old instead of those that GLIBC_2.38 renamed for C23."""
        (machine,) = struct.unpack_from("<H", self.data, 18)
        for file, wanted in self._verneed():
            new = next((each for each in wanted if each.version == C23), None)
            if new is None:
                continue
            old = next((each for each in wanted if each.version == OLDEST.get(machine)), None)
            if old is None:
                raise PatchError(f"{self._string(file)}: nothing older than {C23} is needed")
            for place in self._symbols(new.number):
                (name,) = struct.unpack_from("<I", self.data, place)
                if self._string(name) not in C23_NAMES:
                    raise PatchError(f"needs {self._string(name)} of {C23}")
                struct.pack_into("<I", self.data, place, name + len(C23_PREFIX))
            # hash, flags, index, name, next: the old version's, under the new one's index
            hashed, flags, _, text, _ = struct.unpack_from("<IHHII", self.data, old.position)
            (following,) = struct.unpack_from("<I", self.data, new.position + 12)
            packed = (hashed, flags, new.number, text, following)
            struct.pack_into("<IHHII", self.data, new.position, *packed)

    def _string(self, place: int) -> str:
        start = self._strings + place
        return self.data[start : self.data.index(b"\0", start)].decode()

    def _write(self, place: int, text: bytes) -> None:
        start = self._strings + place
        self.data[start : start + len(text)] = text

    def _dynamic(self) -> Iterator[tuple[int, int, int]]:
        """(position in the file, tag, value) of every entry, spare ones at the end included."""
        section = self.sections[SHT_DYNAMIC]
        for position in range(section.offset, section.offset + section.size, section.entry):
            tag, value = struct.unpack_from(self._dyn, self.data, position)
            yield position, tag, value

    def _verneed(self) -> Iterator[tuple[int, list[Requirement]]]:
        """(place of a needed library's name, the versions it must have)."""
        section = self.sections.get(SHT_VERNEED)
        position: int | None = section and section.offset
        while position:
            _, count, file, first, following = struct.unpack_from("<HHIII", self.data, position)
            wanted, each = [], position + first
            for _ in range(count):
                _, _, index, name, step = struct.unpack_from("<IHHII", self.data, each)
                wanted.append(Requirement(each, index, self._string(name)))
                each += step
            yield file, wanted
            position = position + following if following else None

    def _symbols(self, version: int) -> Iterator[int]:
        """The positions of the symbols that carry this version index."""
        versions, symbols = self.sections[SHT_VERSYM], self.sections[SHT_DYNSYM]
        for n in range(versions.size // 2):
            (index,) = struct.unpack_from("<H", self.data, versions.offset + 2 * n)
            if index & 0x7FFF == version:
                yield symbols.offset + n * symbols.entry


def read(path: Path) -> Elf:
    """The ELF file at `path`; raises PatchError when it is none."""
    return Elf(bytearray(path.read_bytes()))


def patch(source: Path, target: Path, renames: dict[str, str], *, rpath: bool = False) -> None:
    """Write to `target` what `source` becomes; PatchError, and nothing written, if it cannot."""
    elf = read(source)
    elf.rename(renames)
    elf.relax_glibc()
    if rpath:
        elf.search_beside()
    target.write_bytes(elf.data)


def main() -> int:
    """Patch one file; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rpath", action="store_true", help="search beside the library: $ORIGIN")
    parser.add_argument("source", type=Path, metavar="IN")
    parser.add_argument("target", type=Path, metavar="OUT")
    parser.add_argument("rename", nargs="*", metavar="OLD=NEW", help="sonames, not longer than OLD")
    args = parser.parse_args()
    try:
        renames = dict(each.split("=", 1) for each in args.rename)
        patch(args.source, args.target, renames, rpath=args.rpath)
    except (PatchError, OSError, ValueError) as error:
        print(f"{args.source}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
