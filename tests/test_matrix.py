"""The tools that fetch the releases to test with: what they answer, and what they refuse."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import macros
import pytest

TOOLS = macros.ROOT / "tools"

pytestmark = pytest.mark.skipif(
    (sys.platform, platform.machine(), sys.maxsize) != ("linux", "x86_64", 2**63 - 1),
    reason="it is for Linux on x86-64",
)


@pytest.fixture
def matrix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """tools/matrix.py, with an empty cache."""
    monkeypatch.syspath_prepend(str(TOOLS))
    monkeypatch.setenv("MATRIX_CACHE", str(tmp_path))
    return pytest.importorskip("matrix")


@pytest.fixture
def elfpatch(monkeypatch: pytest.MonkeyPatch) -> Any:
    """tools/elfpatch.py."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return pytest.importorskip("elfpatch")


@pytest.fixture
def library(elfpatch: Any) -> Path:
    """A shared library that needs the oldest C library, and something newer of it."""
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.so")):
        elf = elfpatch.read(path)
        if "libc.so.6" in elf.needed and len({"GLIBC_2.2.5", *versions(elf)}) > 1:
            return path
    pytest.skip("this interpreter has no shared library of its own")


def versions(elf: Any) -> dict[str, int]:
    """The versions of the C library that a file needs, and what its symbols carry for each."""
    needed = [each for _, wanted in elf._verneed() for each in wanted]
    return {each.version: each.number for each in needed if each.version.startswith("GLIBC_")}


def symbols(elf: Any, number: int) -> list[str]:
    """The names of those that carry `number`."""
    places = elf._symbols(number)
    return [elf._string(int.from_bytes(elf.data[n : n + 4], "little")) for n in places]


def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """`matrix.py` with these arguments."""
    return subprocess.run(
        [sys.executable, str(TOOLS / "matrix.py"), *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


SHOW = "import os; print([os.environ.get(n) for n in ('PYTLS_LIBDIR', 'OPENSSL_CONF')])"


def test_the_machines_own_openssl_is_run_without_a_choice() -> None:
    """Whatever the caller's environment says."""
    done = run("each", "sys", "--", sys.executable, "-c", SHOW, PYTLS_LIBDIR="/nowhere")

    assert done.returncode == 0
    assert "[None, '/dev/null']" in done.stdout


def test_every_named_openssl_is_run_with_its_folder() -> None:
    """Printed by `libs` as well."""
    if not (macros.CACHE.parent / "libs" / "ossl30").exists():
        pytest.skip("not fetched: tools/matrix.py libs ossl30")
    folder = run("libs", "ossl30").stdout.strip()
    done = run("each", "ossl30", "--", sys.executable, "-c", SHOW)

    assert {"libcrypto.so", "libssl.so"} < set(os.listdir(folder))
    assert repr(folder) in done.stdout
    assert done.returncode == 0


def test_a_cell_that_fails_fails_the_run() -> None:
    """And stands in the table at its end."""
    done = run("each", "sys", "--", sys.executable, "-c", "raise SystemExit(7)")

    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].split()[0] == "sys"
    assert done.stdout.splitlines()[-1].endswith("failed: 7")


def test_what_cannot_be_had_is_said_in_a_line_and_an_exit_code(tmp_path: Path) -> None:
    """Here: no apt."""
    done = run("headers", "ossl40", PATH=str(tmp_path), MATRIX_CACHE=str(tmp_path))

    assert done.returncode == 3
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "headers ossl40 cannot be had: apt-get" in done.stderr


def test_what_takes_minutes_is_built_by_no_search_for_a_python(tmp_path: Path) -> None:
    """Neither by that of tox: it says how to have it."""
    done = subprocess.run(
        [str(TOOLS / "shims/python3.14t"), "--version"],
        env={**os.environ, "MATRIX_CACHE": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == "not built: python3 tools/build_python.py py314t\n"
    assert list(tmp_path.iterdir()) == []


def test_every_name_is_there_once(matrix: Any) -> None:
    """Of the libraries, of the headers, of the Pythons."""
    names = [(row.what, row.name) for row in matrix.ROWS]

    assert len(names) == len(set(names))


def test_another_release_than_wanted_is_refused(
    matrix: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A suite moves on: its table row must be changed, not its tests be run with something else."""
    row = matrix.Row("libs", "ossl99", "9.9.", matrix.Source("none", "", ""))
    monkeypatch.setitem(matrix.FETCH, "none", lambda *_: None)
    monkeypatch.setitem(matrix.BUILD, "libs", lambda *_: "9.10.0")

    with pytest.raises(matrix.UnexpectedError, match=r"9\.10\.0"):
        matrix.get(row)
    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_another_file_than_wanted_is_refused(matrix: Any, tmp_path: Path) -> None:
    """What a package index serves under a version does not change."""
    wheel = next(row.source for row in matrix.ROWS if row.source.kind == "wheel")
    file = tmp_path / "other.whl"
    file.write_bytes(b"")

    with pytest.raises(matrix.UnexpectedError, match="sha256"):
        matrix.checked(wheel, file)


def test_a_renamed_library_is_the_same_but_for_the_name(
    elfpatch: Any, library: Path, tmp_path: Path
) -> None:
    """Nothing in the file moves."""
    elfpatch.patch(library, tmp_path / "new.so", {"libc.so.6": "xyzc.so.6"})
    old, new = library.read_bytes(), (tmp_path / "new.so").read_bytes()

    needed = elfpatch.read(library).needed
    renamed = ["xyzc.so.6" if name == "libc.so.6" else name for name in needed]
    assert elfpatch.read(tmp_path / "new.so").needed == renamed
    assert new.replace(b"xyzc.so.6", b"libc.so.6") == old


@pytest.mark.parametrize(
    ("content", "renames", "why"),
    [
        (b"#!/bin/sh\n", {}, "not a little-endian ELF"),
        (None, {"libc.so.6": "too-long.so.6"}, "longer"),
    ],
    ids=["no ELF", "a longer name"],
)
def test_what_cannot_be_patched_in_place_is_refused(
    elfpatch: Any, library: Path, tmp_path: Path, content: Any, renames: Any, why: str
) -> None:
    """Nothing is written."""
    source = tmp_path / "source"
    source.write_bytes(library.read_bytes() if content is None else content)

    with pytest.raises(elfpatch.PatchError, match=why):
        elfpatch.patch(source, tmp_path / "new.so", renames)
    assert not (tmp_path / "new.so").exists()


def test_a_newer_glibc_is_waived_for_known_functions_alone(
    elfpatch: Any, library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shown with another version than GLIBC_2.38."""
    elf = elfpatch.read(library)
    version, number = next(each for each in versions(elf).items() if each[0] != "GLIBC_2.2.5")
    names = symbols(elf, number)
    monkeypatch.setattr(elfpatch, "C23", version)

    with pytest.raises(elfpatch.PatchError, match=f"needs {names[0]} of {version}"):
        elfpatch.patch(library, tmp_path / "new.so", {})
    monkeypatch.setattr(elfpatch, "C23_NAMES", set(names))
    monkeypatch.setattr(elfpatch, "C23_PREFIX", "xx")
    elfpatch.patch(library, tmp_path / "new.so", {})

    new = elfpatch.read(tmp_path / "new.so")
    assert set(versions(new)) == set(versions(elf)) - {version}
    assert symbols(new, number) == [name[len("xx") :] for name in names]
