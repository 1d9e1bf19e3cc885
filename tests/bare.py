"""A Python that has no OpenSSL of its own: a build that did not find one lacks two modules.

BARE_PYTHON is the executable of such a build (tools/build_python.py makes one). Without it, the
interpreter that runs the tests stands in, laid out without the two.
"""

from __future__ import annotations

import _ssl
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LACKING = ("_ssl", "_hashlib")
SETTING = re.compile("^PIP_|^PYTLS_|^SSL_CERT_|_CA_BUNDLE$|_proxy$", re.IGNORECASE)
"""A variable of the environment that settles what a test is there to settle."""
LEFT_OUT = ("lib-dynload", "site-packages", "dist-packages")


class BarePython:
    """A Python without the modules that are linked to OpenSSL, and with pytls.

    :param folder: where what it needs is laid out.
    :param packages: what else it has, folders of packages.
    """

    def __init__(self, folder: Path, *packages: Path) -> None:
        self.home = folder
        self.executable = os.environ.get("BARE_PYTHON", "")
        self.variables = {}
        if not self.executable:
            self.executable = sys._base_executable  # type: ignore[attr-defined]
            self.variables["PYTHONHOME"] = str(folder)
            lay_out(folder)
        self.packages = folder / "packages"
        self.packages.mkdir()
        for package in (ROOT / "pytls", *packages):
            (self.packages / package.name).symlink_to(package)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Start it with these arguments."""
        environment = {name: os.environ[name] for name in os.environ if not SETTING.search(name)}
        environment.update(
            self.variables,
            PYTHONPATH=str(self.packages),
            PYTHONNOUSERSITE="1",
            PYTHONDONTWRITEBYTECODE="1",
        )
        return subprocess.run(
            [self.executable, *arguments],
            cwd=self.home,
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def lay_out(folder: Path) -> None:
    """Link every file of this interpreter's installation into `folder`, but those modules."""
    if sys.implementation.name != "cpython" or set(LACKING) & set(sys.builtin_module_names):
        pytest.skip("`_ssl` is built into this Python, or it is no CPython: it stays")
    extensions = Path(_ssl.__file__).parent
    for whole in Path(os.__file__).parent, extensions:
        part = folder / whole.relative_to(sys.base_prefix)
        part.mkdir(parents=True, exist_ok=True)
        for path in whole.iterdir():
            if path.name.partition(".")[0] not in LACKING and path.name not in LEFT_OUT:
                (part / path.name).symlink_to(path)
