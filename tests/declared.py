"""The tables of C functions as they are written: each row in the words of C, for any release."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import Any, NamedTuple

from pytls import _declare
from pytls._declare import Release

PACKAGE = Path(_declare.__file__).parent
TABLES = {"libcrypto": "_libcrypto", "libssl": "_libssl"}
"""The module of each library's table; a later one uses the names of those before it."""


class Pointer(NamedTuple):
    """`to` is "void", "char", the name of a struct's typedef, or again one of these types."""

    to: Any


class Function(NamedTuple):
    """What a CFUNCTYPE declares, or a prototype."""

    result: Any
    arguments: tuple[Any, ...]


STRING = Pointer("char")
"""What a `c_char_p` may be: characters that C only reads."""

# ctypes gives one class to all C types of one size (size_t is unsigned long), so that what
# would be wrong elsewhere is right here. In C's own words nothing is lost.
C = {
    "c_char_p": STRING,
    "c_double": "double",
    "c_int": "int",
    "c_long": "long",
    "c_size_t": "size_t",
    "c_ssize_t": "ssize_t",
    "c_ubyte": "unsigned char",
    "c_uint": "unsigned int",
    "c_uint32": "uint32_t",
    "c_uint64": "uint64_t",
    "c_ulong": "unsigned long",
    "c_void_p": Pointer("void"),
    "POINTER": Pointer,
    "CFUNCTYPE": lambda result, *arguments: Function(result, arguments),
}


def tables(release: Release) -> dict[str, dict[str, Any]]:
    """For each library its rows by the function's name, as they are when `release` is found."""
    return {
        library: {name: row for name, row in names.items() if isinstance(row, _declare._Row)}
        for library, names in _run(release).items()
    }


def callbacks(release: Release) -> dict[str, Function]:
    """The types of the functions that C calls, by their names in the tables."""
    return {
        name: each
        for names in _run(release).values()
        for name, each in names.items()
        if isinstance(each, Function)
    }


@functools.lru_cache(maxsize=None)
def _run(release: Release) -> dict[str, dict[str, Any]]:
    """What each table names, run again and not bound."""
    names: dict[str, Any] = {**C, "FOUND": release, "gil": _declare.gil, "nogil": _declare.nogil}
    found = {}
    for library, module in TABLES.items():
        before = set(names)
        for statement in _statements(module):
            if _is_opaque(statement):
                names.update((each.id, Pointer(each.id)) for each in statement.targets)
            else:
                exec(compile(ast.Module([statement], []), module, "exec"), names)
        found[library] = {name: names[name] for name in names if name not in before}
    return found


def written(module: str) -> list[str]:
    """The names of a table's rows in their order, as often as they stand there."""
    return [
        statement.targets[0].id
        for statement in _statements(module)
        if isinstance(statement, ast.Assign)
        and any(isinstance(n, ast.Name) and n.id in {"gil", "nogil"} for n in ast.walk(statement))
    ]


def _statements(module: str) -> list[Any]:
    """Those up to the one that binds the table, without its imports."""
    body = ast.parse((PACKAGE / f"{module}.py").read_text("utf-8")).body
    (end,) = (
        number
        for number, statement in enumerate(body)
        if isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Call)
        and ast.dump(statement.value.func) == ast.dump(ast.parse("bind", mode="eval").body)
    )
    return [each for each in body[:end] if not isinstance(each, (ast.Import, ast.ImportFrom))]


def _is_opaque(statement: ast.stmt) -> bool:
    """Whether it names structs, of which only addresses are used: ``SSL = SSL_CTX = ptr``."""
    return (
        isinstance(statement, ast.Assign)
        and isinstance(statement.value, ast.Name)
        and statement.value.id == "ptr"
    )
