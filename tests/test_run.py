"""``python -m pytls run``: a program ends as if run directly, with pytls in the place of `ssl`."""

from __future__ import annotations

import os
import py_compile
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytls.__main__ import main
from pytls._run import split

ROOT = Path(__file__).resolve().parent.parent
SAFE_PATH = sys.version_info >= (3, 11)

SEEN = """
import sys
print(__name__, __doc__, __package__, __spec__ and __spec__.name, type(__loader__), sorted(vars()))
print(globals().get("__file__"), sys.argv, sys.path, __builtins__ is sys.modules["builtins"])
print(sys.modules["__main__"].__dict__ is globals())
"""
WHICH = "import ssl; print(ssl.__name__)"

PROGRAMS = {
    "what a program sees": SEEN,
    "comes to its end": "print('done')",
    "exits": "raise SystemExit",
    "exits with a number": "import sys; sys.exit(7)",
    "exits with a message": "import sys; sys.exit('sorry')",
    "raises": "def f():\n    1 / 0\nf()",
    "raises while it handles": "try:\n    1 / 0\nexcept ZeroDivisionError:\n    {}['a']",
    "raises from a library": "import json\njson.loads('{')",
    "is not Python": "def f(:\n    pass",
    "is written in Latin-1": b"# -*- coding: latin-1 -*-\nprint(ascii('\xe9'))",
    "begins with a mark": b"\xef\xbb\xbfprint(ascii('\xc3\xa9'))",
    "is interrupted": "import signal; signal.raise_signal(signal.SIGINT)",
    "has an excepthook": (
        "import sys, traceback\n"
        "def hook(kind, value, found):\n"
        "    names = [frame.name for frame in traceback.extract_tb(found)]\n"
        "    print(kind, names, value.__traceback__ is found)\n"
        "sys.excepthook = hook\n"
        "1 / 0"
    ),
    "says goodbye": (
        "import atexit\n"
        "@atexit.register\n"
        "def goodbye():\n"
        "    import __main__\n"
        "    print(__main__.goodbye is goodbye)\n"
        "1 / 0"
    ),
    "has a thread that goes on": (
        "import threading, time\n"
        "def later():\n"
        "    threading.main_thread().join()\n"
        "    import __main__\n"
        "    print(__main__.later is later)\n"
        "threading.Thread(target=later).start()"
    ),
    "pickles its own": (
        "import pickle\nclass Own: pass\nprint(type(pickle.loads(pickle.dumps(Own()))) is Own)"
    ),
    "warns": "import warnings\nwarnings.warn('old', DeprecationWarning)",
}


class Ended(NamedTuple):
    """How a process ended, and what it wrote."""

    code: int
    out: str
    err: str


def python(*arguments: str, cwd: Path, path: Any = ROOT, **variables: str) -> Ended:
    """Start a Python that has pytls at `path`."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(path), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def run(*arguments: str, cwd: Path, **options: Any) -> Ended:
    """The same, by way of pytls."""
    return python("-m", "pytls", "run", *arguments, cwd=cwd, **options)


@pytest.fixture(params=PROGRAMS.values(), ids=PROGRAMS)
def program(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A script in a folder of its own."""
    text = request.param
    path = tmp_path / "program.py"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


# As if run directly


def test_a_script(program: Path) -> None:
    """Exit code, output and traceback, to the letter."""
    arguments = "program.py", "-m", "--children", "x y"

    assert run(*arguments, cwd=program.parent) == python(*arguments, cwd=program.parent)


def test_a_module(program: Path) -> None:
    """The same."""
    arguments = "-m", "program", "-m", "--", "x y"

    assert run(*arguments, cwd=program.parent) == python(*arguments, cwd=program.parent)


def test_a_script_from_elsewhere(tmp_path: Path) -> None:
    """The folder of the script itself comes first in the path, not that of a link to it."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "program.py").write_text(SEEN)
    (tmp_path / "link.py").symlink_to(tmp_path / "there" / "program.py")

    for script in "there/program.py", "link.py":
        assert run(script, cwd=tmp_path) == python(script, cwd=tmp_path)


@pytest.mark.parametrize("body", [SEEN, "1 / 0"], ids=["ends", "raises"])
@pytest.mark.parametrize("form", ["folder", "zip", "package", "compiled"])
def test_other_forms_of_program(form: str, body: str, tmp_path: Path) -> None:
    """What Python runs beside scripts."""
    (tmp_path / "app").mkdir()
    source = tmp_path / "app" / "__main__.py"
    source.write_text(body)
    if form == "zip":
        shutil.make_archive(str(tmp_path / "app"), "zip", tmp_path / "app")
    if form == "compiled":
        py_compile.compile(str(source), str(tmp_path / "app.pyc"))
    (tmp_path / "app" / "__init__.py").touch()
    arguments = {
        "folder": ["app"],
        "zip": ["app.zip"],
        "package": ["-m", "app"],
        "compiled": ["app.pyc"],
    }[form]

    direct = python(*arguments, "-x", cwd=tmp_path)
    assert run(*arguments, "-x", cwd=tmp_path) == direct
    assert direct.code == (0 if body is SEEN else 1)


@pytest.mark.parametrize(
    "arguments", [["none.py"], ["-m", "none"], ["-m", "json"], ["empty"]], ids=" ".join
)
def test_what_cannot_be_run(arguments: list[str], tmp_path: Path) -> None:
    """What is not there, a package that is no program, a folder without one."""
    (tmp_path / "empty").mkdir()

    direct = python(*arguments, cwd=tmp_path)
    ended = run(*arguments, cwd=tmp_path)
    assert direct.code == ended.code != 0
    # PyPy puts no quotes around what it cannot open
    assert direct.err.replace("'", "") == ended.err.replace("'", "")


@pytest.mark.skipif(not SAFE_PATH, reason="Python has -P since 3.11")
def test_a_path_that_is_to_be_safe_stays_so(tmp_path: Path) -> None:
    """Neither the script's folder nor the current one comes into it."""
    (tmp_path / "program.py").write_text(SEEN)
    safe = {"PYTHONSAFEPATH": "1"}

    direct = python("program.py", cwd=tmp_path, **safe)
    assert run("program.py", cwd=tmp_path, **safe) == direct
    assert str(tmp_path) not in direct.out.partition("sys.path")[2]


def test_an_interrupt_ends_the_process_by_its_signal(tmp_path: Path) -> None:
    """So that the shell that started it stops too."""
    (tmp_path / "program.py").write_text(PROGRAMS["is interrupted"])

    assert run("program.py", cwd=tmp_path).code == -signal.SIGINT


# In the place of `ssl`


@pytest.mark.parametrize(
    "code",
    [
        WHICH,
        "import http.client; print(http.client.ssl.__name__)",
        "import asyncio.sslproto; print(asyncio.sslproto.ssl.__name__)",
        "import urllib.request; print(urllib.request.ssl.__name__)",
    ],
    ids=["ssl", "http.client", "asyncio", "urllib"],
)
def test_the_program_finds_pytls(code: str, tmp_path: Path) -> None:
    """By itself or by way of the standard library."""
    (tmp_path / "program.py").write_text(code)

    assert run("program.py", cwd=tmp_path) == Ended(0, "pytls\n", "")


# Children


CHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, *sys.argv[1:], "-c", {WHICH!r}], check=True)
"""
GRANDCHILD = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {CHILD!r}], check=True)
"""
SPAWNED = """
import multiprocessing
def which():
    import ssl
    print(ssl.__name__)
if __name__ == "__main__":
    process = multiprocessing.get_context("spawn").Process(target=which)
    process.start()
    process.join()
"""
PATH_OF_CHILD = """
import subprocess, sys
subprocess.run([sys.executable, "-c", "import sys; print(sys.path)"], check=True)
"""


@pytest.mark.parametrize(
    "code", [CHILD, GRANDCHILD, SPAWNED], ids=["child", "grandchild", "multiprocessing"]
)
@pytest.mark.parametrize("asked", [True, False], ids=["asked", "not asked"])
def test_children_follow_when_asked(code: str, asked: bool, tmp_path: Path) -> None:
    """And not otherwise."""
    (tmp_path / "program.py").write_text(code)
    options = ["--children"] if asked else []

    ended = run(*options, "program.py", cwd=tmp_path)

    assert ended == Ended(0, "pytls\n" if asked else "ssl\n", "")


def test_children_follow_from_a_zip(tmp_path: Path) -> None:
    """Nothing is unpacked."""
    archive = shutil.make_archive(str(tmp_path / "pytls"), "zip", ROOT, "pytls")
    (tmp_path / "program.py").write_text(CHILD)

    assert run("--children", "program.py", cwd=tmp_path, path=archive).out == "pytls\n"


def test_children_follow_from_a_folder_they_do_not_see(tmp_path: Path) -> None:
    """The current folder of the parent, say, is in nobody's path but its own."""
    shutil.copytree(ROOT / "pytls", tmp_path / "pytls")
    program = tmp_path / "elsewhere" / "program.py"
    program.parent.mkdir()
    program.write_text("import os; os.chdir('/')\n" + CHILD)

    assert run("--children", str(program), cwd=tmp_path, path="") == Ended(0, "pytls\n", "")


def test_the_path_of_children_is_what_it_would_be(tmp_path: Path) -> None:
    """They see neither the hook nor where pytls lies."""
    (tmp_path / "program.py").write_text(PATH_OF_CHILD)

    assert run("--children", "program.py", cwd=tmp_path) == run("program.py", cwd=tmp_path)


def test_another_sitecustomize_is_not_lost(tmp_path: Path) -> None:
    """There is but one place of that name, and it may be taken."""
    code = "import ssl; print(__name__, ssl.__name__, flush=True)"
    (tmp_path / "sitecustomize.py").write_text(code)
    program = tmp_path / "program.py"
    program.write_text(CHILD)
    path = os.pathsep.join(map(str, [ROOT, tmp_path]))

    ended = run("--children", "program.py", cwd=tmp_path, path=path)

    assert ended == Ended(0, "sitecustomize ssl\nsitecustomize pytls\npytls\n", "")


def test_a_sitecustomize_that_fails_does_so_as_ever(tmp_path: Path) -> None:
    """Python says that it did, and goes on."""
    (tmp_path / "sitecustomize.py").write_text("1 / 0")
    (tmp_path / "program.py").write_text(CHILD)
    path = os.pathsep.join(map(str, [ROOT, tmp_path]))

    ended = run("--children", "program.py", cwd=tmp_path, path=path)

    assert ended.out == "pytls\n"
    assert ended.err.count("ZeroDivisionError") == 2


def test_a_child_without_pytls_has_its_sitecustomize(tmp_path: Path) -> None:
    """One that finds no OpenSSL for it, say: Python says what has failed, and goes on."""
    (tmp_path / "sitecustomize.py").write_text("print(__name__, flush=True)")
    code = "import os; os.environ['PYTLS_LIBDIR'] = os.devnull\n"
    (tmp_path / "program.py").write_text(code + CHILD + PATH_OF_CHILD)
    path = os.pathsep.join(map(str, [ROOT, tmp_path]))

    ended = run("--children", "program.py", cwd=tmp_path, path=path)

    assert ended.out.split()[:4] == ["sitecustomize", "sitecustomize", "ssl", "sitecustomize"]
    assert "_children" not in ended.out
    assert ended.err.count("is not an OpenSSL for pytls") == 2


# What it takes


@pytest.mark.parametrize(
    ("argv", "own", "program"),
    [
        ("run s.py -m x", "run", "s.py -m x"),
        ("run -m pip install --help", "run", "-m pip install --help"),
        ("run --children s.py --children", "run --children", "s.py --children"),
        ("run --children -m pip", "run --children", "-m pip"),
        ("run --help", "run --help", ""),
        ("run", "run", ""),
        ("connect -m", "connect -m", ""),
        ("", "", ""),
    ],
)
def test_what_is_ours_and_what_is_the_programs(argv: str, own: str, program: str) -> None:
    """The program begins with its name, and nothing after it is ours."""
    assert split(argv.split()) == (own.split(), program.split())


@pytest.mark.parametrize(
    ("argv", "complaint"),
    [
        ("run", "nothing to run"),
        ("run --children", "nothing to run"),
        ("run -m", "nothing to run"),
        ("run --child s.py", "unrecognized arguments: --child"),
    ],
)
def test_wrong_arguments(argv: str, complaint: str, capsys: pytest.CaptureFixture[str]) -> None:
    """They are told as every command tells of them."""
    with pytest.raises(SystemExit) as caught:
        main(argv.split())

    assert caught.value.code == 2
    assert complaint in capsys.readouterr().err


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """It names what it takes."""
    with pytest.raises(SystemExit) as caught:
        main(["run", "--help"])

    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "--children" in text
    assert "(SCRIPT | -m MODULE)" in text
