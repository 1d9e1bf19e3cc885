"""The RAND functions: OpenSSL's random numbers."""

from __future__ import annotations

import warnings
from ctypes import create_string_buffer

from . import _libcrypto as C
from . import _python as python
from ._arguments import INT_MAX, as_bytes, c_int, path
from ._features import OPENSSL_VERSION
from ._queue import from_queue
from ._types import Any
from .errors import SSLError

_EGD_MOST = 255  # bytes that a daemon can be asked for


def RAND_status() -> bool:
    """Whether the generator has been seeded with enough randomness.

    Source: `ssl.RAND_status`; RAND_status(3).
    """
    return bool(C.RAND_status())


def RAND_bytes(n: int, /) -> bytes:
    """`n` cryptographically strong random bytes.

    :raises ValueError: `n` is negative.
    :raises SSLError: the generator has failed.

    Source: `ssl.RAND_bytes`; RAND_bytes(3).
    """
    n = c_int(n)
    if n < 0:
        raise ValueError("num must be positive")
    if n == 0:
        return b""
    room = create_string_buffer(n)
    if C.RAND_bytes(room, n) != 1:
        raise from_queue()
    return room.raw


def RAND_pseudo_bytes(n: int, /) -> tuple[bytes, bool]:
    """Strong random bytes and True; the weak kind is gone from OpenSSL 1.1.0 on.

    Source: `ssl.RAND_pseudo_bytes`, deprecated since Python 3.6.
    """
    if python.SIDES:
        warnings.warn("ssl.RAND_pseudo_bytes() is deprecated", DeprecationWarning, stacklevel=2)
    return RAND_bytes(n), True


def RAND_add(string: str | bytes | bytearray | memoryview, entropy: Any, /) -> None:
    """Mix `string` into the generator.

    :param string: bytes-like, or a str, which counts as UTF-8.
    :param entropy: how many bytes of randomness `string` holds at least; 0.0 is always right.

    Source: `ssl.RAND_add`; RAND_add(3); RFC 4086.
    """
    data = str.encode(string) if isinstance(string, str) else as_bytes(string)
    if isinstance(entropy, (str, bytes, bytearray)):  # which float() would parse
        raise TypeError(f"must be real number, not {type(entropy).__name__}")
    amount = float(entropy)
    for start in range(0, max(len(data), 1), INT_MAX):
        part = data[start : start + INT_MAX]
        C.RAND_add(part, len(part), amount)


def RAND_egd(path_: Any, /) -> int:
    """Seed the generator from an entropy-gathering daemon.

    :param path_: the daemon's socket.
    :returns: how many bytes were read, 255 at most.
    :raises SSLError: nothing could be read from there.
    :raises NotImplementedError: the library has none since OpenSSL 1.1.0, whose generator seeds
        itself from the operating system.

    Source: `ssl.RAND_egd` of Python 3.2 to 3.11; RAND_query_egd_bytes(3).
    """
    socket = path(path_, "path")
    if not C.RAND_query_egd_bytes:
        raise NotImplementedError(
            f"RAND_egd is gone since OpenSSL 1.1.0, which seeds itself; found {OPENSSL_VERSION}"
        )
    room = create_string_buffer(_EGD_MOST)
    # It waits for the daemon: the generator is not touched until it has answered
    count = int(C.RAND_query_egd_bytes(socket, room, _EGD_MOST))
    if count > 0:
        C.RAND_add(room, count, float(count))
    else:
        raise SSLError("EGD connection failed or EGD did not return enough data to seed the PRNG")
    return count
