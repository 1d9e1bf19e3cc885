"""asyncio streams, with the implementation under test in the place of `ssl`."""

from __future__ import annotations

import sys
from typing import Any, Callable

from benchmarks import credentials

from .registry import MODULES, Run, Site, workload

K = 1024


def _streams(site: Site, wish: str, size: int) -> tuple[Any, Any, Any]:
    """A loop, and a reader and a writer on it; a writer that is dropped closes the connection."""
    sys.modules["ssl"] = site.tls.module
    import asyncio

    loop = asyncio.new_event_loop()
    streams = asyncio.open_connection(
        sock=site.plain(wish, size),
        ssl=site.tls.client_context("1.3"),
        server_hostname=credentials.HOSTNAME,
        limit=256 * K,
    )
    return (loop, *loop.run_until_complete(streams))


def _in(streams: tuple[Any, Any, Any], work: Callable[[int], Any]) -> Run:
    def run(turns: int) -> None:
        streams[0].run_until_complete(work(turns))

    return run


@workload("asyncio-64", "asyncio streams: ping of 64 B", unit="/s", reach=0.92, who=MODULES)
def asyncio_64(site: Site) -> Run:
    streams = _, reader, writer = _streams(site, "echo", 64)
    message = bytes(64)

    async def work(turns: int) -> None:
        for _ in range(turns):
            writer.write(message)
            await reader.readexactly(64)

    return _in(streams, work)


@workload(
    "asyncio-recv",
    "asyncio streams: receive",
    amount=64 * K,
    unit="B/s",
    reach=1.0,
    who=MODULES,
)
def asyncio_recv(site: Site) -> Run:
    streams = _, reader, _ = _streams(site, "send", 1 << 20)

    async def work(turns: int) -> None:
        left = turns * 64 * K
        while left > 0:
            left -= len(await reader.read(64 * K))

    return _in(streams, work)


@workload(
    "asyncio-send",
    "asyncio streams: send",
    amount=64 * K,
    unit="B/s",
    reach=0.97,
    who=MODULES,
)
def asyncio_send(site: Site) -> Run:
    streams = _, _, writer = _streams(site, "sink", 64 * K)
    data = bytes(64 * K)

    async def work(turns: int) -> None:
        for _ in range(turns):
            writer.write(data)
            await writer.drain()

    return _in(streams, work)
