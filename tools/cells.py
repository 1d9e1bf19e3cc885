"""The matrix: which Python with which OpenSSL, and how the tests went in each cell.

    cells.py begin      forget the last run; fetch what the cells need
    cells.py run NAME   run the tests in this environment with the OpenSSL of the cell `NAME`
    cells.py table      print how each cell went; fail when one failed or did not run

The cells are the environments of the label `matrix` in tox.ini: cell-<python>-<openssl>. An
OpenSSL is a name of matrix.py's table, or `sys`: what the machine, or a Python that comes with an
OpenSSL, has by itself.
"""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MATRIX = [sys.executable, str(ROOT / "tools/matrix.py")]
RESULTS = ROOT / ".matrix/results"


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
    command = [sys.executable, "-m", "pytest", "-q", f"--junitxml={RESULTS / cell}.xml", *arguments]
    return subprocess.call([*MATRIX, "each", openssl, "--", *command])


def table() -> int:
    """A line a cell: passed, failed, skipped, seconds."""
    print(f"\n{'cell':<22}{'passed':>8}{'failed':>8}{'skipped':>9}{'seconds':>9}")
    code = 0
    for cell in cells():
        result = RESULTS / f"{cell}.xml"
        if not result.exists():
            print(f"{cell:<22}{'did not run: see above why':>34}")
            code = 1
            continue
        suite = ET.parse(result).getroot().find("testsuite")  # noqa: S314  # pytest wrote it
        assert suite is not None
        tests, failures, errors, skipped = (
            int(suite.get(name, "0")) for name in ("tests", "failures", "errors", "skipped")
        )
        failed = failures + errors
        passed = tests - failed - skipped
        seconds = float(suite.get("time", "0"))
        print(f"{cell:<22}{passed:>8}{failed:>8}{skipped:>9}{seconds:>9.0f}")
        if failed or not passed:
            code = 1
    return code


if __name__ == "__main__":
    sys.exit(main())
