"""The command line: what it takes, how it ends, and what it says where there is no OpenSSL."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Sequence

import pytest
from child import WITHOUT_SSL

import pytls
from pytls import __main__, _report
from pytls.__main__ import main
from pytls._report import GAP, counted, printable, table, words, wrapped

ROOT = Path(__file__).resolve().parent.parent


def run(*arguments: str, path: Path = ROOT, **variables: str) -> Any:
    """A second Python with pytls at `path`, and nothing but `variables` to choose its OpenSSL."""
    scrubbed = {name: os.environ[name] for name in os.environ if not name.startswith("PYTLS_")}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**scrubbed, "PYTHONPATH": str(path), **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


# What it takes


def ended(*arguments: str) -> Any:
    """The exit code with which argparse itself ends the program."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return caught.value.code


@pytest.mark.difference(
    "more",
    "**`python -m pytls`** has the commands `doctor`, `connect` and `run`.",
)
def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    """And how to call it, however it was called."""
    assert ended("--help") == 0
    text = capsys.readouterr().out

    assert text.startswith("usage: python -m pytls ")
    assert "  doctor " in text
    assert "  connect " in text


@pytest.mark.parametrize("command", ["doctor", "connect"])
def test_each_command_has_its_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What the exit code means stands in it."""
    assert ended(command, "--help") == 0
    assert "The exit code is 0 when" in " ".join(capsys.readouterr().out.split())


@pytest.mark.difference(
    "more",
    "**`__version__`** is that of pytls.",
)
def test_the_versions_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    """Of pytls and of what it found."""
    assert ended("--version") == 0
    told = f"pytls {pytls.__version__}, {pytls.OPENSSL_VERSION}"
    assert capsys.readouterr().out.split() == told.split()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["cure"], "invalid choice: 'cure'"),
        (["doctor", "--jso"], "unrecognized arguments: --jso"),
        (["connect"], "the following arguments are required: HOST[:PORT]"),
        (["connect", "a:b"], "argument HOST[:PORT]: 'b' is no port"),
        (["connect", "a", "--min", "1.4"], "argument --min: invalid choice: '1.4'"),
        (
            ["connect", "a", "--timeout", "soon"],
            "argument --timeout: invalid seconds value: 'soon'",
        ),
        (["connect", "a", "--timeout", "0"], "argument --timeout: choose more than 0 seconds"),
        (["connect", "a", "--timeout", "nan"], "argument --timeout: choose more than 0 seconds"),
    ],
)
def test_wrong_arguments_are_told(
    arguments: Sequence[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code 2, as everywhere."""
    assert ended(*arguments) == 2
    assert complaint in capsys.readouterr().err


# How it ends


def test_it_runs_as_a_module() -> None:
    """From the unpacked folder, without having been installed."""
    done = run("-m", "pytls", "doctor", OPENSSL_CONF=os.devnull)

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nTLS works.\n")


def test_ctrl_c_ends_it_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the exit code that shells know."""

    def interrupt(_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(__main__, "examine", interrupt)
    assert main(["doctor"]) == 130
    assert capsys.readouterr() == ("", "")


def test_a_reader_may_go_early() -> None:
    """As `head` does: no traceback, no complaint at exit."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "pytls", "doctor"],
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, b"")


def test_there_may_be_nobody_to_write_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A service without stdout: the exit code is the answer."""
    monkeypatch.setattr(sys, "stdout", None)
    assert main(["doctor"]) == 0


def test_what_stdout_cannot_encode_is_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the C locale, say."""
    octets = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(octets, "ascii", newline="\n"))
    _report.write("Größe \N{PILE OF POO}\n")

    assert octets.getvalue() == b"Gr\\xf6\\xdfe \\U0001f4a9\n"


# Where there is no OpenSSL


@pytest.fixture
def nothing(tmp_path: Path) -> str:
    """A folder without any library."""
    folder = tmp_path / "nothing"
    folder.mkdir()
    return str(folder)


def test_the_doctor_tells_that_there_is_none(nothing: str) -> None:
    """The import of the package fails before its `__main__`: no traceback, but the verdict."""
    done = run("-m", "pytls", "doctor", PYTLS_LIBDIR=nothing)

    assert (done.returncode, done.stderr) == (1, "")
    assert f"\nPYTLS_LIBDIR={nothing} is not an OpenSSL for pytls; tried:\n" in done.stdout
    assert f"  {nothing}: there is no libssl in it\n" in done.stdout
    assert "Python       " in done.stdout
    assert done.stdout.endswith("\n\nTLS does not work.\n")


@pytest.mark.parametrize(
    "command", [["doctor"], ["connect", "localhost"]], ids=["doctor", "connect"]
)
def test_a_machine_is_told_that_there_is_none(command: list[str], nothing: str) -> None:
    """In the same form as everything else."""
    done = run("-m", "pytls", *command, "--json", PYTLS_LIBDIR=nothing)
    facts = json.loads(done.stdout)

    assert (done.returncode, done.stderr) == (1, "")
    assert facts["ok"] is False
    assert "there is no libssl in it" in facts["reason"]
    assert facts["python"]["executable"]


def test_other_commands_tell_it_as_an_error(nothing: str) -> None:
    """On stderr."""
    done = run("-m", "pytls", "connect", "localhost", PYTLS_LIBDIR=nothing)

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"pytls: PYTLS_LIBDIR={nothing} is not an OpenSSL for pytls")
    assert "Traceback" not in done.stderr


def test_it_is_told_from_a_zip_too(nothing: str, tmp_path: Path) -> None:
    """There other frames stand between."""
    archive = shutil.make_archive(str(tmp_path / "pytls"), "zip", ROOT, "pytls")
    done = run("-m", "pytls", "doctor", path=Path(archive), PYTLS_LIBDIR=nothing)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("\n\nTLS does not work.\n")


def test_the_installed_script_tells_it(nothing: str, tmp_path: Path) -> None:
    """Which imports `main`, as the entry point in setup.cfg says."""
    script = tmp_path / "pytls"
    script.write_text("from pytls.__main__ import main\nraise SystemExit(main())\n")
    done = run(str(script), "doctor", PYTLS_LIBDIR=nothing)

    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.endswith("\n\nTLS does not work.\n")


def test_an_interpreter_without_ssl_is_told(nothing: str) -> None:
    """With the reason: so many come here."""
    code = "import runpy\nsys.argv[1:] = ['doctor']\nrunpy.run_module('pytls', run_name='__main__')"
    with_library = run("-c", WITHOUT_SSL + code, OPENSSL_CONF=os.devnull)
    without = run("-c", WITHOUT_SSL + code, PYTLS_LIBDIR=nothing)

    for done, status in (with_library, 0), (without, 1):
        assert done.returncode == status, done.stderr
        assert "its own ssl  none: " in done.stdout.replace("ssl   ", "ssl  ")


@pytest.mark.parametrize(
    "arguments", [["-c", "import pytls"], ["-m", "other"]], ids=["import", "another module"]
)
def test_a_program_gets_the_exception(arguments: list[str], nothing: str, tmp_path: Path) -> None:
    """Only the command is ended; `python -m other` is another's business."""
    package = tmp_path / "other"
    package.mkdir()
    (package / "__init__.py").write_text(
        "try:\n    import pytls\nexcept ImportError:\n    print('none')\n    raise\n"
    )
    done = run(*arguments, PYTLS_LIBDIR=nothing, PYTHONPATH=f"{ROOT}{os.pathsep}{tmp_path}")

    assert done.returncode == 1
    assert done.stdout == ("none\n" if arguments[0] == "-m" else "")
    assert "ImportError: " in done.stderr


# How it is written


def test_a_table_is_aligned() -> None:
    """Labels, lines, continued lines; a gap leaves a line empty."""
    long = "word " * 15
    text = table([("a", "one"), GAP, ("longer", ["two", long, "three"])], indent=1)

    assert text.splitlines() == [
        " a       one",
        "",
        " longer  two",
        "         " + " ".join(["word"] * 14),
        "         word",
        "         three",
    ]


def test_paths_are_not_broken() -> None:
    """They are there to be copied."""
    path = "/very" * 30 + "-long"
    assert wrapped(f"at {path}") == f"at\n{path}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain \\ text", "plain \\ text"),
        ("Größe 試験", "Größe 試験"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\r\nb\tc\0", "a\\r\\nb\\tc\\x00"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}", "\\u202e"),
        ("\udcff", "\\udcff"),
    ],
)
def test_what_is_not_printable_is_spelled_out(text: str, shown: str) -> None:
    """All else stays as it is."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(2, "No such file"), "No such file"),
        (pytls.SSLError("only words"), "only words"),
        (pytls.SSLError(1, "number and words"), "number and words"),
        (ValueError(), ""),
    ],
)
def test_the_words_of_an_exception(error: Exception, text: str) -> None:
    """Numbers help nobody."""
    assert words(error) == text


def test_one_is_not_many() -> None:
    """Nor is none."""
    assert [counted(number, "root") for number in (0, 1, 2)] == ["0 roots", "1 root", "2 roots"]
