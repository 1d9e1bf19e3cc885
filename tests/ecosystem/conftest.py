"""Libraries from PyPI over loopback. Everything here runs twice, each time in its own process:

- ``pytest tests/ecosystem``: pytls is a guest. The libraries import the interpreter's `ssl` and
  are handed contexts of pytls.
- ``python -m pytls run -m pytest tests/ecosystem``: pytls is injected, and there is no other `ssl`.
"""

from __future__ import annotations

import ssl
import sys
import threading
from pathlib import Path
from typing import Iterator

import pytest
from loopback import INJECTED, Server
from peers import Contexts, Sides

import pytls

#: Programs start Pythons of their own, in either way: once is enough. What makes its contexts
#: itself makes them of pytls only where that is injected.
collect_ignore = ["test_pip.py", "test_programs.py"] if INJECTED else ["test_own_contexts.py"]

LEFT_OPEN = pytest.mark.filterwarnings(
    "ignore:Exception ignored in. "
    "<(function _(SSLProtocol|Selector)Transport.__del__|socket.socket fd=-1)"
    ":pytest.PytestUnraisableExceptionWarning"
)
"""Transports of the old asyncio and their sockets, whose libraries do not wait for their end: over
any `ssl`, aiohttp leaves every third.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is not of ours."""
    for item in items:
        if sys.version_info < (3, 11) and Path(__file__).parent in item.path.parents:
            item.add_marker(LEFT_OPEN)


def pytest_report_header() -> str:
    """So that a log tells which of the two runs it is of."""
    return f"pytls is {'in the place of ssl' if INJECTED else 'a guest'}"


if INJECTED:
    SIDES = {"pytls-both": Sides(pytls, pytls)}
else:
    SIDES = {
        "pytls-client": Sides(pytls, ssl),
        "pytls-server": Sides(ssl, pytls),
        "pytls-both": Sides(pytls, pytls),
    }


@pytest.fixture(params=SIDES.values(), ids=SIDES)
def sides(request: pytest.FixtureRequest) -> Sides:
    """Which ends pytls plays."""
    sides: Sides = request.param
    return sides


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here leaves the machine, and so nothing may go by way of another."""
    for scheme in "http", "https", "all", "no":
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)


@pytest.fixture
def server(contexts: Contexts) -> Iterator[Server]:
    """A web server with the certificate for localhost."""
    with Server(contexts.server) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join()
