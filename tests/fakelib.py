"""Shared libraries made without a compiler: what bears OpenSSL's name and is something else."""

from __future__ import annotations

import platform
import struct
import sys
from pathlib import Path
from typing import Mapping, NamedTuple

PAGE = 0x10000  # bytes; the largest page there is: the writable part begins with the second one
EM_386 = 3
MACHINES = {"x86_64": 62, "aarch64": 183}
PT_LOAD, PT_DYNAMIC, PT_GNU_STACK = 1, 2, 0x6474E551
READ, WRITE, EXECUTE = 4, 2, 1
DT_NEEDED, DT_HASH, DT_STRTAB, DT_SYMTAB, DT_STRSZ, DT_SYMENT, DT_SONAME = 1, 4, 5, 6, 10, 11, 14
CODE = 16  # bytes reserved for each function


class Form(NamedTuple):
    """How an ELF file writes its numbers."""

    order: str = "<"
    wide: bool = True

    def pack(self, layout: str, *values: int) -> bytes:
        """Like `struct.pack`, where N stands for an address."""
        return struct.pack(self.order + layout.replace("N", "Q" if self.wide else "I"), *values)


NATIVE = Form(wide=sys.maxsize > 1 << 32)


def library(
    path: Path,
    functions: Mapping[str, int | str] | None = None,
    needed: tuple[str, ...] = (),
    form: Form = NATIVE,
) -> Path:
    """Write a library called like its file, which needs others.

    Its functions return the number or text given. They run in processes of the running one's kind.
    """
    functions = functions or {}
    table = b"\0"
    at = {}
    for name in [path.name, *needed, *functions]:
        at[name] = len(table)
        table += name.encode() + b"\0"

    headers = 64 + 4 * 56 if form.wide else 52 + 4 * 32
    count = len(functions) + 1
    symbols, entry = -(-headers // 16) * 16, 24 if form.wide else 16
    hashes = symbols + count * entry
    strings = hashes + 4 * (2 + 1 + count)
    code = -(-(strings + len(table)) // 16) * 16

    body = bytearray(code)
    texts = code + CODE * len(functions)
    tail = b""
    for n, (name, value) in enumerate(functions.items()):
        start = code + CODE * n
        info = 1 << 4 | 2  # global, a function
        symbol = form.pack("IBBHQQ", at[name], info, 0, 1, start, CODE)
        if not form.wide:
            symbol = form.pack("IIIBBH", at[name], start, CODE, info, 0, 1)
        body[symbols + entry * (n + 1) : symbols + entry * (n + 2)] = symbol
        if isinstance(value, str):
            body += returning(texts + len(tail) - start, "text").ljust(CODE, b"\0")
            tail += value.encode() + b"\0"
        else:
            body += returning(value, "number").ljust(CODE, b"\0")
    chain = [*range(2, count), 0] if functions else []
    # One bucket: every symbol is found by going through all of them.
    body[hashes:strings] = form.pack(f"{3 + count}I", 1, count, min(1, count - 1), 0, *chain)
    body[strings : strings + len(table)] = table
    body += tail
    assert len(body) < PAGE

    entries = [(DT_NEEDED, at[name]) for name in needed]
    entries += [(DT_SONAME, at[path.name]), (DT_HASH, hashes), (DT_STRTAB, strings)]
    entries += [(DT_SYMTAB, symbols), (DT_STRSZ, len(table)), (DT_SYMENT, entry), (0, 0)]
    dynamic = b"".join(form.pack("NN", *entry) for entry in entries)

    body[:headers] = head(form) + b"".join(
        segment(form, *values)
        for values in (
            (PT_LOAD, READ | EXECUTE, 0, len(body)),
            (PT_LOAD, READ | WRITE, PAGE, len(dynamic)),
            (PT_DYNAMIC, READ | WRITE, PAGE, len(dynamic)),
            (PT_GNU_STACK, READ | WRITE, 0, 0),
        )
    )
    path.write_bytes(body.ljust(PAGE, b"\0") + dynamic)
    return path


def returning(value: int, kind: str) -> bytes:
    """The code that returns a number, or the address so many bytes after its own."""
    if platform.machine() == "aarch64":
        if kind == "text":  # adr x0, value; ret
            return struct.pack("<II", 0x10000000 | (value & 3) << 29 | value >> 2 << 5, 0xD65F03C0)
        low, high = value & 0xFFFF, value >> 16  # movz w0, low; movk w0, high, lsl 16; ret
        return struct.pack("<III", 0x52800000 | low << 5, 0x72A00000 | high << 5, 0xD65F03C0)
    if kind == "text" and not NATIVE.wide:  # call next; next: pop eax; add eax, value - 5; ret
        return b"\xe8\0\0\0\0\x58\x05" + struct.pack("<i", value - 5) + b"\xc3"
    if kind == "text":  # lea rax, [rip + value]; ret
        return b"\x48\x8d\x05" + struct.pack("<i", value - 7) + b"\xc3"
    return b"\xb8" + struct.pack("<I", value) + b"\xc3"  # mov eax, value; ret


def head(form: Form) -> bytes:
    """The ELF header."""
    mark = bytes([*b"\x7fELF", 1 + form.wide, 1 if form.order == "<" else 2, 1]).ljust(16, b"\0")
    size, entry = (64, 56) if form.wide else (52, 32)
    machine = MACHINES.get(platform.machine(), 0) if form.wide else EM_386
    return mark + form.pack("HHINNNIHHHHHH", 3, machine, 1, 0, size, 0, 0, size, entry, 4, 0, 0, 0)


def segment(form: Form, kind: int, flags: int, at: int, size: int) -> bytes:
    """A program header: so many bytes of the file, at the same address."""
    if form.wide:
        return form.pack("IIQQQQQQ", kind, flags, at, at, at, size, size, PAGE)
    return form.pack("IIIIIIII", kind, at, at, at, size, size, flags, PAGE)
