"""Build a Python that nobody packages, into the cache of matrix.py, and print where it is.

    build_python.py NAME            build it unless it is there; print the executable
    build_python.py --built NAME    build nothing: print the executable if it is there

    bare                            without OpenSSL: there is no `_ssl` and no `_hashlib`
    py314t                          without the interpreter's lock; with this machine's OpenSSL

CPython's own sources as Debian keeps them, once, for some minutes; it takes gcc, make and the
headers of libffi and zlib, those of OpenSSL where it is wanted. The exit code is 0, or 2 for wrong
arguments, 3 when it cannot be had here: a mirror may lack the sources of what it has the packages
of.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

import matrix


class Build(NamedTuple):
    """A Python to build."""

    name: str
    suite: str  # of Debian, which has the source package
    package: str
    program: str  # the executable, as `make install` calls it
    options: list[str]  # for configure
    trial: str  # what it must run before it is put where it belongs

    @property
    def home(self) -> Path:
        """The folder of it in the cache."""
        return matrix.cache() / self.name

    @property
    def python(self) -> Path:
        """The executable there."""
        return self.home / "bin" / self.program


OPTIONS = ["--without-ensurepip", "--disable-test-modules"]
QUICK = "OPT=-O1"

WITHOUT_OPENSSL = """
import asyncio, ctypes, sys, zlib
for name in "_ssl", "_hashlib":
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(name + " is there")
"""
WITHOUT_LOCK = """
import asyncio, ctypes, hashlib, ssl, sys, zlib
if sys._is_gil_enabled():
    sys.exit("the lock is there")
"""

BUILDS = [
    Build(
        "bare",
        "trixie",
        "python3.13",
        "python3.13",
        ["--with-openssl=/nonexistent"],
        WITHOUT_OPENSSL,
    ),
    Build("py314t", "sid", "python3.14", "python3.14t", ["--disable-gil"], WITHOUT_LOCK),
]


def main() -> int:
    """Do what the command line says; the exit code."""
    known = {row.name: row for row in BUILDS}
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--built", action="store_true")
    parser.add_argument("name", choices=known, metavar="NAME")
    args = parser.parse_args()
    row = known[args.name]
    try:
        if not args.built:
            get(row)
    except matrix.UnavailableError as error:
        print(f"build_python.py: {row.name} cannot be had: {error}", file=sys.stderr)
        return matrix.UNAVAILABLE
    if not row.python.exists():
        print(f"not built: python3 tools/build_python.py {row.name}", file=sys.stderr)
        return matrix.UNAVAILABLE
    print(row.python)
    return 0


def get(row: Build) -> None:
    """Build it, unless it is there."""
    with matrix.locked():
        if not row.python.exists():
            with tempfile.TemporaryDirectory(prefix="new-", dir=str(matrix.cache())) as folder:
                fetch(row, Path(folder))
                build(row, Path(folder))


def fetch(row: Build, folder: Path) -> None:
    """Unpack the sources, as their authors have published them, into `folder`."""
    config = matrix.private_apt(row.suite)
    packages = config.with_name("sources.list").read_text()
    (folder / "sources.list").write_text(packages.replace("deb ", "deb-src ", 1))
    (folder / "lists/partial").mkdir(parents=True)
    own = {**os.environ, "APT_CONFIG": str(config)}
    apt = ["apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={folder}/sources.list"]
    apt += ["-o", f"Dir::State::lists={folder}/lists"]
    matrix.run(*apt, "update", env=own)
    try:
        matrix.run(*apt, "source", "--download-only", row.package, cwd=folder, env=own)
    except matrix.UnavailableError as error:
        why = f"the mirror gives no sources of {row.package} in {row.suite}"
        raise matrix.UnavailableError(why) from error
    archive = next(path for path in folder.glob("*.orig.tar.*") if path.suffix != ".asc")
    matrix.run("tar", "-xf", archive.name, "--strip-components=1", cwd=folder)


def build(row: Build, folder: Path) -> None:
    """Make it in `folder`, try it, and only then put it where it belongs."""
    staged = Path(f"{folder}/staged{row.home}")
    make = ["make", "--silent", f"--jobs={os.cpu_count() or 1}"]
    configure = ["./configure", "--quiet", f"--prefix={row.home}"]
    matrix.run(*configure, *OPTIONS, *row.options, QUICK, cwd=folder)
    matrix.run(*make, cwd=folder)
    matrix.run(*make, "install", f"DESTDIR={folder}/staged", cwd=folder)
    matrix.run(str(staged / "bin" / row.program), "-c", row.trial)
    staged.rename(row.home)


if __name__ == "__main__":
    sys.exit(main())
