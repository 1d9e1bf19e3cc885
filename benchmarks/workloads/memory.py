"""TLS in memory: `MemoryBIO` and `SSLObject`, both ends by the same implementation."""

from __future__ import annotations

from typing import Any, Callable

from .registry import Run, Site, workload

RECORD = 16384


def _carry(take: Callable[[], bytes], put: Callable[[bytes], int]) -> None:
    data = take()
    if data:
        put(data)


class Pair:
    """A client and a server in memory."""

    def __init__(self, site: Site, client: Any, server: Any) -> None:
        self.want = site.tls.want_read
        self.client, self.put_client, self.take_client = site.tls.bio_transport(client, False)
        self.server, self.put_server, self.take_server = site.tls.bio_transport(server, True)

    def shake_hands(self) -> None:
        """Until both are done."""
        ends = [
            (self.client, self.take_client, self.put_server),
            (self.server, self.take_server, self.put_client),
        ]
        done = 0
        while done < 2:
            done = 0
            for end, take, put in ends:
                try:
                    end.do_handshake()
                    done += 1
                except self.want:
                    pass
                _carry(take, put)


def _contexts(site: Site) -> tuple[Any, Any]:
    return site.tls.client_context("1.3"), site.tls.server_context("1.3")


@workload("bio-handshake", "MemoryBIO: handshake, both ends", unit="/s", reach=0.97)
def bio_handshake(site: Site) -> Run:
    contexts = _contexts(site)

    def run(turns: int) -> None:
        for _ in range(turns):
            Pair(site, *contexts).shake_hands()

    return run


def _exchange(site: Site, size: int, count: int) -> Run:
    """`count` writes of `size` bytes in the server, then as many reads as it takes."""
    pair = Pair(site, *_contexts(site))
    pair.shake_hands()
    data = bytes(size)
    write, read = pair.server.write, pair.client.read
    take, put = pair.take_server, pair.put_client
    want = site.tls.want_read

    def run(turns: int) -> None:
        for _ in range(turns):
            for _ in range(count):
                write(data)
            put(take())
            left = size * count
            while left:
                left -= len(read(65536))
            try:
                read(65536)  # as a program does to learn that there is no more
            except want:
                pass

    return run


@workload("bio-bulk", "MemoryBIO: 64 KiB a turn", amount=65536, unit="B/s", reach=0.95)
def bio_bulk(site: Site) -> Run:
    return _exchange(site, RECORD, 4)


@workload("bio-64", "MemoryBIO: 64 B a turn", unit="/s", reach=0.80)
def bio_64(site: Site) -> Run:
    return _exchange(site, 64, 1)
