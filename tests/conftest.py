"""Fixtures for every test: the certificates, the versions of TLS, and who plays which end."""

from __future__ import annotations

import signal
import ssl
import sys
import sysconfig
from typing import Callable, Iterator

import pytest
import trustme

pytest.register_assert_rewrite("outcomes", "peers")  # before anybody imports them

import pypy  # noqa: E402
from expected import CPYTHON, VERSIONS  # noqa: E402
from peers import (  # noqa: E402
    Contexts,
    Ends,
    Pair,
    Sides,
    client_context,
    connected,
    server_context,
)
from pki import HOSTNAME, Credentials, Pki  # noqa: E402

import pytls  # noqa: E402


def pytest_configure() -> None:
    """Ctrl-C works also where a shell has started this in the background, which disables it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A test that hangs fails, with every thread's stack."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(120))
    if not CPYTHON:
        pypy.mark(items)


def pytest_report_header() -> str:
    """Which OpenSSL this run is about."""
    return f"{pytls.OPENSSL_VERSION}; ssl: {ssl.OPENSSL_VERSION}"


@pytest.fixture(scope="session", autouse=True)
def told_openssl(record_testsuite_property: Callable[[str, object], None]) -> None:
    """The same in the report for machines."""
    record_testsuite_property("OpenSSL", pytls.OPENSSL_VERSION)


@pytest.fixture(scope="session", autouse=True)
def without_lock() -> Iterator[None]:
    """A Python built to do without its lock does so to the end: no import brought it back."""
    yield
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        assert not sys._is_gil_enabled()  # type: ignore[attr-defined, unused-ignore]


@pytest.fixture(scope="session")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """One authority and its certificates for the whole run."""
    return Pki(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="session")
def rsa(pki: Pki) -> Credentials:
    """A server's certificate with an RSA key; all others are ECDSA."""
    return pki.issue("rsa", HOSTNAME, key_type=trustme.KeyType.RSA)


@pytest.fixture(params=VERSIONS)
def tls_version(request: pytest.FixtureRequest) -> str:
    """The version both ends are held to, as SSLSocket.version() tells it."""
    return str(request.param)


@pytest.fixture(
    params=[Sides(pytls, ssl), Sides(ssl, pytls), Sides(pytls, pytls)],
    ids=["pytls-client", "pytls-server", "pytls-both"],
)
def sides(request: pytest.FixtureRequest) -> Sides:
    """Which ends pytls plays; the standard library plays the other."""
    sides: Sides = request.param
    return sides


@pytest.fixture
def contexts(sides: Sides, pki: Pki, tls_version: str) -> Contexts:
    """The client trusts the authority; the server has its certificate."""
    return Contexts(
        client_context(sides.client, pki, tls_version),
        server_context(sides.server, pki, tls_version),
    )


@pytest.fixture
def pair(contexts: Contexts) -> Iterator[Pair]:
    """Both ends after their handshake."""
    with connected(contexts) as pair:
        yield pair


@pytest.fixture
def ends(pair: Pair, sides: Sides) -> Ends:
    """The same connection, as the end under test and the other."""
    return Ends(*pair) if sides.client is pytls else Ends(*reversed(pair))
