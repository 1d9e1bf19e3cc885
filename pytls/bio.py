"""`MemoryBIO`: the bytes between a TLS connection and a transport of the program's own."""

from __future__ import annotations

from threading import RLock

from . import _libcrypto as C
from ._arguments import INT_MAX, RECORD, Buffer, Record, c_int, fresh, readable, spare
from ._handle import Handle
from ._libcrypto import BIO_ctrl_pending, BIO_read, BIO_write
from ._types import Any
from .errors import SSLError


class BIO(Handle):
    """Own a `BIO*`."""

    __slots__ = ()
    _free = staticmethod(C.BIO_free)


class MemoryBIO:
    """A buffer of bytes that grows as needed, first in, first out.

    Source: `ssl.MemoryBIO`; BIO_s_mem(3).
    """

    __slots__ = (
        "__weakref__",
        "_bulky",
        "_drained",
        "_handle",
        "_lock",
        "_paired",
        "_ptr",
        "_shared",
        "_write_eof",
    )

    _bulky: bool
    _drained: bool
    _handle: BIO
    _lock: Any
    _paired: bool
    _ptr: Any
    _shared: bool
    _write_eof: bool

    def __new__(cls) -> MemoryBIO:
        """Empty."""
        self = super().__new__(cls)
        self._handle = BIO(C.BIO_new(C.BIO_s_mem()))
        self._ptr = self._handle.ptr
        self._write_eof = False
        # Whether more than one record was read at once
        self._bulky = False
        # Whether a connection has found nothing in it and nothing was written to it since
        self._drained = False
        # A connection reads and writes it with the interpreter's lock released
        self._lock = RLock()
        self._shared = False
        # Whether a connection writes what another one reads
        self._paired = False
        return self

    @property
    def pending(self) -> int:
        """How many bytes are in the buffer. Source: `ssl.MemoryBIO.pending`."""
        with self._lock:
            return int(BIO_ctrl_pending(self._ptr))

    @property
    def eof(self) -> bool:
        """Whether the buffer is empty and `write_eof` was called. Source: `ssl.MemoryBIO.eof`."""
        return self._write_eof and not self.pending

    def read(self, size: int = -1, /) -> bytes:
        """Take up to `size` bytes out of the buffer; all of them when it is negative.

        :returns: the bytes; ``b""`` when there are none.

        Source: `ssl.MemoryBIO.read`; BIO_read(3).
        """
        if size != -1:
            size = c_int(size)
        if size < 0:
            size = INT_MAX
        with self._lock:
            if self._bulky:
                data = self._all(size)
                self._bulky = len(data) > RECORD
                return data
            # The array is larger than most of what is here: one call, one copy
            try:
                record = spare.pop()
            except IndexError:
                record = Record()
            count = BIO_read(self._ptr, record, size if size < RECORD else RECORD)
            data = record[:count] if count > 0 else b""
            spare.append(record)
            if count == RECORD and size > RECORD:
                self._bulky = True
                data += self._all(size - RECORD)
            return data

    def _all(self, size: int) -> bytes:
        """Up to `size` bytes, without a copy of them in between."""
        size = min(size, BIO_ctrl_pending(self._ptr))
        if not size:
            return b""
        room = fresh(None, size)
        data: bytes = room[: BIO_read(self._ptr, room, size)]
        return data

    def write(self, b: Buffer, /) -> int:
        """Append the bytes-like `b`.

        :returns: how many bytes were written: all of them.
        :raises SSLError: after `write_eof`.

        Source: `ssl.MemoryBIO.write`; BIO_write(3).
        """
        data, size = (b, len(b)) if type(b) is bytes else readable(b)
        if size > INT_MAX:
            raise OverflowError(f"string longer than {INT_MAX} bytes")
        with self._lock:
            if self._write_eof:
                raise SSLError("cannot write() after write_eof()")
            if not size:
                return 0
            self._drained = False
            count = BIO_write(self._ptr, data, size)
        if count < 0:
            raise MemoryError("BIO_write failed")
        return size

    def write_eof(self) -> None:
        """Say that nothing more will be written; `eof` is true once all has been read.

        Source: `ssl.MemoryBIO.write_eof`; BIO_set_mem_eof_return(3).
        """
        with self._lock:
            self._write_eof = True
            self._drained = False
            C.BIO_set_mem_eof_return(self._ptr, 0)

    def __reduce__(self) -> str:
        raise TypeError("cannot pickle '_ssl.MemoryBIO' object")

    def _share_lock(self, other: MemoryBIO, lock: Any) -> Any:
        """The lock of a connection that uses both, from now on also theirs.

        Two connections may speak through the same pair, each reading what the other writes.
        """
        for bio in (self, other):
            bio._paired = bio._paired or bio._shared or self is other
            bio._drained = False
        if self._shared and other._shared and self._lock is not other._lock:
            return _Both(self._lock, other._lock)
        if self._shared:
            lock = self._lock
        elif other._shared:
            lock = other._lock
        for bio in (self, other):
            with bio._lock:
                bio._lock = lock
                bio._shared = True
        return lock


class _Both:
    """Two locks as one, always taken in the same order."""

    __slots__ = ("_first", "_second")

    def __init__(self, one: Any, other: Any) -> None:
        self._first, self._second = sorted((one, other), key=id)

    def __enter__(self) -> None:
        self._first.__enter__()
        self._second.__enter__()

    def __exit__(self, *error: object) -> None:
        self._second.__exit__(*error)
        self._first.__exit__(*error)


def renew(lock: Any, renewed: dict[Any, Any]) -> Any:
    """`lock` or, when a thread holds it that a fork has left behind, another in its place.

    :param renewed: what came in the place of which; the same for all that may share a lock.
    """
    if isinstance(lock, _Both):
        return _Both(renew(lock._first, renewed), renew(lock._second, renewed))
    if lock.acquire(blocking=False):
        lock.release()
        return lock
    return renewed.setdefault(lock, RLock())
