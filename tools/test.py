"""Run the tests on a machine that has only Python: `python3 tools/test.py`.

Makes a private virtual environment in `.tox/`, installs tox into it and hands it the arguments
(`-e py,lint`, `-- -k name`). Debian and Ubuntu ship `venv` in a package of its own: it is installed
when that is allowed, otherwise the one command to run is said.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".tox" / f".launcher-{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON = HOME / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def main() -> int:
    """Make what is missing, run tox; return its exit status."""
    if not runs_tox():
        if importlib.util.find_spec("ensurepip") is None:
            install_venv()
        shutil.rmtree(HOME, ignore_errors=True)
        run(sys.executable, "-m", "venv", str(HOME))
        run(str(PYTHON), "-m", "pip", "install", "--quiet", "tox>=4,<5")
    return run(str(PYTHON), "-m", "tox", *sys.argv[1:], check=False)


def runs_tox() -> bool:
    """Whether an earlier run has left a tox that starts."""
    return PYTHON.exists() and run(str(PYTHON), "-c", "import tox", check=False, quiet=True) == 0


def install_venv() -> None:
    """Install Debian's package of `venv`, or leave with the command that does."""
    package = f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"
    if not shutil.which("apt-get"):
        sys.exit("This Python has no venv (the module ensurepip is missing); install it first.")
    if os.geteuid():
        sys.exit(f"One package is missing; run this, then try again:  sudo apt install {package}")
    print(f"Installing {package}, which Debian keeps apart from Python.", flush=True)
    os.environ["DEBIAN_FRONTEND"] = "noninteractive"
    run("apt-get", "-qq", "update")
    run("apt-get", "-qq", "install", "--no-install-recommends", package)


def run(*command: str, check: bool = True, quiet: bool = False) -> int:
    """Run `command` from the project's folder; return its status, or leave with it when `check`."""
    to = subprocess.DEVNULL if quiet else None
    status = subprocess.run(command, cwd=ROOT, stdout=to, stderr=to, check=False).returncode
    if check and status:
        sys.exit(f"{' '.join(command)}: exit status {status}")
    return status


if __name__ == "__main__":
    sys.exit(main())
