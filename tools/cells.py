"""The matrix: which Python with which OpenSSL, and how the tests went in each cell.

    cells.py begin             forget the last run; fetch what the cells need
    cells.py run NAME [ARG…]   run pytest in this environment with the OpenSSL of the cell `NAME`
    cells.py table             print how each cell went; fail when one failed

The cells are the environments of the label `matrix` in tox.ini: cell-<python>-<openssl>. An
OpenSSL is a name of matrix.py's table, or `sys`: what the machine, or a Python that comes with an
OpenSSL, has by itself. A cell whose pieces cannot be had here is skipped, and the table says why;
where CI is set, that fails too.
"""

from __future__ import annotations

import configparser
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MATRIX = [sys.executable, str(ROOT / "tools/matrix.py")]
RESULTS = ROOT / ".matrix/results"
NO_PYTHON = "skipped: this Python cannot be had here"
UNAVAILABLE = 3  # what matrix.py says where something cannot be had

#: These do not depend on the pair, or ask for more than a cell has: the environment `py` runs them.
ELSEWHERE = ["interop", "conformance", "ecosystem"]
OTHERS = "benchmarks declarations matrix openssl_versions packaging"
ELSEWHERE += [f"test_{name}.py" for name in OTHERS.split()]


def main() -> int:
    """Do what the command line says; the exit code."""
    action, *names = sys.argv[1:] or ["help"]
    if action == "begin" and not names:
        return begin()
    if action == "run" and len(names) >= 1:
        return run(names[0], names[1:])
    if action == "table" and not names:
        return table()
    print(__doc__)
    return 2


def cells() -> list[str]:
    """The names of all cells, from tox.ini."""
    config = configparser.ConfigParser()
    config.read(ROOT / "tox.ini")
    (label,) = [line for line in config["tox"]["labels"].splitlines() if line.startswith("matrix")]
    names = label.partition("=")[2].split(",")
    return [name.strip() for name in names if name.strip().startswith("cell-")]


def begin() -> int:
    """An empty folder of results, and a full cache; what cannot be had is told by matrix.py."""
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    wanted = {name.split("-")[2] for name in cells()} - {"sys"}
    subprocess.call([*MATRIX, "libs", *sorted(wanted)])
    return 0


def run(cell: str, arguments: list[str]) -> int:
    """Run pytest with the cell's OpenSSL; its counts go to a file that `table` reads."""
    openssl = cell.split("-")[2]
    RESULTS.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={RESULTS / cell}.xml"]
    command += [f"--ignore=tests/{name}" for name in ELSEWHERE]
    code = subprocess.call([*MATRIX, "each", openssl, "--", *command, *arguments], cwd=ROOT)
    if code == UNAVAILABLE:
        why = f"skipped: {openssl} cannot be had here"
        (RESULTS / f"{cell}.skipped").write_text(why)
        return 0
    return code


def table() -> int:
    """A line a cell: the OpenSSL, tests that passed, failed and were skipped, and the seconds."""
    print(f"\n{'cell':<22}{'OpenSSL':<10}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    good = True
    for cell in cells():
        result = RESULTS / f"{cell}.xml"
        if not result.exists():
            skipped = RESULTS / f"{cell}.skipped"
            print(f"{cell:<22}{skipped.read_text() if skipped.exists() else NO_PYTHON}")
            good &= not os.environ.get("CI")
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
        print(f"{cell:<22}{version:<10}{passed:>8}{failed:>8}{skips:>9}{seconds:>9.0f}")
        good &= passed > 0 and not failed
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
