"""The numbers that OpenSSL's headers define, read without a compiler."""

from __future__ import annotations

import os
import re
import sys
from collections import ChainMap
from pathlib import Path
from typing import Any, Iterable, Mapping

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tools"))

import matrix  # noqa: E402

CACHE = Path(os.environ.get("MATRIX_CACHE", ROOT / ".matrix")) / "headers"
FOLDERS = {
    "system": Path("/usr/include"),
    **{release.name: CACHE / release.name for release in matrix.RELEASES},
}
FILES = "opensslv bio ssl ssl3 tls1 dtls1 x509 x509_vfy x509v3 prov_ssl".split()

_COMMENT = re.compile(r"/\*.*?\*/|\\\n", re.DOTALL)
_DEFINE = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(\w+)(\([^)]*\))?[ \t]+(.+?)[ \t]*$", re.MULTILINE)
_CAST = re.compile(r"\((?:unsigned |signed )?(?:uint64_t|long|int)\)")
_POINTER = re.compile(r"\((?:const )?[\w()]+ ?\*+\)|\(void ?\(\*\) ?\((?:void)?\)\)")
_NUMBER = re.compile(r"\b(0[xX][0-9a-fA-F]+|[0-9]+)[uUlL]*\b")


class Macros(Mapping[str, int]):
    """Each macro that is a number; KeyError for any other."""

    def __init__(self, folder: Path) -> None:
        self._bodies: dict[str, str] = {}
        for name in FILES:
            path = folder / "openssl" / f"{name}.h"
            text = path.read_text("utf-8", "replace") if path.exists() else ""
            for macro, parameters, body in _DEFINE.findall(_COMMENT.sub(" ", text)):
                function = f"lambda {parameters[1:-1]}: " if parameters else ""
                expression = _NUMBER.sub(r"\1", _CAST.sub("", body))
                self._bodies.setdefault(macro, function + expression)

    def __getitem__(self, name: str) -> Any:
        try:
            # With this mapping as its namespace, a body finds the macros that it is made of.
            return eval(self._bodies[name], {"__builtins__": {}}, self)
        except (SyntaxError, NameError, TypeError, AttributeError):
            raise KeyError(name) from None

    def parameters(self, name: str) -> list[str]:
        """The names of what a macro takes; none where it is a number, or no macro."""
        head, colon, _ = self._bodies.get(name, "").partition(": ")
        return re.findall(r"\w+", head)[1:] if colon else []

    def do(self, name: str, arguments: Iterable[Any], functions: Mapping[str, Any]) -> None:
        """Do what a macro does with its arguments: it calls some of `functions`."""
        body = _POINTER.sub("", self._bodies[name].partition(": ")[2])
        given = dict(zip(self.parameters(name), arguments), NULL=None)
        eval(body, {"__builtins__": {}}, ChainMap(given, functions, self))

    def __iter__(self) -> Any:
        return iter(self._bodies)

    def __len__(self) -> int:
        return len(self._bodies)

    @property
    def version(self) -> tuple[int, int, int]:
        """Of the OpenSSL whose headers these are: (3, 0, 19)."""
        number = self["OPENSSL_VERSION_NUMBER"]
        if number >= 0x30000000:
            return number >> 28, number >> 20 & 0xFF, number >> 4 & 0xFF
        return number >> 28, number >> 20 & 0xFF, number >> 12 & 0xFF


def of(name: str) -> Macros:
    """The macros of one of FOLDERS; the test is skipped without them, or fails where CI is set."""
    if not (FOLDERS[name] / "openssl" / "ssl.h").exists():
        system = name == "system"
        what = f"no headers: {'libssl-dev' if system else 'tools/matrix.py headers'}"
        if "CI" in os.environ:
            pytest.fail(what)
        pytest.skip(what)
    return Macros(FOLDERS[name])
