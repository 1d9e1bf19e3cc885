"""Who owns a C object: a handle, which frees it exactly once or gives it away."""

from __future__ import annotations

import sys

from ._arguments import pointer
from ._queue import from_queue
from ._types import Any, Callable, ClassVar


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
        self.ptr = pointer(address)

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
