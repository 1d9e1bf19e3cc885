"""Build a Python that has no OpenSSL, into the cache of matrix.py: `bare_python.py` prints where.

CPython's own sources as Debian keeps them, and a `configure` that finds no OpenSSL: there is no
`_ssl` and no `_hashlib`. Once, and for two minutes; it takes gcc, make and the headers of libffi
and zlib. The exit code is 0, or 3 when it cannot be had here.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import matrix

NAME, SUITE = "python3.13", "trixie"
HOME = matrix.cache() / "bare"
PYTHON = HOME / "bin" / NAME

OPTIONS = ["--with-openssl=/nonexistent", "--without-ensurepip", "--disable-test-modules"]
QUICK = "OPT=-O1"

TRY = """
import asyncio, ctypes, sys, zlib
for name in "_ssl", "_hashlib":
    try:
        __import__(name)
    except ImportError:
        continue
    sys.exit(name + " is there")
"""


def main() -> int:
    """Build it unless it is there, and print the executable; the exit code."""
    try:
        with matrix.locked():
            if not PYTHON.exists():
                with tempfile.TemporaryDirectory(prefix="new-", dir=str(matrix.cache())) as folder:
                    fetch(Path(folder))
                    build(Path(folder))
    except matrix.UnavailableError as error:
        print(f"bare_python.py: it cannot be had: {error}", file=sys.stderr)
        return matrix.UNAVAILABLE
    print(PYTHON)
    return 0


def fetch(folder: Path) -> None:
    """Unpack the sources, as their authors have published them, into `folder`."""
    config = matrix.private_apt(SUITE)
    packages = config.with_name("sources.list").read_text()
    (folder / "sources.list").write_text(packages.replace("deb ", "deb-src ", 1))
    (folder / "lists/partial").mkdir(parents=True)
    own = {**os.environ, "APT_CONFIG": str(config)}
    apt = ["apt-get", "-qq", "-o", f"Dir::Etc::sourcelist={folder}/sources.list"]
    apt += ["-o", f"Dir::State::lists={folder}/lists"]
    matrix.run(*apt, "update", env=own)
    matrix.run(*apt, "source", "--download-only", NAME, cwd=folder, env=own)
    archive = next(path for path in folder.glob("*.orig.tar.*") if path.suffix != ".asc")
    matrix.run("tar", "-xf", archive.name, "--strip-components=1", cwd=folder)


def build(folder: Path) -> None:
    """Make it in `folder`, try it, and only then put it where it belongs."""
    staged = Path(f"{folder}/staged{HOME}")
    make = ["make", "--silent", f"--jobs={os.cpu_count() or 1}"]
    matrix.run("./configure", "--quiet", f"--prefix={HOME}", *OPTIONS, QUICK, cwd=folder)
    matrix.run(*make, cwd=folder)
    matrix.run(*make, "install", f"DESTDIR={folder}/staged", cwd=folder)
    matrix.run(str(staged / "bin" / NAME), "-c", TRY)
    staged.rename(HOME)


if __name__ == "__main__":
    sys.exit(main())
