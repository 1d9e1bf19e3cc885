"""The exception classes: the interpreter's own where it has them, else the same hierarchy.

So an `except ssl.SSLError` anywhere in a program also catches what pytls raises. The classes say
`__module__ == "ssl"` in both cases, as everybody knows them by that name.
"""

from __future__ import annotations

from ._types import Any

# The interpreter's extension modules come before pytls opens a libcrypto: glibc binds a library
# by its soname, and an older libcrypto.so.3 that is already there makes a later `import ssl` or
# `import hashlib` fail for want of a symbol version. Both are of one build: `_ssl` comes for both.
try:
    from _ssl import (
        SSLCertVerificationError,
        SSLEOFError,
        SSLError,
        SSLSyscallError,
        SSLWantReadError,
        SSLWantWriteError,
        SSLZeroReturnError,
    )
except ImportError:
    try:
        import _hashlib  # noqa: F401
    except ImportError:
        pass

    # no-redef: for mypy there is always an `_ssl`, and its classes are the types of these names.

    class SSLError(OSError):  # type: ignore[no-redef]
        """TLS failed, or an operation on its objects did.

        `errno` and `strerror` are the two arguments. What OpenSSL's error queue told stands in
        `library` (such as ``"SSL"``) and `reason` (a mnemonic, such as ``"NO_SHARED_CIPHER"``),
        attributes which an instance has only once they were set.

        Source: `ssl.SSLError`.
        """

        __module__ = "ssl"

        def __str__(self) -> str:
            """The message alone, without the number, when there is one."""
            return self.strerror if isinstance(self.strerror, str) else str(self.args)

        def __reduce__(self) -> tuple[Any, ...]:
            """Pickle by way of this module: here nobody can import `ssl`."""
            cls = type(self)
            _, args, *state = tuple(super().__reduce__())
            if cls.__module__ == "ssl":
                return (_rebuild, (cls.__name__, *args), *state)
            return (cls, args, *state)

    class SSLZeroReturnError(SSLError):  # type: ignore[no-redef]
        """The peer has closed TLS in order (close_notify); the transport may still be open.

        Source: `ssl.SSLZeroReturnError`; RFC 8446 §6.1.
        """

        __module__ = "ssl"

    class SSLWantReadError(SSLError):  # type: ignore[no-redef]
        """Without waiting, nothing goes on until more can be read from the transport.

        Source: `ssl.SSLWantReadError`.
        """

        __module__ = "ssl"

    class SSLWantWriteError(SSLError):  # type: ignore[no-redef]
        """Without waiting, nothing goes on until more can be written to the transport.

        Source: `ssl.SSLWantWriteError`.
        """

        __module__ = "ssl"

    class SSLSyscallError(SSLError):  # type: ignore[no-redef]
        """The operating system reported an error while TLS was doing its work.

        Source: `ssl.SSLSyscallError`.
        """

        __module__ = "ssl"

    class SSLEOFError(SSLError):  # type: ignore[no-redef]
        """The transport ended without the peer having closed TLS (no close_notify).

        Source: `ssl.SSLEOFError`.
        """

        __module__ = "ssl"

    class SSLCertVerificationError(SSLError, ValueError):  # type: ignore[no-redef]
        """The peer's certificate was not accepted.

        When OpenSSL refused it, `verify_code` is the X509_V_ERR number and `verify_message` the
        sentence for it.

        Source: `ssl.SSLCertVerificationError`; X509_STORE_CTX_get_error(3).
        """

        __module__ = "ssl"


CertificateError = SSLCertVerificationError
"""The name that Python 3.2 to 3.6 gave to a certificate for another host."""

socket_error = OSError
"""What `socket.error` is since Python 3.3; `ssl` still has the name."""

__all__ = [
    "CertificateError",
    "SSLCertVerificationError",
    "SSLEOFError",
    "SSLError",
    "SSLSyscallError",
    "SSLWantReadError",
    "SSLWantWriteError",
    "SSLZeroReturnError",
    "socket_error",
]


def _rebuild(name: str, *args: object) -> SSLError:
    """Unpickle one of these exceptions, also where the class is the interpreter's own."""
    error: SSLError = globals()[name](*args)
    return error
