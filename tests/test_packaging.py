"""What is built: one pure wheel and one sdist, the same bytes from the same sources."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import NamedTuple

import pytest

import pytls

ROOT = Path(__file__).resolve().parent.parent
PARTS = ".ci pytls benchmarks fuzz tests tools docs .gitignore CHANGELOG.md LICENSE".split()
PARTS += "MANIFEST.in README.md SECURITY.md pyproject.toml setup.cfg tox.ini".split()
UNTRACKED = shutil.ignore_patterns("__pycache__", ".*_cache", "*.py[co]")


class Built(NamedTuple):
    """The two archives of one build."""

    sdist: Path
    wheel: Path

    def digests(self) -> dict[str, str]:
        """SHA-256 by file name."""
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in self}


def checkout(folder: Path) -> Path:
    """Copy the project into `folder`, with new file times."""
    folder.mkdir()
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part, copy_function=shutil.copy, ignore=UNTRACKED)
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder


def build(folder: Path, **environ: str) -> Built:
    """Build both archives as pip does: a process for each, from the project's folder."""
    out = folder.parent / f"{folder.name}.built"
    for what in ("sdist", "wheel"):
        code = f"import sys, backend; backend.build_{what}(sys.argv[1])"
        subprocess.run(
            [sys.executable, "-c", code, str(out)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": "tools", **environ},
            stdout=subprocess.DEVNULL,
            check=True,
        )
    (sdist,) = out.glob("*.tar.gz")
    (wheel,) = out.glob("*.whl")
    return Built(sdist, wheel)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """What a checkout gives."""
    return build(checkout(tmp_path_factory.mktemp("packaging") / "checkout"))


def test_another_checkout_gives_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """Neither file times, nor modes, nor an earlier build's leavings come into the archives."""
    other = checkout(tmp_path / "other")
    stale = other / "build" / "lib" / "pytls"
    stale.mkdir(parents=True)
    (stale / "gone.py").touch()
    for path in other.rglob("*.py"):
        os.utime(path, (1e9, 1e9))
        path.chmod(0o600)

    assert build(other).digests() == built.digests()


def test_the_sdist_gives_the_same_bytes(built: Built, tmp_path: Path) -> None:
    """Whoever has the sdist can build what was published."""
    with tarfile.open(built.sdist) as archive:
        archive.extraction_filter = lambda member, _: member  # 3.12 and 3.13 warn without one
        archive.extractall(tmp_path)
    (unpacked,) = tmp_path.iterdir()

    assert build(unpacked).digests() == built.digests()


def test_source_date_epoch_is_the_time_of_every_member(tmp_path: Path) -> None:
    """https://reproducible-builds.org/specs/source-date-epoch."""
    sdist, wheel = build(checkout(tmp_path / "dated"), SOURCE_DATE_EPOCH="1700000000")

    with tarfile.open(sdist) as archive:
        assert {member.mtime for member in archive} == {1700000000}
    with zipfile.ZipFile(wheel) as packed:
        times = {member.date_time for member in packed.infolist()}
    assert times == {(2023, 11, 14, 22, 13, 20)}


def test_the_parts_are_the_whole_project() -> None:
    """What git has, where it is asked: or the sdist would lack what nobody has named here."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("git lists no files here: this is no checkout")
    listed = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert {name.partition("/")[0] for name in listed.stdout.splitlines()} == set(PARTS)


def test_the_sdist_holds_the_whole_project(built: Built, tmp_path: Path) -> None:
    """Tests and documentation included, and nothing that the project does not have."""
    whole = checkout(tmp_path / "whole")
    with tarfile.open(built.sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    files = {path.relative_to(whole).as_posix() for path in whole.rglob("*") if path.is_file()}
    assert names == files | {"PKG-INFO"}


def test_the_wheel_is_pure_and_holds_the_package_alone(built: Built) -> None:
    """Every module and `py.typed`; no data files, nothing compiled, no test."""
    with zipfile.ZipFile(built.wheel) as wheel:
        names = set(wheel.namelist())
    folder = f"pytls-{pytls.__version__}"
    package = {name for name in names if not name.startswith(f"{folder}.dist-info/")}

    assert built.wheel.name == f"{folder}-py3-none-any.whl"
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "pytls").rglob("*.py")}
    assert package == modules | {"pytls/py.typed"}


def test_the_wheel_asks_for_nothing_but_python(built: Built) -> None:
    """Other packages are asked for by extras only; the licence is told and is there."""
    with zipfile.ZipFile(built.wheel) as wheel:
        (path,) = (name for name in wheel.namelist() if name.endswith("/METADATA"))
        metadata = Parser().parsestr(wheel.read(path).decode())
        licences = [name for name in wheel.namelist() if name.endswith("LICENSE")]
        (path,) = (name for name in wheel.namelist() if name.endswith("/entry_points.txt"))
        commands = wheel.read(path).decode()

    assert metadata["Version"] == pytls.__version__
    assert metadata["Requires-Python"] == ">=3.8"
    assert all("extra ==" in needed for needed in metadata.get_all("Requires-Dist", []))
    assert len(licences) == 1
    assert commands.split("\n")[:2] == ["[console_scripts]", "pytls = pytls.__main__:main"]
