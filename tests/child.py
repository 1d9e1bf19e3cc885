"""A second Python, for what one process cannot show."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from pytls import errors

WITHOUT_SSL = "import sys; sys.modules['_ssl'] = sys.modules['ssl'] = None\n"
"""What makes the code after it run as on a Python that was built without OpenSSL."""


def python(code: str) -> bytes:
    """What it writes; it must end well. It opens the OpenSSL that is the default here."""
    environment = {name: os.environ[name] for name in os.environ if not name.startswith("PYTLS_")}
    environment["PYTHONPATH"] = str(Path(errors.__file__).resolve().parent.parent)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
