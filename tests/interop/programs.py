"""Other people's programs as peers: started on the loopback interface, and always ended."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
import time
from typing import Any, Iterator

import pytest
from peers import DEADLINE
from pki import LOOPBACK

PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])


def program(name: str) -> str:
    """The path of a program; where it is not installed, a reason to skip, but never in CI."""
    path = shutil.which(name, path=PATH)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed, and in CI it has to be")
        pytest.skip(f"{name} is not installed")
    return path


def free_port() -> int:
    """A port that nobody has at this moment."""
    with socket.socket() as sock:
        sock.bind((LOOPBACK, 0))
        return int(sock.getsockname()[1])


class Running:
    """A program that runs, and what it has printed so far."""

    def __init__(self, *command: str, **options: Any) -> None:
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            **options,
        )
        self.printed = bytearray()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        while True:
            data = os.read(self.process.stdout.fileno(), 65536)
            if not data:
                return
            self.printed += data

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has printed something."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            found = re.search(pattern, self.text)
            if found:
                return found
            assert self.process.poll() is None, self.text
            time.sleep(0.01)
        raise AssertionError(f"no {pattern!r} in {self.text!r}")

    def wait_for_port(self, port: int) -> None:
        """Wait until it listens."""
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.text
            with contextlib.suppress(OSError):
                socket.create_connection((LOOPBACK, port), DEADLINE).close()
                return
            time.sleep(0.01)
        raise AssertionError(f"nobody listens on port {port}: {self.text!r}")

    def end(self) -> None:
        """Stop it, if it has not ended by itself."""
        self.process.terminate()
        try:
            self.process.wait(DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._reading.join(DEADLINE)
        self.process.stdin.close()
        self.process.stdout.close()

    @property
    def text(self) -> str:
        """What it has printed."""
        return self.printed.decode("utf-8", "replace")


@contextlib.contextmanager
def running(*command: str, **options: Any) -> Iterator[Running]:
    """A program for as long as the block lasts."""
    process = Running(*command, **options)
    try:
        yield process
    finally:
        process.end()


def run(*command: str, given: bytes = b"", **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A program from its beginning to its end: its exit code, and what it printed."""
    return subprocess.run(
        command, input=given, capture_output=True, timeout=DEADLINE, check=False, **options
    )
