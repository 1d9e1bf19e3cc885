"""What a context shows of itself: certificate, private key, Diffie-Hellman parameters."""

from __future__ import annotations

import os
from ctypes import CFUNCTYPE, c_int, get_errno, memmove, set_errno
from functools import partial

from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._arguments import path
from ._change import Shared, replace
from ._declare import aside
from ._handle import Handle
from ._queue import from_queue, take
from ._types import Any, Callable
from .bio import BIO

_PEM_BUFSIZE = 1024
"""How many bytes OpenSSL has room for, everywhere that it asks for a password. pem.h"""

# Of what C passes, a generator's `send` takes one. The size is known, the rest says nothing.
_asks = CFUNCTYPE(c_int, *libcrypto.pem_password_cb._argtypes_[:1])


class _Password:
    """A password on its way to OpenSSL: given, or asked for when it is needed."""

    __slots__ = ("_given", "error", "is_over")

    def __init__(self, password: Any) -> None:
        self._given = password
        self.error: BaseException | None = None
        self.is_over = False
        if not callable(password):
            self._encode(password, "password should be a string or callable")

    def answers(self) -> Any:
        """Takes the address that a password goes to; gives its length, or -1: there is none.

        A signal's exception comes up where Python goes on. A function would begin there, and C take
        for a length what its memory holds; a generator goes on within its `try`.
        """
        length = -1
        while True:
            try:
                room = yield length
                length = -1
                length = self._put(room)
            except BaseException as error:  # noqa: BLE001  # nothing may unwind through C
                if self.is_over:
                    return
                length, self.error = -1, error

    def _put(self, room: int) -> int:
        password = self._given
        if callable(password):
            password = password()
            encoded = self._encode(password, "password callback must return a string")
        else:
            encoded = self._encode(password, "password should be a string or callable")
        if len(encoded) > _PEM_BUFSIZE:
            raise ValueError(f"password cannot be longer than {_PEM_BUFSIZE} bytes")
        memmove(room, encoded, len(encoded))
        return len(encoded)

    @staticmethod
    def _encode(password: Any, complaint: str) -> bytes:
        if isinstance(password, str):
            return str.encode(password, "utf-8")
        if isinstance(password, (bytes, bytearray)):
            return bytes(memoryview(password))
        raise TypeError(complaint)


def _without(lock: Any, function: Callable[[], Any]) -> Any:
    """What `function` returns: somebody may have to type it, and others make connections."""
    lock.release()
    try:
        return function()
    finally:
        lock.acquire()


def load_cert_chain(handle: Shared, certfile: Any, keyfile: Any, password: Any) -> None:
    """`ssl.SSLContext.load_cert_chain` on the handle of the `SSL_CTX`.

    One at a time: there is one place for a password's function, and one for what is being loaded.

    SSL_CTX_use_certificate_chain_file(3), SSL_CTX_use_PrivateKey_file(3),
    SSL_CTX_check_private_key(3)
    """
    certificate = path(certfile, "certfile")
    key = certificate if keyfile is None else path(keyfile, "keyfile")
    ctx = handle.ptr
    if callable(password):
        password = partial(_without, handle.copying, password)
    asked = None if password is None else _Password(password)
    with handle.loading, handle.copying:
        if asked is None:
            _load(ctx, certificate, key, None)
            return
        answers = asked.answers()
        next(answers)
        # Held here alone: a cycle would keep the password until the next garbage collection
        function = _asks(aside(answers.send))
        libssl.SSL_CTX_set_default_passwd_cb(ctx, function)
        try:
            _load(ctx, certificate, key, asked)
        finally:
            libssl.SSL_CTX_set_default_passwd_cb(ctx, None)
            asked.is_over = True


def _load(ctx: Any, certificate: bytes, key: bytes, asked: _Password | None) -> None:
    libcrypto.ERR_clear_error()
    set_errno(0)
    if libssl.SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1:
        raise failure(asked)
    set_errno(0)
    if libssl.SSL_CTX_use_PrivateKey_file(ctx, key, libssl.SSL_FILETYPE_PEM) != 1:
        raise failure(asked)
    if libssl.SSL_CTX_check_private_key(ctx) != 1:
        raise from_queue()


def failure(asked: _Password | None = None) -> BaseException:
    """Why a file was not read: the password's own exception, C's errno, or the error queue."""
    c_errno = get_errno()
    if asked is not None and asked.error is not None:
        take()
        return asked.error
    if c_errno:
        take()
        return OSError(c_errno, os.strerror(c_errno))
    return from_queue()


class _DH(Handle):
    """Own a `DH*`. Deprecated in 3.0, and still what every release takes."""

    __slots__ = ()
    _free = staticmethod(libcrypto.DH_free)


def load_dh_params(handle: Shared, dhfile: Any) -> None:
    """`ssl.SSLContext.load_dh_params` on the handle of the `SSL_CTX`.

    PEM_read_bio_DHparams(3), SSL_CTX_set_tmp_dh(3)
    """
    with open(os.fspath(dhfile), "rb") as file:
        pem = file.read()
    libcrypto.ERR_clear_error()
    source = BIO(libcrypto.BIO_new_mem_buf(pem, len(pem)))
    parameters = _DH(libcrypto.PEM_read_bio_DHparams(source.ptr, None, None, None))
    if not replace(handle, libssl.SSL_CTX_set_tmp_dh, parameters.ptr):
        raise from_queue()
