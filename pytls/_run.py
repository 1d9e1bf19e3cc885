"""``python -m pytls run``: a program with pytls in the place of `ssl`, else as if run directly."""

from __future__ import annotations

import builtins
import io
import os
import pkgutil
import runpy
import sys
from importlib.machinery import SourceFileLoader, SourcelessFileLoader
from types import ModuleType
from typing import Any, NoReturn, Sequence

from .inject import inject_into_ssl

CHILDREN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "_children")
"""The folder of the `sitecustomize` that lets pytls take its place in a Python that starts."""


def split(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """What is for pytls, and the program to run with its arguments: options may look like ours."""
    if argv[:1] == ["run"]:
        for at, argument in enumerate(argv[1:], 1):
            if argument == "-m" or not argument.startswith("-"):
                return list(argv[:at]), list(argv[at:])
    return list(argv), []


def run(program: Sequence[str], children: bool) -> None:
    """Run a program in this process, with pytls in the place of `ssl`.

    :param program: a script, or a folder or zip with a `__main__`, and its arguments; or ``-m``, a
        module and its arguments.
    :param children: whether Pythons that it starts are to follow.
    :raises BaseException: whatever ends the program.
    """
    if children:
        _let_children_follow()
    inject_into_ssl()
    # For good: threads and atexit's functions outlive the program's last line
    main = sys.modules["__main__"] = ModuleType("__main__")
    main.__dict__["__builtins__"] = builtins
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    try:
        if program[0] == "-m":
            sys.argv = ["-m", *program[2:]]
            _set_first_of_path(os.getcwd())
            _run_module(program[1])
        else:
            sys.argv = list(program)
            _run_script(program[0], main)
    except BaseException as error:
        _hide_own_frames(error)
        raise


def _let_children_follow() -> None:
    """Through the environment, which they inherit; nothing is written to disk."""
    others = os.environ.get("PYTHONPATH")
    if not others:
        os.environ["PYTHONPATH"] = CHILDREN
    elif others.split(os.pathsep)[0] != CHILDREN:
        os.environ["PYTHONPATH"] = CHILDREN + os.pathsep + others


def _set_first_of_path(folder: str) -> None:
    """Replace what Python has put there for us, unless it was told not to."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = folder


def _run_module(name: str, alter_argv: bool = True) -> None:
    # What `python -m` itself calls
    runpy._run_module_as_main(name, alter_argv)  # type: ignore[attr-defined]


def _run_script(script: str, main: ModuleType) -> None:
    path = os.path.abspath(script) if sys.version_info >= (3, 9) else script
    if pkgutil.get_importer(path) is not None:  # a folder, or a zip
        _set_first_of_path(path)
        _run_module("__main__", alter_argv=False)
        return
    _set_first_of_path(os.path.dirname(os.path.realpath(script)))
    try:
        code, loader = _read(path)
    except OSError as error:
        _refuse(f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}")
    main.__dict__.update(__file__=path, __loader__=loader)
    if sys.version_info < (3, 15):
        main.__dict__["__cached__"] = None
    exec(code, main.__dict__)  # noqa: S102  # the program itself


def _read(path: str) -> tuple[Any, Any]:
    """The code of a script, compiled or not, and its loader."""
    with io.open_code(path) as file:
        code = pkgutil.read_code(file)
        if code is not None:
            return code, SourcelessFileLoader("__main__", path)
        file.seek(0)
        source = file.read()
    return compile(source, path, "exec", dont_inherit=True), SourceFileLoader("__main__", path)


def _refuse(message: str) -> NoReturn:
    sys.stderr.write(f"{sys.executable}: {message}\n")
    sys.exit(2)


def _hide_own_frames(error: BaseException) -> None:
    """When the interpreter tells of `error`, let the traceback begin in the program."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_frame.f_globals is globals():
        traceback = traceback.tb_next
    hook = sys.excepthook  # perhaps the program's

    def tell(kind: Any, value: BaseException, _: Any) -> None:
        hook(kind, value.with_traceback(traceback), traceback)

    sys.excepthook = tell
