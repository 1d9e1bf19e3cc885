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
    with ctx.copying:
        if not ctx.used:
            return function(ctx.ptr, *arguments)
        held: list[Any] = []
        with _changing:
            try:
                for reference in connections.valuerefs():
                    connection = reference()
                    if connection is not None and connection.ctx is ctx:
                        _hold(connection._lock, held)
                return function(ctx.ptr, *arguments)
            finally:
                for lock in held:
                    lock.release()


def _hold(lock: Any, held: list[Any]) -> None:
    while lock not in _outside:
        if lock.acquire(timeout=_PATIENCE):
            held.append(lock)
            return


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
    _outside.append(lock)
    try:
        return function(*arguments)
    finally:
        with _changing:
            _outside.remove(lock)


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
