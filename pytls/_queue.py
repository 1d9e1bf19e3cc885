"""OpenSSL's error queue, turned into an exception."""

from __future__ import annotations

import os

from ._features import HAS_EOF_REASON, NEW_ERROR_CODES
from ._libcrypto import (
    ERR_clear_error,
    ERR_peek_last_error,
    ERR_reason_error_string,
    X509_verify_cert_error_string,
)
from ._libssl import SSL_get_verify_result
from ._types import Any, TypeVar
from .constants import SSLErrorNumber
from .errors import (
    SSLCertVerificationError,
    SSLEOFError,
    SSLError,
    SSLSyscallError,
    SSLWantReadError,
    SSLWantWriteError,
    SSLZeroReturnError,
)

_ERR_LIB_SYS = 2
_ERR_LIB_SSL = 20
_ERR_SYSTEM_FLAG = 0x80000000
_SSL_R_CERTIFICATE_VERIFY_FAILED = 134
_SSL_R_UNEXPECTED_EOF_WHILE_READING = 294
_X509_V_ERR_HOSTNAME_MISMATCH = 62
_X509_V_ERR_IP_ADDRESS_MISMATCH = 64

# What SSL_get_error(3) tells when the queue has nothing to add: class and message
_PLAIN: dict[int, tuple[type[SSLError], str]] = {
    SSLErrorNumber.SSL_ERROR_ZERO_RETURN: (
        SSLZeroReturnError,
        "TLS/SSL connection has been closed (EOF)",
    ),
    SSLErrorNumber.SSL_ERROR_WANT_READ: (
        SSLWantReadError,
        "The operation did not complete (read)",
    ),
    SSLErrorNumber.SSL_ERROR_WANT_WRITE: (
        SSLWantWriteError,
        "The operation did not complete (write)",
    ),
    SSLErrorNumber.SSL_ERROR_WANT_X509_LOOKUP: (
        SSLError,
        "The operation did not complete (X509 lookup)",
    ),
    SSLErrorNumber.SSL_ERROR_WANT_CONNECT: (
        SSLError,
        "The operation did not complete (connect)",
    ),
    SSLErrorNumber.SSL_ERROR_SYSCALL: (SSLSyscallError, "Some I/O error occurred"),
    SSLErrorNumber.SSL_ERROR_SSL: (SSLError, "A failure in the SSL library occurred"),
}


_E = TypeVar("_E", bound=SSLError)


def split(packed: int) -> tuple[int, int]:
    """`packed` as (library, reason). ERR_GET_LIB(3)"""
    if not NEW_ERROR_CODES:
        return packed >> 24 & 0xFF, packed & 0xFFF
    if packed & _ERR_SYSTEM_FLAG:
        return _ERR_LIB_SYS, packed & 0x7FFFFFFF
    return packed >> 23 & 0xFF, packed & 0x7FFFFF


def pack(library: int, reason: int) -> int:
    """The code that `split` takes apart. ERR_PACK(3)"""
    return library << (23 if NEW_ERROR_CODES else 24) | reason


APPLICATION_DATA_AFTER_CLOSE_NOTIFY = pack(_ERR_LIB_SSL, 291)
"""What SSL_shutdown(3) says to data that was not read before it; since 1.1.1."""


def take() -> int:
    """The newest entry's code, 0 when there is none; the queue is empty afterwards."""
    packed: int = ERR_peek_last_error()
    if packed:
        ERR_clear_error()
    return packed


def reason_text(packed: int) -> str:
    """OpenSSL's sentence for `packed`, for people only: it changes between releases."""
    text: bytes | None = ERR_reason_error_string(packed)
    if text is None:
        return f"unknown error (0x{packed:x})" if packed else "unknown error"
    return text.decode("ascii", "replace")


def from_queue(kind: type[SSLError] = SSLError) -> SSLError:
    """The exception for a call that failed and is no input or output of a connection.

    Its `errno` is the reason's number, as in `ssl`.
    """
    packed = take()
    return _describe(kind, split(packed)[1], packed, reason_text(packed))


def from_ssl(code: int, ret: int, packed: int, c_errno: int, connection: Any = None) -> OSError:
    """The exception for a `SSL_*` call that failed on a connection.

    :param code: what SSL_get_error(3) told.
    :param ret: what the call returned.
    :param packed: the newest entry of the error queue, or 0.
    :param c_errno: C's errno after the call, or 0.
    :param connection: has `ptr`, the `SSL*`, and `server_hostname`, for a certificate's refusal.
    """
    library, reason = split(packed)
    # After its end or a fatal error, a connection has nothing to add: 4.0 says SSL, others SYSCALL
    if code in (SSLErrorNumber.SSL_ERROR_SYSCALL, SSLErrorNumber.SSL_ERROR_SSL):
        if library == _ERR_LIB_SYS and reason:
            return OSError(reason, os.strerror(reason))
        if not packed or library == _ERR_LIB_SYS:  # from 3.2 on, also of a BIO that set no errno
            if ret == -1 and c_errno:
                return OSError(c_errno, os.strerror(c_errno))
            if ret in (0, -1):
                return eof()
    if packed and library == _ERR_LIB_SSL:
        if reason == _SSL_R_UNEXPECTED_EOF_WHILE_READING and HAS_EOF_REASON:
            return eof(packed)
        if reason == _SSL_R_CERTIFICATE_VERIFY_FAILED and connection is not None:
            return _refused(code, packed, connection)
    if code not in _PLAIN:
        code = SSLErrorNumber.SSL_ERROR_INVALID_ERROR_CODE
        return _describe(SSLError, code, packed, "Invalid error code")
    kind, text = _PLAIN[code]
    return _describe(kind, code, packed, reason_text(packed) if packed else text)


def eof(packed: int = 0) -> SSLError:
    """The exception for an end without close_notify. RFC 8446 §6.1"""
    text = "EOF occurred in violation of protocol"
    return _describe(SSLEOFError, SSLErrorNumber.SSL_ERROR_EOF, packed, text)


def want(code: int) -> SSLError:
    """The exception that says "not without waiting" for SSL_ERROR_WANT_READ and its kin."""
    # The plain way through `_describe`, for it is raised as often as anything (benchmark bio-64)
    kind, text = _PLAIN[code]
    error = kind(code, text)
    error.reason = error.library = None  # type: ignore[assignment]  # as `ssl` has it
    return error


def refusal(text: str, number: int = 0) -> SSLError:
    """The exception for what is refused without asking OpenSSL: of no library, for no reason."""
    return _describe(SSLError, number, 0, text)


def _refused(code: int, packed: int, connection: Any) -> SSLError:
    """The peer's certificate was refused: add X509_verify_cert's verdict."""
    verdict: int = SSL_get_verify_result(connection.ptr)
    if verdict == _X509_V_ERR_HOSTNAME_MISMATCH:
        name = connection.server_hostname
        message = f"Hostname mismatch, certificate is not valid for '{name}'."
    elif verdict == _X509_V_ERR_IP_ADDRESS_MISMATCH:
        name = connection.server_hostname
        message = f"IP address mismatch, certificate is not valid for '{name}'."
    else:
        message = X509_verify_cert_error_string(verdict).decode("ascii", "replace")
    text = f"{reason_text(packed)}: {message}"
    error = _describe(SSLCertVerificationError, code, packed, text)
    error.verify_code = verdict
    error.verify_message = message
    return error


def _describe(kind: type[_E], number: int, packed: int, text: str) -> _E:
    """An exception of `kind` with `errno`, `library` and `reason` as `ssl` fills them."""
    library: Any = None
    reason: Any = None
    if packed:
        # The table is large and few programs ever need it
        from ._reasons import names

        library, reason = names(*split(packed))
        if library and reason:
            text = f"[{library}: {reason}] {text}"
        elif library:
            text = f"[{library}] {text}"
    error = kind(int(number), text)
    error.reason = reason
    error.library = library
    return error
