"""Libraries that make their contexts themselves, as most programs let them: of a pytls injected."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import ssl
from typing import Any, Callable

import aiohttp
import anyio
import httpx
import pytest
import requests
import tornado.httpclient
import urllib3
import websockets.asyncio.client
import websockets.asyncio.server
from loopback import Server, beneath
from peers import DEADLINE, Contexts
from pki import HOSTNAME, LOOPBACK, Pki

Get = Callable[[str, Pki], bytes]
"""Get a URL, believing the authority and showing the client's certificate."""


@pytest.fixture(autouse=True)
def tls_version() -> None:
    """Whatever both ends like best."""


@pytest.fixture
def asking(contexts: Contexts, pki: Pki) -> None:
    """The server asks for the client's certificate; it answers with the name in it."""
    contexts.server.load_verify_locations(pki.ca)
    contexts.server.verify_mode = ssl.CERT_REQUIRED


def by_requests(url: str, pki: Pki) -> bytes:
    files = pki.client.chain, pki.client.key
    return requests.get(url, verify=pki.ca, cert=files, timeout=DEADLINE).content


def by_urllib3(url: str, pki: Pki) -> bytes:
    options: dict[str, Any] = {
        "ca_certs": pki.ca,
        "cert_file": pki.client.chain,
        "key_file": pki.client.key,
        "ssl_minimum_version": ssl.TLSVersion.TLSv1_2,
    }
    with urllib3.PoolManager(timeout=DEADLINE, retries=False, **options) as pool:
        return pool.request("GET", url).data


def by_httpx(url: str, pki: Pki) -> bytes:
    context = httpx.create_ssl_context()
    context.load_cert_chain(pki.client.both)
    with httpx.Client(verify=context, timeout=DEADLINE) as client:
        return client.get(url).content


def by_aiohttp(url: str, pki: Pki) -> bytes:
    """Its own context verifies nothing; the fingerprint does."""
    fingerprint = aiohttp.Fingerprint(hashlib.sha256(pki.server.der).digest())

    async def main() -> bytes:
        async with aiohttp.ClientSession() as session, session.get(
            url, ssl=fingerprint
        ) as response:
            return await response.read()

    return asyncio.run(main())


def by_tornado(url: str, pki: Pki) -> bytes:
    async def main() -> bytes:
        client = tornado.httpclient.AsyncHTTPClient()
        response = await client.fetch(
            url, ca_certs=pki.ca, client_cert=pki.client.chain, client_key=pki.client.key
        )
        client.close()
        return response.body

    return asyncio.run(main())


CLIENTS = {
    "requests": by_requests,
    "urllib3": by_urllib3,
    "httpx": by_httpx,
    "tornado": by_tornado,
}


@pytest.mark.parametrize("get", CLIENTS.values(), ids=CLIENTS)
def test_it_shows_its_certificate(
    get: Get, asking: None, server: Server, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And believes the authority that it is told of."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)

    assert get(server.url, pki) == b"A client"


@pytest.mark.parametrize("get", CLIENTS.values(), ids=CLIENTS)
def test_it_refuses_the_server_of_a_stranger(
    get: Get, server: Server, contexts: Contexts, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The defaults verify."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)
    contexts.server.load_cert_chain(pki.by_stranger.both)

    with pytest.raises(Exception) as caught:  # noqa: PT011  # of four libraries
        get(server.url, pki)

    assert beneath(caught.value, ssl.SSLCertVerificationError)


def test_aiohttp_knows_a_server_by_its_fingerprint(server: Server, pki: Pki) -> None:
    """Read from the certificate's octets."""
    assert by_aiohttp(server.url, pki) == b""


# aiohttp drops such a connection, and the loop ends before the peer has said its close_notify
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_aiohttp_refuses_another_fingerprint(server: Server, contexts: Contexts, pki: Pki) -> None:
    """The certificate is good, but it is another."""
    contexts.server.load_cert_chain(pki.second.both)

    with pytest.raises(aiohttp.ServerFingerprintMismatch) as caught:
        by_aiohttp(server.url, pki)

    del caught
    gc.collect()  # what was dropped, before it warns in another test


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_anyio_connects_by_default(
    backend: str, server: Server, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`connect_tcp(tls=True)`, and nothing else said."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)

    async def main() -> bytes:
        address = HOSTNAME, server.server_port
        # The server closes without close_notify, as those of HTTP do
        async with await anyio.connect_tcp(
            *address, tls=True, tls_standard_compatible=False
        ) as stream:
            await stream.send(b"GET / HTTP/1.0\r\n\r\n")
            return await stream.receive()

    assert anyio.run(main, backend=backend).startswith(b"HTTP/1.1 200 OK")


def test_websockets_connect_by_default(
    contexts: Contexts, pki: Pki, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``wss:`` is enough."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)

    async def greet(connection: Any) -> None:
        await connection.send("hello")

    async def main() -> str:
        async with websockets.asyncio.server.serve(
            greet, LOOPBACK, 0, ssl=contexts.server
        ) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            async with websockets.asyncio.client.connect(f"wss://{HOSTNAME}:{port}/") as client:
                return await client.recv()

    assert asyncio.run(asyncio.wait_for(main(), DEADLINE)) == "hello"
