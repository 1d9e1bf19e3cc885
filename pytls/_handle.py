"""Who owns a C object: a handle, which frees it exactly once or gives it away."""

from __future__ import annotations

import sys
from ctypes import c_void_p, py_object
from os import environ

from ._queue import from_queue
from ._types import Any, Callable, ClassVar

try:
    from ctypes import pythonapi
except ImportError:  # not CPython: who refers to what is finalized before it

    def _untrack(_: Any) -> None: ...
else:
    _untrack = pythonapi["PyObject_GC_UnTrack"]
    _untrack.argtypes, _untrack.restype = (py_object,), None


class Handle:
    """Own one C object.

    OpenSSL's own infix decides who does: what comes from `new`, `get1`, `dup` or `d2i` is wrapped
    at once; `get0` is an address used within the statement; to `set0` the handle gives it away.

    :raises SSLError: `address` is NULL; the error queue tells why.
    """

    __slots__ = ("__weakref__", "ptr")

    _free: ClassVar[Any]  # the C function that frees it
    ptr: Any

    def __init__(self, address: int | None) -> None:
        if not address:
            self.ptr = None
            raise from_queue()
        self.ptr = c_void_p(address)
        # The garbage collector finalizes a cycle's objects in any order: one of the program's may
        # still use this. Unseen, it is freed after all of them, by who holds it
        _untrack(self)

    def give(self) -> Any:
        """The address, for a C function that takes the object over; the handle is empty then."""
        ptr, self.ptr = self.ptr, None
        return ptr

    def __reduce__(self) -> str:
        # A copy would free the object a second time
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def __del__(self, _is_finalizing: Callable[[], bool] = sys.is_finalizing) -> None:
        # At exit other threads may still be inside the library, and the process frees it all
        if getattr(self, "ptr", None) is not None and not _is_finalizing():
            self._free(self.give())


made: dict[str, int] | None = None
"""In debug mode, which the environment's PYTLS_DEBUG asks for: how many handles, by their class."""

alive: dict[tuple[str, int], int] = {}
"""In debug mode: those that have not been given back yet, by class and address."""


def _count() -> None:
    """Count what is made and what is given back.

    :raises AssertionError: from then on, when something is given back that is not there.
    """
    global made  # noqa: PLW0603  # as its text says
    from _thread import RLock

    counts = made = {}
    lock = RLock()
    make, give = Handle.__init__, Handle.give

    def counted(self: Handle, address: int | None) -> None:
        make(self, address)
        name = type(self).__name__
        with lock:
            counts[name] = counts.get(name, 0) + 1
            key = name, self.ptr.value
            alive[key] = alive.get(key, 0) + 1

    def counted_back(self: Handle) -> Any:
        with lock:
            ptr = give(self)
            key = type(self).__name__, ptr and ptr.value
            left = alive.pop(key, 0) - 1
            if left < 0:
                raise AssertionError(f"{key} is given back, and is not there")
            if left:
                alive[key] = left
        return ptr

    Handle.__init__, Handle.give = counted, counted_back  # type: ignore[method-assign]  # on purpose


if environ.get("PYTLS_DEBUG"):
    _count()
