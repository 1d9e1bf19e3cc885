"""What can be told without an OpenSSL: the interpreter, its own `ssl`, and why there is no TLS.

``python -m pytls`` imports the package before its `__main__`, and where no OpenSSL serves that
import fails. Just there the command is needed most: so what it has to say then is said from here,
in the midst of that import, by modules that need no OpenSSL themselves.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from typing import Any

from ._report import Facts, Row, as_json, table, write

#: Whose frames stand between an import and the module that is imported.
_IMPORTERS = ("importlib", "_frozen_importlib", "_frozen_importlib_external", "zipimport")


def interpreter() -> Facts:
    """Which Python this is, and what its own `ssl` is worth."""
    implementation = {"cpython": "CPython", "pypy": "PyPy"}
    name = sys.implementation.name
    return {
        "implementation": implementation.get(name, name),
        "version": sys.version.split()[0],
        "platform": sysconfig.get_platform(),
        "executable": sys.executable,
        "ssl": _own_ssl(),
    }


def _own_ssl() -> Facts:
    try:
        import _ssl
        import ssl
    except ImportError as error:
        return {"version": None, "file": None, "reason": str(error)}
    file = getattr(_ssl, "__file__", None)  # built in: none
    return {"version": ssl.OPENSSL_VERSION, "file": file, "reason": None}


def rows(python: Facts) -> list[Row]:
    """The same for people."""
    name = f"{python['implementation']} {python['version']}, {python['platform']}"
    own = python["ssl"]
    return [
        ("Python", [name, python["executable"]]),
        ("its own ssl", own["version"] or f"none: {own['reason']}"),
    ]


def tell_if_command(error: ImportError) -> None:
    """If the package is imported in order to run its command, tell why it cannot be, and exit.

    To everybody else, the exception itself tells it.
    """
    if not _is_command():
        return
    asked = sys.argv[1:]
    python = interpreter()
    if "--json" in asked:
        write(as_json(str(error), {"python": python}))
    elif asked[:1] == ["doctor"]:
        write(f"{table(rows(python))}\n{error}\n\nTLS does not work.\n")
    else:
        write(f"pytls: {error}\n", error=True)
    sys.exit(1)


def _is_command() -> bool:
    """Whether it is ``python -m`` that imports the package, or the script that pip installs."""
    frame: Any = sys._getframe()
    package = __name__.rpartition(".")[0]
    while frame is not None:
        importer = frame.f_globals.get("__name__", "")
        own = f"{importer}.".startswith(f"{package}.")
        if not own and importer.partition(".")[0] not in _IMPORTERS:
            break
        frame = frame.f_back
    else:
        return False
    if importer == "runpy":
        return True
    script = os.path.basename(sys.argv[0]) if sys.argv else ""
    return importer == "__main__" and script in ("pytls", "pytls.exe", "pytls-script.py")
