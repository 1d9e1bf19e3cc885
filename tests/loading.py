"""Which OpenSSL a fresh process loads: what depends on a process's state runs in one of its own."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytls
from pytls import _elf

ROOT = Path(pytls.__file__).resolve().parent.parent
TESTS = Path(__file__).resolve().parent

#: Import pytls, and print what was loaded.
TELL = """
import json
from pytls import _loader
told = {**vars(_loader.PAIR), "paths": _loader.paths(_loader.PAIR)}
print(json.dumps(told, default=str))  # a handle is no number on PyPy
"""


class Files(NamedTuple):
    """A libcrypto and a libssl."""

    libcrypto: Path
    libssl: Path


class Child(NamedTuple):
    """How a second Python ended."""

    status: int
    output: str
    errors: str


def run(code: str, **variables: str | Path) -> Child:
    """Run `code` with these variables and without any others that choose a library."""
    scrubbed = {name: os.environ[name] for name in os.environ if not name.startswith("PYTLS_")}
    paths = os.pathsep.join([str(ROOT), str(TESTS)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**scrubbed, "PYTHONPATH": paths, **{name: str(variables[name]) for name in variables}},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return Child(done.returncode, done.stdout, done.stderr)


def output(code: str, **variables: str | Path) -> str:
    """What `code` prints; it must end well."""
    child = run(code, **variables)
    assert child.status == 0, child.errors
    return child.output


def loaded(code: str = TELL, **variables: str | Path) -> dict[str, Any]:
    """What pytls loaded."""
    told: dict[str, Any] = json.loads(output(code, **variables))
    return told


def refusal(code: str = TELL, **variables: str | Path) -> str:
    """The text of the ImportError that importing pytls ends with."""
    child = run(code, **variables)
    assert child.status == 1
    _, found, text = child.errors.rpartition("\nImportError: ")
    assert found, child.errors
    return text


@functools.lru_cache(maxsize=None)
def usual() -> Files:
    """The files of the pair that is loaded when nothing chooses."""
    libcrypto, libssl = loaded()["paths"]
    return Files(Path(libcrypto), Path(libssl))


def copied(folder: Path) -> Path:
    """A folder with another copy of that pair, under the same sonames."""
    folder.mkdir()
    for path in usual():
        shutil.copyfile(path, folder / _elf.name_of(str(path)))
    return folder


def renamed(files: Files, folder: Path, libcrypto: str, libssl: str) -> Path:
    """A folder with a copy of a pair whose names are others, which must not be longer."""
    folder.mkdir()
    old = [_elf.name_of(str(path)).encode() for path in files]
    for path, name in zip(files, (libcrypto, libssl)):
        image = bytearray(path.read_bytes())
        _elf.rename(image, dict(zip(old, (libcrypto.encode(), libssl.encode()))))
        (folder / name).write_bytes(image)
    return folder


def files_in(folder: Path) -> dict[str, Path]:
    """The variables that choose the pair in a folder by its files."""
    (libcrypto,), (libssl,) = folder.glob("libcrypto*"), folder.glob("libssl*")
    return {"PYTLS_LIBCRYPTO": libcrypto, "PYTLS_LIBSSL": libssl}
