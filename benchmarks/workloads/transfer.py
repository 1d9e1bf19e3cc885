"""Bulk: much data over one blocking connection, and over four at once."""

from __future__ import annotations

import threading

from .registry import MODULES, Run, Site, workload

K = 1024
RECORD = 16 * K


def _recv(site: Site, size: int, sent: int = 1 << 20) -> Run:
    recv = site.connect("send", sent).recv

    def run(turns: int) -> None:
        left = turns * RECORD
        while left > 0:
            left -= len(recv(size))

    return run


@workload("recv-16k", "recv(16 KiB)", amount=RECORD, unit="B/s", reach=1.0)
def recv_16k(site: Site) -> Run:
    return _recv(site, 16 * K)


@workload("recv-256k", "recv(256 KiB)", amount=RECORD, unit="B/s", reach=2.5)
def recv_256k(site: Site) -> Run:
    return _recv(site, 256 * K)


@workload("recv-1k", "recv(1 KiB) of large records", amount=RECORD, unit="B/s", reach=1.2)
def recv_1k(site: Site) -> Run:
    return _recv(site, K)


@workload("records-1k", "recv(16 KiB) of records of 1 KiB", amount=RECORD, unit="B/s")
def records_1k(site: Site) -> Run:
    return _recv(site, 16 * K, sent=K)


def _recv_into(site: Site, size: int) -> Run:
    recv_into = site.connect("send", 1 << 20).recv_into
    room = bytearray(size)

    def run(turns: int) -> None:
        left = turns * RECORD
        while left > 0:
            left -= recv_into(room)

    return run


@workload("recv_into-8k", "recv_into(8 KiB)", amount=RECORD, unit="B/s", reach=1.0)
def recv_into_8k(site: Site) -> Run:
    return _recv_into(site, 8 * K)


@workload("recv_into-16k", "recv_into(16 KiB)", amount=RECORD, unit="B/s", reach=1.0)
def recv_into_16k(site: Site) -> Run:
    return _recv_into(site, 16 * K)


@workload("recv_into-256k", "recv_into(256 KiB)", amount=RECORD, unit="B/s", reach=1.0)
def recv_into_256k(site: Site) -> Run:
    return _recv_into(site, 256 * K)


BODY = 8 << 20


@workload(
    "makefile",
    "makefile().read() of 8 MiB, with its handshake",
    amount=BODY,
    unit="B/s",
    reach=1.1,
    who=MODULES,
)
def makefile(site: Site) -> Run:
    context = site.tls.client_context("1.3")

    def run(turns: int) -> None:
        for _ in range(turns):
            connection = site.tls.connect(context, site.plain("body", BODY))
            with connection, connection.makefile("rb") as file:
                if len(file.read()) != BODY:
                    raise RuntimeError("the body is not whole")

    return run


def _sendall(site: Site, size: int) -> Run:
    sendall = site.connect("sink", RECORD).sendall
    data = bytes(size)

    def run(turns: int) -> None:
        for _ in range(turns):
            sendall(data)

    return run


@workload("sendall-1m", "sendall(1 MiB)", amount=1 << 20, unit="B/s", reach=1.05)
def sendall_1m(site: Site) -> Run:
    return _sendall(site, 1 << 20)


@workload("sendall-16k", "sendall(16 KiB)", amount=RECORD, unit="B/s", reach=1.0)
def sendall_16k(site: Site) -> Run:
    return _sendall(site, RECORD)


@workload("sendall-1k", "sendall(1 KiB)", amount=K, unit="B/s", reach=1.05)
def sendall_1k(site: Site) -> Run:
    return _sendall(site, K)


@workload(
    "threads-4",
    "recv(16 KiB) in four threads",
    amount=4 * RECORD,
    unit="B/s",
    reach=1.0,
    pinned=False,
)
def four_threads(site: Site) -> Run:
    runs = [_recv(site, 16 * K) for _ in range(4)]

    def run(turns: int) -> None:
        threads = [threading.Thread(target=one, args=(turns,)) for one in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    return run
