"""HTTP clients: each with a context of its user's choice, against a server of the stdlib."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, Callable, NamedTuple

import aiohttp
import anyio
import httpx
import pytest
import requests
import requests.adapters
import tornado.httpclient
import urllib3
from loopback import BODY, Server, beneath
from peers import DEADLINE, Contexts
from pki import Pki

Fetch = Callable[[str, Any, "bytes | None"], "list[bytes]"]
"""Ask a URL twice, with a context, over one connection: POST if there is a body, else GET."""


def by_urllib3(url: str, context: Any, body: bytes | None) -> list[bytes]:
    method = "GET" if body is None else "POST"
    with urllib3.PoolManager(ssl_context=context, timeout=DEADLINE, retries=False) as pool:
        return [pool.request(method, url, body=body).data for _ in range(2)]


class WithContext(requests.adapters.HTTPAdapter):
    """How requests is given a context."""

    def __init__(self, context: Any) -> None:
        self.context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self.context, **kwargs)


def by_requests(url: str, context: Any, body: bytes | None) -> list[bytes]:
    method = "GET" if body is None else "POST"
    with requests.Session() as session:
        session.mount("https://", WithContext(context))
        return [session.request(method, url, data=body, timeout=DEADLINE).content for _ in range(2)]


def by_httpx(url: str, context: Any, body: bytes | None) -> list[bytes]:
    method = "GET" if body is None else "POST"
    with httpx.Client(verify=context, timeout=DEADLINE) as client:
        return [client.request(method, url, content=body).content for _ in range(2)]


async def by_async_httpx(url: str, context: Any, body: bytes | None) -> list[bytes]:
    method = "GET" if body is None else "POST"
    async with httpx.AsyncClient(verify=context, timeout=DEADLINE) as client:
        return [(await client.request(method, url, content=body)).content for _ in range(2)]


def by_httpx_on_asyncio(url: str, context: Any, body: bytes | None) -> list[bytes]:
    return anyio.run(by_async_httpx, url, context, body, backend="asyncio")


def by_httpx_on_trio(url: str, context: Any, body: bytes | None) -> list[bytes]:
    return anyio.run(by_async_httpx, url, context, body, backend="trio")


def by_aiohttp(url: str, context: Any, body: bytes | None) -> list[bytes]:
    async def main() -> list[bytes]:
        method = "GET" if body is None else "POST"
        bodies = []
        timeout = aiohttp.ClientTimeout(total=DEADLINE)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            for _ in range(2):
                async with session.request(method, url, data=body, ssl=context) as response:
                    bodies.append(await response.read())
        return bodies

    return asyncio.run(main())


def by_tornado(url: str, context: Any, body: bytes | None) -> list[bytes]:
    async def main() -> list[bytes]:
        client = tornado.httpclient.AsyncHTTPClient()
        method = "GET" if body is None else "POST"
        bodies = []
        for _ in range(2):
            request = tornado.httpclient.HTTPRequest(
                url, method, body=body, ssl_options=context, request_timeout=DEADLINE
            )
            bodies.append((await client.fetch(request)).body)
        client.close()
        return bodies

    return asyncio.run(main())


class Client(NamedTuple):
    """A library."""

    fetch: Fetch
    complaint: type[Exception]  # what it raises for a bad certificate
    keeps: bool  # whether it uses a connection again


CLIENTS = {
    "urllib3": Client(by_urllib3, urllib3.exceptions.SSLError, keeps=True),
    "requests": Client(by_requests, requests.exceptions.SSLError, keeps=True),
    "httpx": Client(by_httpx, httpx.ConnectError, keeps=True),
    "httpx-asyncio": Client(by_httpx_on_asyncio, httpx.ConnectError, keeps=True),
    "httpx-trio": Client(by_httpx_on_trio, httpx.ConnectError, keeps=True),
    "aiohttp": Client(by_aiohttp, aiohttp.ClientConnectorCertificateError, keeps=True),
    "tornado": Client(by_tornado, ssl.SSLCertVerificationError, keeps=False),
}

each_client = pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)


@each_client
def test_what_is_posted_comes_back(client: Client, server: Server, contexts: Contexts) -> None:
    """Twice, over one connection where the library keeps it."""
    assert client.fetch(server.url, contexts.client, BODY) == [BODY, BODY]
    assert server.connections == (1 if client.keeps else 2)


@each_client
def test_a_certificate_for_another_name_is_refused(
    client: Client, server: Server, contexts: Contexts, pki: Pki
) -> None:
    """In the library's own words, and with ours beneath them."""
    contexts.server.load_cert_chain(pki.second.both)

    with pytest.raises(client.complaint) as caught:
        client.fetch(server.url, contexts.client, None)

    assert "Hostname mismatch" in str(beneath(caught.value, ssl.SSLCertVerificationError))


@each_client
def test_a_certificate_of_the_client_is_shown(
    client: Client, server: Server, contexts: Contexts, pki: Pki
) -> None:
    """The server asks for it, and reads its name."""
    contexts.client.load_cert_chain(pki.client.both)
    contexts.server.load_verify_locations(pki.ca)
    contexts.server.verify_mode = ssl.CERT_REQUIRED

    assert client.fetch(server.url, contexts.client, None) == [b"A client"] * 2
