"""Python values on their way into C: range-checked ints, buffers, file names.

A wrong value raises here, as `ssl` does for it, so that nothing unchecked reaches a C function.
"""

from __future__ import annotations

import os
from ctypes import addressof, byref, c_char, c_ssize_t, c_void_p, py_object
from operator import index

from . import _python as python
from ._types import Any, Union

Buffer = Union[bytes, bytearray, memoryview]

INT_MAX = 0x7FFFFFFF

RECORD = 16384
"""The most plaintext that one TLS record carries, in bytes. RFC 8446 §5.1"""

RECORD_SIZE = c_ssize_t(RECORD)

ENCRYPTED = RECORD + 2048 + 5
"""The most bytes that one record is when encrypted. RFC 5246 §6.2.3"""

SHORT = 4096
"""Up to so many bytes, a call keeps the interpreter's lock (benchmark ping-busy)."""

Record = c_char * ENCRYPTED
"""A C array with room for any record."""

pointer = c_void_p.from_param
"""An address as C takes it; a `c_void_p` would be turned into one of these at every call."""


def array() -> tuple[Any, Any]:
    """A new `Record`, and its address as C takes it."""
    record = Record()
    return record, byref(record)


spare: list[tuple[Any, Any]] = []
"""Records that nobody uses now: each call takes one and puts it back, so there are few."""

_SMALL = 2048

address = (c_char * 0).from_buffer
"""A writable buffer's memory as a C pointer, which keeps the buffer from being resized."""


def let_go(pointer: Any) -> None:
    """Free the buffer behind an `address`, which nobody will use any more.

    An exception's traceback keeps the pointer, and with it the buffer's size.
    """
    view = getattr(pointer, "_objects", None)  # bytes have none
    if isinstance(view, memoryview):
        view.release()


try:
    from ctypes import pythonapi
except ImportError:  # not CPython

    def fresh(_: None, size: Any) -> Any:
        """Room for a `c_ssize_t` of bytes, for C to fill; what it has written is a slice of it."""
        return (c_char * size.value)()

    start = addressof
else:
    # A bytes object that nobody has seen yet: what fills it is not copied
    fresh = pythonapi.PyBytes_FromStringAndSize
    fresh.restype = py_object  # and no argtypes, which cost more than all the rest
    # Where such bytes begin
    start = pythonapi.PyBytes_AsString
    start.argtypes, start.restype = (py_object,), c_void_p


def c_int(value: Any) -> int:
    """`value` as a C int.

    :raises TypeError: it is no integer.
    :raises OverflowError: it does not fit.
    """
    if type(value) is not int:
        value = int(index(value))  # a subclass may compare as it likes
    if not -INT_MAX - 1 <= value <= INT_MAX:
        raise OverflowError("Python int too large to convert to C int")
    return value  # type: ignore[no-any-return]  # an int by now


def c_unsigned(value: Any, bits: int) -> int:
    """`value` as a C unsigned integer of `bits`.

    :raises TypeError: it is no integer.
    :raises ValueError: it is negative; OverflowError before Python 3.14.
    :raises OverflowError: it does not fit.
    """
    if not isinstance(value, int):
        raise TypeError(f"argument must be int, not {type(value).__name__}")
    number = int(value)
    if number < 0:
        raise python.NEGATIVE("Cannot convert negative int")
    if number >> bits:
        raise OverflowError("int too big to convert")
    return number


def as_bytes(data: Any) -> bytes:
    """The bytes of anything bytes-like and contiguous.

    :raises TypeError: it is not bytes-like.
    :raises BufferError: it is not contiguous.
    """
    if type(data) is bytes:  # `__class__` may be anything
        return data
    if type(data) is memoryview and data.c_contiguous:  # as asyncio gives them
        return data.tobytes()
    return bytes(flat(data))


def readable(data: Any) -> tuple[Any, int]:
    """The memory of anything bytes-like and contiguous: what C takes for it, and its size.

    A read-only buffer other than bytes is copied, and so is a small one: it costs less than to
    keep the caller's from being resized.

    :raises TypeError: it is not bytes-like.
    :raises BufferError: it is not contiguous.
    """
    if type(data) is bytes:
        return data, len(data)
    view = flat(data)
    if view.readonly or view.nbytes <= _SMALL:
        return bytes(view), view.nbytes
    return address(view), view.nbytes


def writable(buffer: Any) -> memoryview:
    """The writable bytes of `buffer`.

    :raises TypeError: it is not bytes-like, not contiguous, released, or read-only.
    """
    try:
        view = flat(buffer, "a read-write bytes-like object is required")
    except (BufferError, ValueError) as error:
        raise TypeError(str(error)) from None
    if view.readonly:
        raise TypeError(
            f"a read-write bytes-like object is required, not '{type(buffer).__name__}'"
        )
    return view


def is_plain(view: memoryview) -> bool:
    """Whether C may write into all of the view as it is."""
    try:
        return view.c_contiguous and not view.readonly
    except ValueError:  # released
        return False


def flat(buffer: Any, wanted: str = "a bytes-like object is required") -> memoryview:
    """The bytes of a contiguous buffer, whatever its items.

    :raises TypeError: it is no buffer; `wanted` tells what one should have given.
    :raises BufferError: it is not contiguous.
    :raises ValueError: it is released.
    """
    try:
        view = memoryview(buffer)
    except TypeError:
        raise TypeError(f"{wanted}, not '{type(buffer).__name__}'") from None
    if not view.c_contiguous:
        raise BufferError("memoryview: underlying buffer is not C-contiguous")
    return view if view.format == "B" and view.ndim == 1 else _cast(view)


def _cast(view: memoryview) -> memoryview:
    # An empty view of several dimensions cannot be cast
    return view.cast("B") if view.nbytes else memoryview(b"" if view.readonly else bytearray())


def path(value: Any, name: str) -> bytes:
    """A file name as the bytes that C takes.

    :param value: str, bytes or os.PathLike.
    :param name: the argument's, for the message.
    :raises TypeError: `value` is something else.
    :raises ValueError: it holds a NUL.
    """
    try:
        encoded = os.fsencode(value)
    except TypeError:
        raise TypeError(f"{name} should be a valid filesystem path") from None
    if b"\0" in encoded:
        raise ValueError("embedded null byte")
    return encoded


def text(value: Any, function: str) -> bytes:
    """A str argument of `function` as the NUL-terminated bytes that C takes.

    :raises TypeError: `value` is no str.
    :raises ValueError: it holds a NUL.
    """
    if not isinstance(value, str):
        raise TypeError(f"{function}() argument must be str, not {type(value).__name__}")
    encoded = str.encode(value, "utf-8")
    if b"\0" in encoded:
        raise ValueError("embedded null character")
    return encoded
