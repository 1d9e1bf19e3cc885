"""What OpenSSL's headers declare, read by a C compiler's parser: functions, types and numbers.

The parser is libclang's, of which PyPI has the whole in one wheel. Neither a compiler nor a C
library is needed: what OpenSSL takes from <stdio.h> and its kin stands below, and so does the
configuration, since of each OpenSSL every optional function is wanted.
"""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple

import macros
import pytest
from declared import STRING, Function, Pointer, Release

ROOT = "/in-memory"
HEADERS = "ssl err x509v3 pem rand".split()
STANDARD = (
    "assert ctype errno inttypes limits memory pthread stdarg stddef stdint stdio stdlib string "
    "sys/socket sys/time sys/types time unistd"
).split()

MACRO = "VALUE_OF_"
"""How the enumerator begins that takes a macro's number."""

# Of one size on this machine, and not on another: a type's way to C's own ends at these.
PORTABLE = {"size_t", "ssize_t", "time_t", "uint32_t", "int64_t", "uint64_t"}

TYPES = """
#pragma once
typedef __SIZE_TYPE__ size_t;
typedef long ssize_t, time_t, off_t;
typedef signed char int8_t;
typedef unsigned char uint8_t;
typedef short int16_t;
typedef unsigned short uint16_t;
typedef int int32_t;
typedef unsigned int uint32_t;
typedef __INT64_TYPE__ int64_t;
typedef __UINT64_TYPE__ uint64_t;
typedef __INTMAX_TYPE__ intmax_t;
typedef __UINTMAX_TYPE__ uintmax_t;
typedef __UINTPTR_TYPE__ uintptr_t;
typedef __builtin_va_list va_list;
typedef struct FILE FILE;
typedef unsigned int pthread_once_t, pthread_key_t, pthread_t;
struct timeval { time_t tv_sec; long tv_usec; };
#define INT_MAX __INT_MAX__
#define NULL ((void *)0)
"""

CONFIGURATION = """
#include <openssl/opensslv.h>
#ifdef OPENSSL_NO_DEPRECATED
# define OPENSSL_CONFIGURED_API (OPENSSL_VERSION_MAJOR * 10000 + OPENSSL_VERSION_MINOR * 100)
#else
# define OPENSSL_CONFIGURED_API 10002
#endif
#define OPENSSL_NO_KRB5
#define OPENSSL_THREADS
#define SIXTY_FOUR_BIT_LONG
#define DES_LONG unsigned int
#define IDEA_INT unsigned int
#define MD2_INT unsigned int
#define RC2_INT unsigned int
#define RC4_INT unsigned int
#define OPENSSL_FILE ""
#define OPENSSL_LINE 0
#define DECLARE_DEPRECATED(f) f;
#define DEPRECATEDIN_0_9_8(f) f;
#define DEPRECATEDIN_1_0_0(f) f;
#define DEPRECATEDIN_1_1_0(f) f;
#define DEPRECATEDIN_1_2_0(f) f;
#if __has_include(<openssl/macros.h>)
# include <openssl/macros.h>
#endif
"""


class Text(NamedTuple):
    """A `Pointer` to characters that C only reads."""

    to: str


class Headers:
    """What one OpenSSL declares.

    :param name: one of `macros.FOLDERS`; the test is skipped where that, or the parser, is missing.
    :param numbers: macros that are wanted, where they are numbers.
    :param without: what Configure was told to leave out: "PSK" for ``no-psk``.
    """

    def __init__(self, name: str, numbers: Iterable[str] = (), without: Iterable[str] = ()) -> None:
        self.version: Release = macros.of(name).version
        clang = pytest.importorskip("clang.cindex", reason="no C parser; tox -e declarations has")
        files = {
            "main.c": "".join(
                [f"#include <openssl/{each}.h>\n" for each in HEADERS]
                + [f"#ifdef {n}\nenum {{ {MACRO}{n} = ({n}) }};\n#endif\n" for n in numbers]
            ),
            "types.h": TYPES,
            "openssl/configuration.h": "",
            "openssl/opensslconf.h": CONFIGURATION,
            **{f"{each}.h": "#include <types.h>\n" for each in STANDARD},
        }
        unit = clang.Index.create().parse(
            f"{ROOT}/main.c",
            ["-nostdinc", f"-I{ROOT}", f"-I{macros.FOLDERS[name]}"]
            + [f"-DOPENSSL_NO_{each}" for each in without],
            unsaved_files=[(f"{ROOT}/{path}", text) for path, text in files.items()],
        )
        assert not [str(each) for each in unit.diagnostics]
        #: enumerators, and the macros that were wanted
        self.numbers: dict[str, int] = {}
        self._functions: dict[str, Any] = {}
        self._typedefs: dict[str, Any] = {}
        self._members: dict[str, list[Any]] = {}
        for each in unit.cursor.get_children():
            kind = each.kind.name
            if kind == "FUNCTION_DECL":
                self._functions[each.spelling] = each
            elif kind == "TYPEDEF_DECL":
                self._typedefs[each.spelling] = each
            elif kind == "STRUCT_DECL":
                self._members.setdefault(each.spelling, []).extend(each.type.get_fields())
            elif kind == "ENUM_DECL":
                for number in each.get_children():
                    self.numbers[number.spelling.replace(MACRO, "")] = number.enum_value

    def function(self, *names: str) -> Function | None:
        """The prototype of the first of these that is declared; None: none is."""
        return next((_type(self._functions[n].type) for n in names if n in self._functions), None)

    def member(self, struct: str, name: str) -> Any:
        """The type of a struct's member; None: the struct is opaque."""
        members = self._members.get(struct, ())
        return next((_type(each.type) for each in members if each.spelling == name), None)

    def layout(self, struct: str) -> dict[str, tuple[int, int]]:
        """Where each member of a struct is, and its size: bytes; empty where it is opaque."""
        return {
            each.spelling: (each.get_field_offsetof() // 8, each.type.get_size())
            for each in self._members.get(struct, ())
        }

    def fits(self, row: Any, there: Any, *, of_result: bool = False) -> bool:
        """Whether what a row says of a type is true of the one in a prototype."""
        if isinstance(row, Function):
            return (
                isinstance(there, Function)
                and self.fits(row.result, there.result, of_result=True)
                and len(row.arguments) == len(there.arguments)
                and all(map(self.fits, row.arguments, there.arguments))
            )
        if not isinstance(row, Pointer):
            return bool((row or "void") == there)
        if row == STRING:
            # 1.0.2 often forgets the const
            writable = of_result or self.version < (1, 1, 0)
            return isinstance(there, Text) or (writable and there == STRING)
        if not isinstance(row.to, str):
            return isinstance(there, Pointer) and self.fits(row.to, there.to)
        if row.to in self._typedefs:
            return bool(there == Pointer(_type(self._typedefs[row.to].type)))
        if row.to == "STACK":
            return isinstance(there, Pointer) and str(there.to).startswith("stack_st")
        return isinstance(there, (Pointer, Text)) if row.to == "void" else bool(row == there)


def _type(of: Any) -> Any:
    """A type of the parser's in the words of `declared`; a struct by its tag."""
    kind = of.kind.name
    if kind in {"ELABORATED", "TYPEDEF"}:
        name = of.get_declaration()
        if name.kind.name == "TYPEDEF_DECL" and name.spelling not in PORTABLE:
            return _type(name.underlying_typedef_type)
        return "int" if name.kind.name == "ENUM_DECL" else name.spelling
    if kind == "POINTER":
        to = of.get_pointee()
        characters = to.get_canonical().kind.name in {"CHAR_S", "CHAR_U", "SCHAR", "UCHAR"}
        return Text("char") if characters and to.is_const_qualified() else Pointer(_type(to))
    if kind in {"FUNCTIONPROTO", "FUNCTIONNOPROTO"}:
        arguments = list(map(_type, of.argument_types())) if kind == "FUNCTIONPROTO" else []
        if kind == "FUNCTIONPROTO" and of.is_function_variadic():
            arguments.append("...")
        return Function(_type(of.get_result()), tuple(arguments))
    return of.get_canonical().spelling.replace("const ", "").replace("volatile ", "")
