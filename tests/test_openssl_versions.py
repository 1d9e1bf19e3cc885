"""docs/openssl-versions.md says what the libraries do."""

from __future__ import annotations

import os
import subprocess
import sys

import macros
import pytest

TOOL = macros.ROOT / "tools/versions.py"
LIBRARIES = macros.CACHE.parent / "libs"


@pytest.mark.skipif(sys.maxsize < 1 << 32, reason="the libraries are for 64 bits")
@pytest.mark.timeout(300)
@pytest.mark.difference(
    "errors",
    "**What cannot be had** is refused by NotImplementedError, which names the OpenSSL "
    "that it takes: docs/openssl-versions.md.",
)
def test_the_table_is_what_the_libraries_give() -> None:
    """Written once more, it is the same."""
    names = [name for name in macros.FOLDERS if name != "system"]
    missing = [name for name in names if not (LIBRARIES / name).exists()]
    if missing and not os.environ.get("CI"):
        pytest.skip(f"{', '.join(missing)}: not fetched; tools/matrix.py libs does")

    done = subprocess.run([sys.executable, TOOL, "--check"], check=False)
    assert done.returncode == 0, "run tools/versions.py, and see what has changed"
