"""OpenSSL 1.0.2 where no call keeps the interpreter's lock: one call at a time all the same.

It is thread-safe only with locking callbacks, and one in Python deadlocks when the garbage
collector enters it again. No call waits for a peer, so one lock around each call does. Who is
called back lets others have their turn meanwhile, as with the interpreter's lock.
"""

from __future__ import annotations

import os
from _thread import RLock

from ._types import Any, Callable

_turn: Any = RLock()


class InTurn:
    """The C function `function`, called while no other is; as an argument, itself."""

    __slots__ = ("_as_parameter_",)

    def __init__(self, function: Any, /) -> None:
        self._as_parameter_ = function

    def __call__(self, *arguments: Any) -> Any:
        with _turn:
            return self._as_parameter_(*arguments)


def aside(function: Callable[..., Any], /) -> Callable[..., Any]:
    """`function`, for C to call back, without the turn of the call that has led there."""

    def called_back(*arguments: Any) -> Any:
        turns = _turn._release_save()
        try:
            return function(*arguments)
        finally:
            _turn._acquire_restore(turns)

    return called_back


def _after_fork() -> None:
    global _turn  # noqa: PLW0603  # a thread that the child does not have may hold it
    _turn = RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
