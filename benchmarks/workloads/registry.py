"""What a workload is, and which there are."""

from __future__ import annotations

import socket
from typing import Any, Callable, NamedTuple, Optional

from benchmarks import credentials
from benchmarks.implementations import Module
from benchmarks.process import PLAIN

Run = Callable[[int], Optional[float]]
"""Do it so many times; returns what was measured where that is not the process's own CPU time."""


class Site(NamedTuple):
    """Where a workload runs: the implementation under test, and who is at the other end."""

    tls: Module
    port: int
    folder: str

    def plain(self, wish: str, size: int = 0, version: str = "1.3") -> socket.socket:
        """A connection to the peer, which waits for the handshake, or for what `wish` has next."""
        sock = socket.create_connection((credentials.LOOPBACK, self.port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(f"{wish} {version} {size}".encode().ljust(PLAIN))
        return sock

    def connect(self, wish: str, size: int = 0, version: str = "1.3") -> Any:
        """A connection after its handshake, under a context of its own."""
        context = self.tls.client_context(version)
        return self.tls.connect(context, self.plain(wish, size, version))


class Workload(NamedTuple):
    """One thing to measure."""

    name: str
    title: str
    build: Callable[[Site], Run]
    amount: int
    """How much one turn is, in `unit`."""
    unit: str
    reach: float | None
    """The ratio that pytls is to reach."""
    figure: str
    """What the ratio is of: ``cpu``, ``wall``, or ``own``, what `Run` returns."""
    who: str
    """The implementations that have it."""
    turns: int | None
    """How many turns make a measurement, where a process is good for one only."""
    pinned: bool
    """Whether both ends share a core."""
    group: str
    """The table that it belongs to."""


WORKLOADS: dict[str, Workload] = {}
ALL = "ssl pytls pyOpenSSL bare"
MODULES = "ssl pytls bare"
COMPLETE = "ssl pytls pyOpenSSL"
COMPLETE_MODULES = "ssl pytls"


def workload(
    name: str,
    title: str,
    *,
    amount: int = 1,
    unit: str = "",
    reach: float | None = None,
    figure: str = "cpu",
    who: str = ALL,
    turns: int | None = None,
    pinned: bool = True,
    group: str = "speed",
) -> Callable[[Callable[[Site], Run]], Callable[[Site], Run]]:
    """Register the function that prepares it and returns its `Run`."""

    def register(build: Callable[[Site], Run]) -> Callable[[Site], Run]:
        WORKLOADS[name] = Workload(
            name, title, build, amount, unit, reach, figure, who, turns, pinned, group
        )
        return build

    return register


def select(group: str, names: list[str]) -> list[Workload]:
    """Those of `group` whose names begin with one of `names`; all of them without any.

    :raises KeyError: nothing is called so.
    """
    known = [one for one in WORKLOADS.values() if one.group == group]
    for name in names:
        if not any(one.name.startswith(name) for one in known):
            raise KeyError(name)
    return [one for one in known if not names or one.name.startswith(tuple(names))]
