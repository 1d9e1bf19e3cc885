"""The public names come when they are first asked for, and nobody can tell but by the clock."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import pytls

INIT = Path(pytls.__file__)
WINDOWS = sys.platform == "win32"

AT_ONCE = """
import sys, threading
import pytls

names = [name for name in dir(pytls) if name not in vars(pytls)]
assert len(names) > 100
sys.setswitchinterval(1e-6)
start = threading.Barrier(8)
wrong = []

def ask(names):
    start.wait()
    for name in names:
        try:
            getattr(pytls, name)
        except BaseException as error:
            wrong.append(error)

threads = [
    threading.Thread(target=ask, args=(names[:: (-1) ** number],)) for number in range(8)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong, wrong
assert set(names) <= set(vars(pytls))
"""


def fresh(code: str) -> str:
    """What a Python prints that has not yet imported pytls."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=INIT.parent.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def told_to_type_checkers() -> dict[str, str]:
    """Each name that `__init__` imports for them, and where from."""
    return {
        alias.name: node.module
        for node in ast.walk(ast.parse(INIT.read_text(encoding="utf-8")))
        if isinstance(node, ast.ImportFrom) and node.level and node.module
        for alias in node.names
        if alias.name != "tell_if_command" and (node.module != "_windows" or WINDOWS)
    }


def test_importing_it_loads_the_library_and_little_else() -> None:
    """The rest costs more than twice as much."""
    loaded = fresh("import sys, pytls; print(*(n for n in sys.modules if n.startswith('pytls.')))")
    names = {name.partition(".")[2] for name in loaded.split()}
    tables = {"_loader", "_declare", "_libcrypto", "_libssl"}
    at_times = {"_private", "_elf"}  # for a chosen pair
    at_times |= {"_openssl102", "_der", "_python", "_turns"}  # for an old one
    assert names <= {"_later", "_types", "errors", *tables, *at_times}


def test_a_name_comes_from_where_type_checkers_are_told() -> None:
    """So what they say is so."""
    told = told_to_type_checkers()
    homes = fresh("import pytls; print(*map('='.join, pytls._HOMES.items()))")
    at_once = {name: "errors" for name in told if told[name] == "errors"}
    assert told == {**dict(pair.split("=") for pair in homes.split()), **at_once}
    assert set(pytls.__all__) <= set(told)


def test_an_older_python_is_told_what_it_takes() -> None:
    """By the first line that it can read: later ones are a SyntaxError there."""
    fresh(
        "import sys; sys.version_info = (3, 7, 16)\n"
        "try: import pytls\n"
        "except ImportError as error: assert 'needs Python 3.8' in str(error)\n"
        "else: raise AssertionError\n"
    )


def test_every_name_is_there_for_a_star_and_for_dir() -> None:
    """Before anything was asked for."""
    fresh("from pytls import *; import pytls; assert set(pytls.__all__) <= set(globals())")
    told = ["__version__", *told_to_type_checkers()]
    fresh(f"import pytls; assert set({told!r}) <= set(dir(pytls))")


def test_threads_may_ask_at_once() -> None:
    """For the same names, in either order."""
    fresh(AT_ONCE)


def test_what_is_not_there_is_told_as_ever() -> None:
    """`hasattr` and `getattr` with a default rely on it."""
    with pytest.raises(AttributeError, match="module 'pytls' has no attribute 'SSLContexts'"):
        pytls.SSLContexts  # type: ignore[attr-defined]  # noqa: B018


def test_what_a_program_puts_or_deletes_stays_so() -> None:
    """Tests of programs pretend that there is no such name, or another."""
    fresh("import pytls; pytls.CERT_NONE = 5; assert pytls.CERT_NONE == 5")
    fresh("import pytls; pytls.Purpose; del pytls.Purpose; assert not hasattr(pytls, 'Purpose')")


@pytest.mark.parametrize(
    ("hook", "home"), [("sslsocket", "socket.SSLSocket"), ("sslobject", "object.SSLObject")]
)
def test_a_context_finds_its_classes_whatever_was_imported(hook: str, home: str) -> None:
    """As it does when it is unpickled by its module's name; and a program may set others."""
    fresh(
        "import importlib, pytls.context\n"
        "cls = pytls.context.SSLContext\n"
        f"module, name = {home!r}.split('.')\n"
        f"found = cls.{hook}_class\n"
        "assert found is getattr(importlib.import_module('pytls.' + module), name)\n"
        f"assert vars(cls)['{hook}_class'] is found\n"
    )
    fresh(
        "from pytls import SSLContext\n"
        f"SSLContext.{hook}_class = int\n"
        f"assert SSLContext(16).{hook}_class is int\n"
    )


def test_in_the_place_of_ssl_every_name_is_in_the_dict() -> None:
    """Where programs look that copy the whole module: gevent, for one."""
    fresh(
        "import pytls; pytls.inject_into_ssl()\n"
        "import ssl; assert set(pytls.__all__) <= set(vars(ssl))"
    )
