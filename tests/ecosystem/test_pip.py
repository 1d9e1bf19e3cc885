"""pip, on a Python that has no `_ssl`: it installs from an index over HTTPS, or refuses to."""

from __future__ import annotations

import base64
import hashlib
import http.server
import importlib.util
import io
import os
import ssl
import subprocess
import sys
import tarfile
import threading
import zipfile
from pathlib import Path
from typing import Any, Iterator

import pytest
from bare import BarePython
from peers import server_context
from pki import HOSTNAME, LOOPBACK, Pki

pytestmark = pytest.mark.timeout(120)

BACKEND = '''
"""Builds its wheel by means of what it requires: a package of the same index."""
import zipfile
import greet

FILES = {
    "built.py": f"MESSAGE = {greet.MESSAGE!r}",
    "built-1.0.dist-info/METADATA": "Metadata-Version: 2.1\\nName: built\\nVersion: 1.0\\n",
    "built-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\\nTag: py3-none-any\\n",
    "built-1.0.dist-info/RECORD": "",
}

def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    name = "built-1.0-py3-none-any.whl"
    with zipfile.ZipFile(f"{wheel_directory}/{name}", "w") as wheel:
        for path, text in FILES.items():
            wheel.writestr(path, text)
    return name
'''
PROJECT = """
[build-system]
requires = ["greet"]
build-backend = "backend"
backend-path = ["."]
"""


def make_wheel(folder: Path) -> None:
    """`greet`, which has a message."""
    info = "greet-1.0.dist-info"
    files = {
        "greet.py": "MESSAGE = 'hello'",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: greet\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = []
    for name, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record.append(f"{name},sha256={digest.decode()},{len(text)}\n")
    record.append(f"{info}/RECORD,,\n")
    with zipfile.ZipFile(folder / "greet-1.0-py3-none-any.whl", "w") as wheel:
        for name, text in {**files, f"{info}/RECORD": "".join(record)}.items():
            wheel.writestr(name, text)


def make_sdist(folder: Path) -> None:
    """`built`, which has to be built, and needs `greet` for it."""
    with tarfile.open(folder / "built-1.0.tar.gz", "w:gz") as sdist:
        metadata = "Metadata-Version: 2.1\nName: built\nVersion: 1.0\n"
        files = {"PKG-INFO": metadata, "pyproject.toml": PROJECT, "backend.py": BACKEND}
        for name, text in files.items():
            member = tarfile.TarInfo(f"built-1.0/{name}")
            member.size = len(text)
            sdist.addfile(member, io.BytesIO(text.encode()))


class Index(http.server.SimpleHTTPRequestHandler):
    """Folders and their files; a listing is all that an index has to be."""

    def log_message(self, *_: Any) -> None:
        """Not a word."""


@pytest.fixture(scope="module")
def index(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an index with both, which shows the certificate for localhost."""
    folder = tmp_path_factory.mktemp("index")
    for name, make in ("greet", make_wheel), ("built", make_sdist):
        (folder / name).mkdir()
        make(folder / name)

    def handler(*args: Any) -> Index:
        return Index(*args, directory=str(folder))

    with http.server.ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        server.daemon_threads = True
        server.socket = server_context(ssl, pki).wrap_socket(
            server.socket, server_side=True, do_handshake_on_connect=False
        )
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield f"https://{HOSTNAME}:{server.server_port}/"
        finally:
            server.shutdown()
            serving.join()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> BarePython:
    """A Python without `_ssl`, with pip."""
    spec = importlib.util.find_spec("pip")
    assert spec is not None
    assert spec.origin is not None
    return BarePython(tmp_path_factory.mktemp("bare"), Path(spec.origin).parent)


class Pip:
    """pip, which asks one index and writes to one folder."""

    def __init__(self, python: BarePython, index: str, target: Path) -> None:
        self.python = python
        self.target = target
        self.settings = {
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_INDEX_URL": index,
            "PIP_NO_CACHE_DIR": "1",
            "PIP_RETRIES": "0",
            "PIP_TARGET": str(target),
        }

    def install(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """``python ARGUMENTS``."""
        return self.python.run(*arguments, **{**self.settings, **variables})

    def message(self, package: str) -> str:
        """What an installed package says."""
        code = f"import {package}; print({package}.MESSAGE)"
        return self.python.run("-c", code, PYTHONPATH=str(self.target)).stdout


@pytest.fixture
def pip(bare: BarePython, index: str, tmp_path: Path) -> Pip:
    """What every test starts with."""
    return Pip(bare, index, tmp_path / "installed")


RUN = ("-m", "pytls", "run", "-m", "pip", "install")


def test_alone_it_cannot(pip: Pip, pki: Pki) -> None:
    """Which is why all of this is here."""
    done = pip.install("-m", "pip", "install", "greet", PIP_CERT=pki.ca)

    assert done.returncode == 1
    assert "SSL" in done.stdout + done.stderr
    assert not pip.target.exists()


def test_it_installs_when_the_authority_is_named(pip: Pip, pki: Pki) -> None:
    """``--cert``: its own urllib3 makes the context."""
    done = pip.install(*RUN, "greet", PIP_CERT=pki.ca)

    assert done.returncode == 0, done.stdout + done.stderr
    assert pip.message("greet") == "hello\n"


@pytest.mark.skipif(sys.version_info < (3, 10), reason="truststore came with Python 3.10")
def test_it_installs_when_the_system_knows_the_authority(pip: Pip, pki: Pki) -> None:
    """Its truststore makes the context, and looks for chains of certificates."""
    done = pip.install(*RUN, "greet", SSL_CERT_FILE=pki.ca, PIP_USE_FEATURE="truststore")

    assert done.returncode == 0, done.stdout + done.stderr
    assert pip.message("greet") == "hello\n"


@pytest.mark.parametrize("which", ["bundled", "another"])
def test_it_refuses_an_index_it_cannot_verify(which: str, pip: Pip, pki: Pki) -> None:
    """Whether the authorities are those that it brings along or those that it is given."""
    authority = {} if which == "bundled" else {"PIP_CERT": pki.ca_of_others}

    done = pip.install(*RUN, "greet", **authority)

    assert done.returncode == 1
    assert "CERTIFICATE_VERIFY_FAILED" in done.stdout + done.stderr
    assert not pip.target.exists()


def test_it_refuses_an_index_of_another_name(pip: Pip, pki: Pki) -> None:
    """The authority is right, the name is not."""
    wrong = pip.settings["PIP_INDEX_URL"].replace(HOSTNAME, "127.0.0.2")

    done = pip.install(*RUN, "greet", PIP_CERT=pki.ca, PIP_INDEX_URL=wrong)

    assert done.returncode == 1
    assert "127.0.0.2" in done.stdout + done.stderr
    assert not pip.target.exists()


def test_it_builds_what_needs_building(pip: Pip, pki: Pki) -> None:
    """A Python that it starts fetches what the build requires: it has to follow."""
    children = (*RUN[:3], "--children", *RUN[3:])

    alone = pip.install(*RUN, "built", PIP_CERT=pki.ca)
    assert alone.returncode == 1
    assert not pip.target.exists()

    done = pip.install(*children, "built", PIP_CERT=pki.ca)
    assert done.returncode == 0, done.stdout + done.stderr
    assert pip.message("built") == "hello\n"
