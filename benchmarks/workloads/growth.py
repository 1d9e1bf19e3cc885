"""Whether cost grows: with the bytes that a connection has carried, and with the connections."""

from __future__ import annotations

from functools import partial

from .messages import MESSAGE, SIZE
from .registry import MODULES, Run, Site, workload
from .transfer import RECORD, K

BYTES = {"1 KiB": K, "1 MiB": K**2, "32 MiB": 32 * K**2, "1 GiB": K**3}
CONNECTIONS = (1, 10, 100, 1000)


def _received(site: Site, already: int) -> Run:
    recv = site.connect("send", K**2).recv

    def run(turns: int) -> None:
        left = turns * RECORD
        while left > 0:
            left -= len(recv(RECORD))

    run(already // RECORD)
    return run


def _sent(site: Site, already: int) -> Run:
    sendall = site.connect("sink", RECORD).sendall
    data = bytes(RECORD)

    def run(turns: int) -> None:
        for _ in range(turns):
            sendall(data)

    run(already // RECORD)
    return run


def _ping_all(site: Site, number: int) -> Run:
    context = site.tls.client_context("1.3")
    connections = [site.tls.connect(context, site.plain("echo", SIZE)) for _ in range(number)]

    def run(turns: int) -> None:
        for turn in range(turns):
            connection = connections[turn % number]
            connection.sendall(MESSAGE)
            if len(connection.recv(SIZE)) != SIZE:
                raise RuntimeError("the message is not whole")

    return run


def _one_more(site: Site, number: int) -> Run:
    context = site.tls.client_context("1.3")
    others = [site.tls.connect(context, site.plain("greet")) for _ in range(number)]

    def run(turns: int) -> None:
        for _ in range(turns):
            others[0] = site.tls.connect(context, site.plain("greet"))

    return run


for _text, _size in BYTES.items():
    _name = _text.replace(" ", "").lower()
    workload(
        f"received-{_name}",
        f"recv(16 KiB), {_text} received",
        amount=RECORD,
        unit="B/s",
        who=MODULES,
        group="growth",
    )(partial(_received, already=_size))
    workload(
        f"sent-{_name}",
        f"sendall(16 KiB), {_text} sent",
        amount=RECORD,
        unit="B/s",
        who=MODULES,
        group="growth",
    )(partial(_sent, already=_size))
for _number in CONNECTIONS:
    workload(
        f"ping-of-{_number}",
        f"ping of 64 B, {_number} by turns",
        unit="/s",
        who=MODULES,
        group="growth",
    )(partial(_ping_all, number=_number))
    workload(
        f"handshake-beside-{_number}",
        f"handshake, {_number} open",
        unit="/s",
        who=MODULES,
        group="growth",
    )(partial(_one_more, number=_number))
