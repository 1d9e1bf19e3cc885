"""Servers that are programs of their own: gunicorn, which forks, and uvicorn, which spawns."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import signal
import ssl
import subprocess
import sys
import time
from pathlib import Path
from typing import Iterator

import pytest
from peers import DEADLINE, client_context
from pki import HOSTNAME, LOOPBACK, Pki

import pytls

APPS = """
import ssl

def wsgi(environ, start_response):
    start_response("200 OK", [])
    socket = environ["gunicorn.socket"]
    return [f"{type(socket).__module__}, {ssl.__name__}, {socket.version()}".encode()]

async def asgi(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": ssl.__name__.encode()})
"""
"""What each of them tells: what TLS is made of, and what `ssl` is."""

GUEST = """
import pytls

def ssl_context(config, default_ssl_context_factory):
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(config.certfile, config.keyfile)
    return context
"""
"""A configuration of gunicorn."""


@contextlib.contextmanager
def running(folder: Path, *arguments: str) -> Iterator[int]:
    """A server that logs its address: its port."""
    (folder / "apps.py").write_text(APPS)
    log = folder / "log"
    with log.open("wb") as output, subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(pytls.__file__).parent.parent)},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
    ) as program:
        try:
            yield port_in(log)
            program.send_signal(signal.SIGTERM)
            assert program.wait(DEADLINE) in (0, -signal.SIGTERM), log.read_text()
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(program.pid, signal.SIGKILL)


def port_in(log: Path) -> int:
    """The port that a server says it listens on."""
    deadline = time.monotonic() + DEADLINE
    while time.monotonic() < deadline:
        found = re.search(rf"https://{LOOPBACK}:(\d+)", log.read_text())
        if found:
            return int(found[1])
        time.sleep(0.02)
    pytest.fail(f"it does not listen:\n{log.read_text()}")


def told(port: int, pki: Pki) -> str:
    """What a server answers to the standard library."""
    connection = http.client.HTTPSConnection(
        HOSTNAME, port, context=client_context(ssl, pki), timeout=DEADLINE
    )
    deadline = time.monotonic() + DEADLINE
    with contextlib.closing(connection):
        while connection.sock is None:
            try:
                connection.connect()
            except ConnectionRefusedError:  # uvicorn tells its port before it listens
                assert time.monotonic() < deadline
                time.sleep(0.02)
        connection.request("GET", "/")
        return connection.getresponse().read().decode()


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_with_a_context_of_pytls(worker: str, pki: Pki, tmp_path: Path) -> None:
    """Its hook `ssl_context` makes it."""
    (tmp_path / "guest.py").write_text(GUEST)
    options = ["-k", worker, "-b", f"{LOOPBACK}:0", "-c", "guest.py"]
    files = ["--certfile", pki.server.chain, "--keyfile", pki.server.key]

    with running(tmp_path, "-m", "gunicorn", *options, *files, "apps:wsgi") as port:
        assert told(port, pki) == "pytls.socket, ssl, TLSv1.3"


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_gunicorn_run_by_pytls(worker: str, pki: Pki, tmp_path: Path) -> None:
    """Its workers are forks, and follow of themselves."""
    options = ["-k", worker, "-b", f"{LOOPBACK}:0"]
    files = ["--certfile", pki.server.chain, "--keyfile", pki.server.key]
    run = ["-m", "pytls", "run", "-m", "gunicorn"]

    with running(tmp_path, *run, *options, *files, "apps:wsgi") as port:
        assert told(port, pki) == "pytls.socket, pytls, TLSv1.3"


def test_uvicorn_run_by_pytls(pki: Pki, tmp_path: Path) -> None:
    """Its workers are new Pythons, and follow when asked."""
    options = ["--host", LOOPBACK, "--port", "0", "--workers", "2"]
    files = ["--ssl-certfile", pki.server.chain, "--ssl-keyfile", pki.server.key]
    run = ["-m", "pytls", "run", "--children", "-m", "uvicorn"]

    with running(tmp_path, *run, *options, *files, "apps:asgi") as port:
        assert told(port, pki) == "pytls"
