"""A Python that has no OpenSSL of its own: a build that did not find one lacks two modules."""

from __future__ import annotations

import _ssl
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
LACKING = ("_ssl", "_hashlib")
SETTING = re.compile("^PIP_|^PYTLS_|^SSL_CERT_|_CA_BUNDLE$|_proxy$", re.IGNORECASE)
"""A variable of the environment that settles what a test is there to settle."""
LEFT_OUT = ("lib-dynload", "site-packages", "dist-packages")


class BarePython:
    """The interpreter that runs, without the modules that are linked to OpenSSL.

    :param folder: where it is laid out: links to every file of the installation but theirs.
    :param packages: what else it has, folders of packages.
    """

    def __init__(self, folder: Path, *packages: Path) -> None:
        if sys.implementation.name != "cpython" or set(LACKING) & set(sys.builtin_module_names):
            pytest.skip("they cannot be taken out of this Python")
        self.home = folder
        extensions = Path(_ssl.__file__).parent
        for whole in Path(os.__file__).parent, extensions:
            part = folder / whole.relative_to(sys.base_prefix)
            part.mkdir(parents=True, exist_ok=True)
            for path in whole.iterdir():
                if path.name.partition(".")[0] not in LACKING and path.name not in LEFT_OUT:
                    (part / path.name).symlink_to(path)
        self.packages = folder / "packages"
        self.packages.mkdir()
        for package in (ROOT / "pytls", *packages):
            (self.packages / package.name).symlink_to(package)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Start it with these arguments."""
        environment = {name: os.environ[name] for name in os.environ if not SETTING.search(name)}
        environment.update(
            PYTHONHOME=str(self.home),
            PYTHONPATH=str(self.packages),
            PYTHONNOUSERSITE="1",
            PYTHONDONTWRITEBYTECODE="1",
        )
        base: Any = sys._base_executable  # type: ignore[attr-defined]
        return subprocess.run(
            [base, *arguments],
            cwd=self.home,
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
