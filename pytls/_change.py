"""Replacing a setting that connections in other threads may be reading.

OpenSSL frees what it replaces, and locks nothing. A new connection copies most settings: so each
context has a lock, `copying`, for whoever replaces one and whoever copies them. The list of ciphers
is not copied, and every handshake reads it: it is replaced while no connection of the context is
within a call. No such call waits for a peer, so neither does whoever changes something.

Locks are taken in this order: a context's `copying`, then `_changing`, then a connection's. Who has
a connection's first, in a callback, is `outside` of OpenSSL, and is not waited for.
"""

from __future__ import annotations

import os
from _thread import RLock
from collections import deque
from functools import partial
from io import IOBase
from itertools import compress
from weakref import WeakSet, WeakValueDictionary

from ._handle import Handle
from ._types import Any

#: all there are, by the address of the `SSL*`
connections: WeakValueDictionary[int, Any] = WeakValueDictionary()

# Held while connections stand still, and by whoever comes to be one of them
_changing = RLock()

# The locks of connections that a thread has, and is not in a call on
_outside: list[Any] = []

_PATIENCE = 0.01  # seconds until a busy connection is looked at again


class Shared(Handle):
    """Own a C object whose settings connections copy."""

    __slots__ = ("copying", "loading", "used")

    #: held while a setting is replaced and while they are copied
    copying: Any
    #: held while a certificate and its key are loaded
    loading: Any
    #: whether any connection has copied them
    used: bool

    def __init__(self, address: int | None) -> None:
        super().__init__(address)
        self.copying = RLock()
        self.loading = RLock()
        self.used = False
        _all.add(self)


_all: WeakSet[Shared] = WeakSet()


def copy(ctx: Shared, function: Any, *arguments: Any) -> Any:
    """What `function` returns, which copies the settings of `ctx`."""
    with ctx.copying:
        ctx.used = True
        return function(*arguments)


def replace(ctx: Shared, function: Any, *arguments: Any) -> Any:
    """What `function` returns for the `SSL_CTX*` and `arguments`; it replaces settings."""
    with _Held() as held:
        held.take(ctx.copying)
        if not ctx.used:
            return function(ctx.ptr, *arguments)
        held.take(_changing)
        for reference in connections.valuerefs():
            connection = reference()
            if connection is not None and connection.ctx is ctx:
                held.take(connection._lock)
        return function(ctx.ptr, *arguments)


class _Held(IOBase):
    """Locks that are let go of at the end of a `with`, whatever interrupts it.

    A signal's exception comes up between two lines of Python, as in the midst of a `finally`: so a
    lock is taken and noted, and all are let go of, by one call of C each. `IOBase` has in C an
    `__exit__`, which calls `close`. A plain `with` may lose what it has taken (CPython 3.8, 3.14).
    """

    def __init__(self) -> None:
        self._locks: list[Any] = []
        let_go = map(type(_changing).release, self._locks)
        self.close = partial(deque, let_go, 0)  # type: ignore[method-assign,assignment]  # in C

    def take(self, lock: Any) -> None:
        """Wait for `lock`, but not for whoever is `outside` with it."""
        before = len(self._locks)
        while lock not in _outside and len(self._locks) == before:
            self._locks.extend(compress((lock,), map(lock.acquire, (True,), (_PATIENCE,))))


def register(address: int, connection: Any) -> None:
    """Let it be among those that stand still while a setting is replaced."""
    with _changing:
        connections[address] = connection


def set_lock(connection: Any, lock: Any) -> None:
    """Have the calls of `connection` under another lock from now on."""
    with _changing:
        connection._lock = lock


def outside(lock: Any, function: Any, *arguments: Any) -> Any:
    """What `function` returns, called while the thread has `lock`, a connection's.

    It is no call of OpenSSL on that connection. Such a call is begun or gone on with afterwards,
    and not while a setting is being replaced.
    """
    before = _outside.count(lock)
    interruption: BaseException | None = None
    try:
        _outside.append(lock)
        return function(*arguments)
    finally:
        # Whatever interrupts the wait: to go on without is to read what is being freed
        while True:
            try:
                if _outside.count(lock) <= before:
                    break
                with _Held() as held:
                    held.take(_changing)
                    _outside.remove(lock)
            except BaseException as error:  # noqa: BLE001  # raised below
                interruption = error
        if interruption is not None:
            raise interruption


def _after_fork() -> None:
    global _changing  # noqa: PLW0603  # a thread that the child does not have may hold it
    _changing = RLock()
    for handle in list(_all):
        handle.copying = RLock()
        handle.loading = RLock()
    # Let the child close what it has, whatever other threads were about
    renewed: dict[Any, Any] = {}
    for connection in list(connections.values()):
        connection._renew_locks(renewed)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
