"""The matrix: which Python with which OpenSSL, and how the tests went in each cell.

    cells.py begin                    forget the last run; fetch what the cells need
    cells.py run ENV [NAME…] [ARG…]   run pytest, in this environment, in the cells of a Python
    cells.py table                    print how each cell went; fail when one failed

A Python's cells are `sys`, what the machine or a Python that comes with an OpenSSL has by itself,
and each release of matrix.py's table that names the Python. The Pythons are the environments of
the label `matrix` in tox.ini: matrix-<python>. A cell whose pieces cannot be had here is skipped,
and the table says why; where CI is set, that fails too, but for OPTIONAL ones.
"""

from __future__ import annotations

import configparser
import itertools
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple, Sequence

import matrix

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".matrix/results"
ENVIRONMENT = "matrix-"  # and a Python: its name in tox.ini
NO_PYTHON = "this Python is not on this machine"

#: The Pythons that take minutes to build: these run where somebody has done that.
OPTIONAL = {"py314t": "nobody packages it: python3 tools/build_python.py py314t"}

#: An environment of their own runs them.
ELSEWHERE = ["conformance", "ecosystem", "test_declarations.py"]
#: These do not depend on the OpenSSL that is chosen, or choose one themselves.
ONCE = ["interop"]
NAMES = "benchmarks der hostname matrix packaging readme run"
ONCE += [f"test_{name}.py" for name in NAMES.split()]


def main() -> int:
    """Do what the command line says; the exit code."""
    action, *arguments = sys.argv[1:] or ["help"]
    if action == "begin" and not arguments:
        return begin()
    if action == "run" and arguments:
        return run(arguments[0][len(ENVIRONMENT) :], *arguments[1:])
    if action == "table" and not arguments:
        return table()
    print(__doc__)
    return 2


class Cell(NamedTuple):
    """A Python, as tox names it, and an OpenSSL, as matrix.py does."""

    python: str
    openssl: str

    def file(self, kind: str) -> Path:
        """What pytest has told of it, `xml`; why it was not run, `skipped`."""
        return RESULTS / f"{self.python}-{self.openssl}.{kind}"


def pythons() -> list[str]:
    """The names of all Pythons, from tox.ini."""
    config = configparser.ConfigParser()
    config.read(ROOT / "tox.ini")
    (label,) = [line for line in config["tox"]["labels"].splitlines() if line.startswith("matrix")]
    names = [name.strip() for name in label.partition("=")[2].split(",")]
    return [name[len(ENVIRONMENT) :] for name in names if name.startswith(ENVIRONMENT)]


def cells(python: str) -> list[Cell]:
    """Those of a Python."""
    others = [release.name for release in matrix.RELEASES if python in release.pythons.split()]
    return [Cell(python, openssl) for openssl in ["sys", *others]]


def begin() -> int:
    """An empty folder of results, and a full cache; why a cell cannot be run goes to its file."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    code = 0
    for row in (row for row in matrix.ROWS if row.what != "headers"):
        try:
            matrix.get(row)
        except matrix.FAULTS as error:
            code = max(code, matrix.complain(row, error) % matrix.UNAVAILABLE)
            for cell in (cell for python in pythons() for cell in cells(python)):
                if row.name in cell:
                    cell.file("skipped").write_text(f"{row.name}: {error}", "utf-8")
    return code


def run(python: str, *arguments: str) -> int:
    """Run pytest in its cells, or in those of the OpenSSLs named first; the exit code."""
    known = {cell.openssl: cell for cell in cells(python)}
    named = [known[name] for name in itertools.takewhile(known.__contains__, arguments)]
    codes = [run_cell(cell, arguments[len(named) :]) for cell in named or known.values()]
    return max(codes)


def run_cell(cell: Cell, arguments: Sequence[str]) -> int:
    """Run pytest; its counts go to a file that `table` reads."""
    if cell.file("skipped").exists():
        return 0
    RESULTS.mkdir(parents=True, exist_ok=True)
    own = cell.openssl == "sys"
    folder = None if own else matrix.get(*matrix.rows("libs", [cell.openssl]))
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={cell.file('xml')}"]
    command += [f"--ignore=tests/{name}" for name in (ELSEWHERE if own else ELSEWHERE + ONCE)]
    print("---", *cell, flush=True)
    return subprocess.call([*command, *arguments], cwd=ROOT, env=matrix.environment(folder))


def table() -> int:
    """A line a cell: the OpenSSL, tests that passed, failed and were skipped, and the seconds."""
    print(f"\n{'cell':<18}{'OpenSSL':<10}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    good = True
    for cell in (cell for python in pythons() for cell in cells(python)):
        result, skipped = cell.file("xml"), cell.file("skipped")
        if not result.exists():
            why = skipped.read_text("utf-8") if skipped.exists() else NO_PYTHON
            print(f"{result.stem:<18}skipped: {OPTIONAL.get(cell.python, why)}")
            good &= cell.python in OPTIONAL or not os.environ.get("CI")
            continue
        suite = ET.parse(result).getroot().find("testsuite")  # noqa: S314  # pytest wrote it
        assert suite is not None
        tests, failures, errors, skips = (
            int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
        )
        failed, seconds = failures + errors, float(suite.get("time", "0"))
        passed = tests - failed - skips
        openssl = suite.find("properties/property[@name='OpenSSL']")
        version = "" if openssl is None else openssl.get("value", "").split()[1]
        print(f"{result.stem:<18}{version:<10}{passed:>8}{failed:>8}{skips:>9}{seconds:>9.0f}")
        good &= passed > 0 and not failed
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
