"""`MemoryBIO`: the bytes between a TLS connection and a transport of the program's own."""

from __future__ import annotations

from _thread import RLock
from collections import deque
from ctypes import c_ssize_t

from . import _libcrypto as C
from ._arguments import (
    ENCRYPTED,
    INT_MAX,
    RECORD,
    SHORT,
    Buffer,
    array,
    as_bytes,
    c_int,
    fresh,
    pointer,
    spare,
)
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

    # What a program writes waits in Python until OpenSSL reads, and what OpenSSL writes until the
    # program does: neither waits for the other's lock (benchmark bio-64).

    __slots__ = (
        "__weakref__",
        "_dry",
        "_handle",
        "_large",
        "_late",
        "_lock",
        "_pieces",
        "_ptr",
        "_source",
        "_write_eof",
    )

    _dry: bool
    _handle: BIO | None
    _large: bool
    _late: int
    _lock: Any
    _pieces: deque[Any]
    _ptr: Any
    _source: tuple[BIO, Any, Any] | None
    _write_eof: bool

    def __new__(cls) -> MemoryBIO:
        """Empty."""
        self = super().__new__(cls)
        #: what OpenSSL has not been handed, bytes or views of them
        self._pieces = deque()
        self._write_eof = False
        #: what OpenSSL was handed, as soon as a connection reads from here
        self._handle = None
        #: of who takes bytes out; also the lock of the connection that does
        self._lock = RLock()
        #: whether OpenSSL has read all that it was handed, and will only want more
        self._dry = False
        #: whether more than one large record may be there
        self._large = False
        #: where a connection leaves bytes for it, as handle and pointer, and that one's lock;
        #: about how many, 0: none
        self._source = None
        self._late = 0
        return self

    @property
    def pending(self) -> int:
        """How many bytes are in the buffer. Source: `ssl.MemoryBIO.pending`."""
        late = 0
        if self._late:
            # Left where it is: asyncio asks after each write (benchmark asyncio-send)
            _, out, lock = self._source  # type: ignore[misc]  # who leaves something has set it
            with lock:
                late = int(BIO_ctrl_pending(out))
        elif self._dry and not self._pieces:
            return 0
        with self._lock:
            handed = BIO_ctrl_pending(self._ptr) if self._handle is not None else 0
            return late + int(handed) + sum(map(len, self._pieces.copy()))

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
        pieces = self._pieces
        if self._late:
            if size < 0 and not pieces:
                return self._take_late()
            self._fetch()
        if not pieces and (self._dry or self._handle is None):
            return b""
        with self._lock:
            if size < 0:
                if len(pieces) == 1 and self._handle is None:
                    return as_bytes(pieces.popleft())
                size = INT_MAX
            taken: list[Any] = self._take_back(size) if self._handle is not None else []
            while pieces:
                piece = pieces.popleft()
                if len(piece) > size:
                    view = memoryview(piece)
                    pieces.appendleft(view[size:])
                    taken.append(view[:size])
                    break
                taken.append(piece)
                size -= len(piece)
            return b"".join(taken)  # of one, that one

    def write(self, b: Buffer, /) -> int:
        """Append the bytes-like `b`.

        :returns: how many bytes were written: all of them.
        :raises SSLError: after `write_eof`.

        Source: `ssl.MemoryBIO.write`; BIO_write(3).
        """
        data = b if type(b) is bytes else as_bytes(b)
        size = len(data)
        if size > INT_MAX:
            raise OverflowError(f"string longer than {INT_MAX} bytes")
        if self._write_eof:
            raise SSLError("cannot write() after write_eof()")
        if size:
            if self._late:
                self._fetch()
            self._pieces.append(data)
            if size > RECORD * 2:
                self._large = True
        return size

    def write_eof(self) -> None:
        """Say that nothing more will be written; `eof` is true once all has been read.

        Source: `ssl.MemoryBIO.write_eof`; BIO_set_mem_eof_return(3).
        """
        with self._lock:
            self._write_eof = True
            self._tell_eof()

    def __reduce__(self) -> str:
        raise TypeError("cannot pickle '_ssl.MemoryBIO' object")

    def _fetch(self) -> None:
        """Take over what a connection has left."""
        _, _, lock = self._source  # type: ignore[misc]  # who leaves something has set it
        with lock:
            data = self._take_late()
            if data:
                self._pieces.append(data)

    def _take_late(self) -> bytes:
        """What a connection has left: not a copy before it is wanted (benchmark bio-bulk)."""
        _, out, lock = self._source  # type: ignore[misc]  # who leaves something has set it
        with lock:
            late, self._late = self._late, 0
            return read_short(out) if late <= SHORT else drain(out, INT_MAX)

    # --- OpenSSL's side; who calls has the lock

    def _hand_over(self) -> Any:
        """The `BIO*` that OpenSSL reads; what is written from now on is for `_feed`."""
        with self._lock:
            if self._handle is None:
                handle = BIO(C.BIO_new(C.BIO_s_mem()))
                self._ptr = pointer(handle.ptr.value)
                self._handle = handle
            self._tell_eof()
        if self._late:
            self._fetch()
        return self._ptr

    def _tell_eof(self) -> None:
        self._dry = False
        if self._write_eof and self._handle is not None:
            C.BIO_set_mem_eof_return(self._handle.ptr, 0)

    def _feed(self) -> None:
        """Hand OpenSSL what was written since."""
        pieces = self._pieces
        ptr = self._ptr
        self._dry = False
        while pieces:
            piece = pieces[0]
            if type(piece) is not bytes:
                piece = as_bytes(piece)
            if BIO_write(ptr, piece, len(piece)) < 0:
                raise MemoryError("BIO_write failed")
            pieces.popleft()

    def _take_back(self, size: int) -> list[bytes]:
        """What OpenSSL was handed and has not read, all or `size` bytes; `_feed` comes first."""
        self._feed()
        return [drain(self._ptr, size)]


def read_short(ptr: Any) -> bytes:
    """All that is in a `BIO*`, best when it is little."""
    try:
        pair = spare.pop()
    except IndexError:
        pair = array()
    record, room = pair
    count = BIO_read(ptr, room, ENCRYPTED)
    data: bytes = record[:count] if count > 0 else b""
    spare.append(pair)
    return data if count < ENCRYPTED else data + drain(ptr, INT_MAX)


def drain(ptr: Any, size: int) -> bytes:
    """Up to `size` bytes out of a `BIO*`, copied once."""
    size = min(size, BIO_ctrl_pending(ptr))
    if not size:
        return b""
    room = fresh(None, c_ssize_t(size))
    count = BIO_read(ptr, room, size)
    # A signal's handler may have taken all of it: then the room was never filled
    data: bytes = room[:count] if count > 0 else b""
    return data


def renew(lock: Any, renewed: dict[Any, Any]) -> Any:
    """`lock` or, when a thread holds it that a fork has left behind, another in its place.

    :param renewed: what came in the place of which; the same for all that may share a lock.
    """
    if lock.acquire(blocking=False):
        lock.release()
        return lock
    return renewed.setdefault(lock, RLock())
