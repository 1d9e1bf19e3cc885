"""The TLS engine: handshake, read, write and shutdown of one `SSL*`, which never wait.

Each operation returns its result or, when it cannot go on, a `Want`: WANT_READ or WANT_WRITE,
negative so that it cannot be mistaken for a count. `SSLObject` makes an exception of that,
`SSLSocket` a wait. OpenSSL sees no blocking descriptor, but in a first handshake that nobody else
can see.

An `SSL*` must never be in two calls at once: a lock spans each call with the questions that
belong to it, and no lock is held while anybody waits. So a reader that waits for hours does not
stop a writer.
"""

from __future__ import annotations

from _thread import RLock
from ctypes import c_size_t, get_errno, memmove, set_errno
from errno import EAGAIN, EWOULDBLOCK
from io import BytesIO

from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._agreed import Agreed
from ._arguments import RECORD, RECORD_SIZE, SHORT, array, fresh, pointer, spare
from ._callbacks import UNHEARD, Hooks, is_unheard
from ._change import Shared, copy, outside, register
from ._features import ENDS_UNNOTICED, SHUTDOWN_REFUSES_DATA
from ._gather import LARGE, WANT_WRITE, settle, write_large
from ._handle import Handle
from ._libcrypto import BIO_ctrl_pending, ERR_clear_error
from ._libssl import (
    SSL_do_handshake,
    SSL_get_error,
    SSL_pending,
    SSL_read,
    SSL_read_short,
    SSL_shutdown,
    SSL_write,
    SSL_write_short,
)
from ._python import TELLS_ERRNO
from ._queue import APPLICATION_DATA_AFTER_CLOSE_NOTIFY, eof, from_queue, from_ssl, refusal, take
from ._types import Any, Callable
from ._verification import name_peer
from .bio import BIO, renew
from .constants import SSLErrorNumber

WANT_READ = -int(SSLErrorNumber.SSL_ERROR_WANT_READ)
_WANTS = (-WANT_READ, -WANT_WRITE)
_SYSCALL = int(SSLErrorNumber.SSL_ERROR_SYSCALL)
_ZERO_RETURN = int(SSLErrorNumber.SSL_ERROR_ZERO_RETURN)

NOTHING = BytesIO()

NOBODY: Callable[[], Any] = lambda: None  # noqa: E731  # a reference to nothing

BEFORE = "before"
"""What `in_callback` is until a first handshake is done: so only `_shake` may have callbacks."""

DONE = 0
"""What an operation without a count returns when it is done."""


class SSL(Handle):
    """Own a `SSL*`."""

    __slots__ = ()

    @staticmethod
    def _free(ptr: Any) -> None:
        # A connection that goes without a shutdown would take its session with it
        libssl.SSL_set_shutdown(ptr, libssl.SSL_SENT_SHUTDOWN)
        libssl.SSL_free(ptr)


class Connection(Agreed):
    """One side of one TLS connection.

    :param ctx: the handle of the `SSL_CTX`.
    :param hooks: what the context wants to be called.
    :param server_side: whether to accept instead of connect.
    :param server_hostname: the peer's name or address, ASCII: for SNI and verification.
    :param check_hostname: whether the peer's certificate must bear that name.
    :param post_handshake_auth: whether a client certificate may be asked for later (TLS 1.3).
    :raises SSLError: OpenSSL could not make it.

    SSL_new(3)
    """

    __slots__ = (
        "__weakref__",
        "_handle",
        "_last",
        "_lock",
        "_more_there",
        "_owner",
        "_shutdown_sent",
        "_told",
        "awaits_answer",
        "ctx",
        "ended",
        "feed",
        "gatherer",
        "hooks",
        "in_callback",
        "in_memory",
        "on_socket",
        "psk_unheard",
        "ptr",
        "raised",
        "rest",
        "server_hostname",
        "server_side",
        "sni_unheard",
        "unfed",
    )

    def __init__(
        self,
        ctx: Shared,
        hooks: Hooks,
        server_side: bool,
        server_hostname: str | None,
        check_hostname: bool,
        post_handshake_auth: bool,
    ) -> None:
        kind = "psk_server" if server_side else "psk_client"
        hook_before = getattr(hooks, kind)  # another thread may take it away just now
        ERR_clear_error()
        address = copy(ctx, libssl.SSL_new, ctx.ptr)
        self._handle = SSL(address)
        self.ptr: Any = pointer(address)
        self._lock = RLock()
        #: in memory, the BIO that OpenSSL reads, what is still to be fed to it, and what does so
        self.in_memory: Any = None
        self.unfed: Any = ()
        self.feed: Any = None
        #: a weak reference to the SSLSocket or SSLObject, for callbacks
        self._owner: Callable[[], Any] = NOBODY
        self._shutdown_sent = False
        self._told = None
        #: what was read of a record beyond what was asked for; a read of it is atomic
        self.rest = NOTHING
        #: whether the record that came last may have more
        self._more_there = False
        #: whether something was sent since, and nothing is left of what came before
        self.awaits_answer = False
        #: in the midst of a large write, what its records go through
        self.gatherer: Any = None
        #: how many bytes came last: the next ones are likely to be as many
        self._last = 0
        self.ctx = ctx
        self.hooks = hooks
        self.on_socket = False
        #: what a callback has raised: the call that drove it raises it
        self.raised: BaseException | None = None
        #: whether a server's SNI callback, and one for a pre-shared key, has yet to answer
        self.sni_unheard = server_side and hooks.servername is not None
        self.psk_unheard = (hook_before or getattr(hooks, kind)) is not None
        if self.sni_unheard or self.psk_unheard:
            self.raised = UNHEARD
        #: whether OpenSSL may be calling back, and takes no other call
        self.in_callback: Any = BEFORE
        #: whether an error has ended it for good; `in_callback` then stays true
        self.ended = False
        self.server_side = server_side
        self.server_hostname = server_hostname

        if post_handshake_auth:
            self._allow_post_handshake_auth()
        if server_hostname is not None:
            name_peer(self.ptr, server_hostname, check_hostname)
        if server_side:
            # For what it resumes; a client with one would refuse its own pre-shared key
            libssl.SSL_set_session_id_context(self.ptr, b"Python", 6)
            libssl.SSL_set_accept_state(self.ptr)
        else:
            libssl.SSL_set_connect_state(self.ptr)
        register(address, self)

    # --- set-up

    def attach_fd(self, fd: int) -> None:
        """Speak over the non-blocking socket `fd`. SSL_set_fd(3)"""
        with self._lock:
            ERR_clear_error()
            if libssl.SSL_set_fd(self.ptr, fd) != 1:
                raise from_queue()
            self.on_socket = True

    def detach(self) -> None:
        """Leave the descriptor: from now on every operation fails, whoever still has it."""
        # Never no BIO at all: SSL_get_error(3) and SSL_shutdown(3) follow the pointer.
        # This one is at its end, and nothing can be written to it.
        ended = BIO(libcrypto.BIO_new_mem_buf(b"", 0))
        with self._lock:
            libssl.SSL_set_bio(self.ptr, ended.ptr, ended.give())
            self.gatherer = None

    def set_context(self, ctx: Shared, hooks: Hooks) -> None:
        """Change the certificate and hooks to another context's. SSL_set_SSL_CTX(3)"""
        with self._lock:
            before, self.ctx = self.ctx, ctx
            if not outside(self._lock, copy, ctx, libssl.SSL_set_SSL_CTX, self.ptr, ctx.ptr):
                self.ctx = before
                raise from_queue()
            self.hooks = hooks

    # --- the four operations

    def do_handshake(self) -> int:
        """Go on with the handshake.

        :returns: DONE or a Want.
        :raises SSLError: it failed; SSLCertVerificationError: the peer was not believed.

        SSL_do_handshake(3)
        """
        with self._lock:
            ret = self._shake()
            return DONE if ret == 1 else self._want_or_raise(SSL_get_error(self.ptr, ret), ret)

    def _shake(self) -> int:
        """What SSL_do_handshake(3) has returned. Meanwhile it is as in a callback."""
        # A signal's handler or a finalizer may run where one begins, before a line of it
        before = self.in_callback
        if before and before is not BEFORE:
            raise self._in_use()
        if self.unfed:
            self.feed()
        ERR_clear_error()
        try:
            self.in_callback = True
            ret: int = SSL_do_handshake(self.ptr)
        finally:
            self.in_callback = before
        if ret == 1:
            self.in_callback = False
            self._raise_from_callback()
        return ret

    def read(self, size: int) -> bytes | int:
        """Decrypt up to `size` bytes (at least 1), one record's at most.

        :returns: the bytes, ``b""`` after the peer's close_notify, or a Want.
        :raises SSLError: reading failed.

        SSL_read(3)
        """
        with self._lock:
            if self.in_callback and (ret := self._shake()) != 1:
                return self._ended(ret) or b""
            if self.rest is not NOTHING:
                data: bytes = self.rest.read(size)
                if data:
                    return data
                self.rest = NOTHING
            if self.unfed:
                self.feed()
            if self._last > SHORT and size >= RECORD:
                # Straight into the bytes that the caller gets (benchmark recv-16k)
                record = fresh(None, RECORD_SIZE)
                count = SSL_read(self.ptr, record, RECORD)
                data = record[:count] if count > 0 else b""
            else:
                try:
                    pair = spare.pop()
                except IndexError:
                    pair = array()
                record, room = pair
                # The whole record, whatever was asked for (benchmark recv-1k)
                count = (SSL_read if self._last > SHORT else SSL_read_short)(self.ptr, room, RECORD)
                data = record[: count if count < size else size] if count > 0 else b""
                if count > size:
                    rest = BytesIO(record[size:count])
                    if self.rest is not NOTHING:  # a signal's handler has read the next one
                        rest = BytesIO(rest.read() + self.rest.read())
                    self.rest = rest
                spare.append(pair)
            self._more_there = False
            if count > 0:
                self._last = count
                if self.in_memory and count <= size and not BIO_ctrl_pending(self.in_memory):
                    self._run_dry()
                if self.raised:
                    self._raise_from_callback()
                return data
            return self._ended(count) or b""

    def left(self) -> int:
        """How many bytes are left of what was read beyond what was asked for."""
        return len(self.rest.getvalue()) - self.rest.tell()

    def read_into(self, room: Any, size: int) -> int:
        """Decrypt up to `size` bytes (at least 1) into the C buffer `room`.

        :returns: how many, 0 after the peer's close_notify, or a Want.
        :raises SSLError: reading failed.

        SSL_read(3)
        """
        with self._lock:
            if self.in_callback and (ret := self._shake()) != 1:
                return self._ended(ret)
            if self.rest is not NOTHING:
                data = self.rest.read(size)
                if data:
                    memmove(room, data, len(data))
                    return len(data)
                self.rest = NOTHING
            if self.unfed:
                self.feed()
            count: int = (SSL_read if self._last > SHORT else SSL_read_short)(self.ptr, room, size)
            self._more_there = count == size
            if count > 0:
                self._last = count
                if self.in_memory and count < size and not BIO_ctrl_pending(self.in_memory):
                    self._run_dry()
                if self.raised:
                    self._raise_from_callback()
                return count
            return self._ended(count)

    def _ended(self, count: int) -> int:
        """Why SSL_read(3) has returned `count` and no byte: DONE after close_notify, or a Want."""
        code = SSL_get_error(self.ptr, count)
        if code == _ZERO_RETURN and self._peer_has_closed():
            return DONE
        return self._want_or_raise(code, count, TELLS_ERRNO, reading=True)

    def write(self, data: Any, size: int) -> int:
        """Encrypt and send the `size` bytes of `data`, bytes or a C buffer: all or a Want.

        After a Want, OpenSSL takes nothing but the same bytes again.

        :returns: `size` or a Want.
        :raises SSLError: writing failed.

        SSL_write(3)
        """
        with self._lock:
            if self.in_callback and (ret := self._shake()) != 1:
                return self._want_or_raise(SSL_get_error(self.ptr, ret), ret, TELLS_ERRNO)
            if not size:
                # SSL_write(3): with nothing to write its answer is undefined
                return self._write_nothing()
            if size < LARGE and self.gatherer is None:
                count: int = (SSL_write if size > SHORT else SSL_write_short)(self.ptr, data, size)
            else:
                count = write_large(self, data, size)
            if count > 0:
                if self.in_memory:
                    self._deliver(size)
                else:
                    self.awaits_answer = not self._more_there and (
                        self.rest is NOTHING or not self.left()
                    )
                if self.raised:
                    self._raise_from_callback()
                return count
            code = SSL_get_error(self.ptr, count) if count >= -1 else -count
            if code == -WANT_READ and self.unfed:  # in the midst of a handshake
                self.feed()
                return self.write(data, size)
            return self._want_or_raise(code, max(count, -1), TELLS_ERRNO)

    def sendfile(self, fd: int, offset: int, size: int) -> int:
        """Send up to `size` bytes of the file `fd` from `offset` on, by the kernel.

        :returns: how many, 0 at the file's end, or a Want.
        :raises SSLError: sending failed, or the kernel does not do this connection's TLS.

        SSL_sendfile(3)
        """
        with self._lock:
            if self.in_callback and (ret := self._shake()) != 1:
                return self._want_or_raise(SSL_get_error(self.ptr, ret), ret)
            ERR_clear_error()
            count: int = libssl.SSL_sendfile(self.ptr, fd, offset, size, 0)
            if count >= 0:
                return count
            return self._want_or_raise(SSL_get_error(self.ptr, count), count)

    def _write_nothing(self) -> int:
        if not libssl.SSL_write_ex:  # before 1.1.1: nothing is a handshake, if that is not done
            return 0 if libssl.SSL_is_init_finished(self.ptr) else self.do_handshake()
        ERR_clear_error()
        written = c_size_t()
        if libssl.SSL_write_ex(self.ptr, b"", 0, written) == 1:
            return 0
        return self._want_or_raise(SSL_get_error(self.ptr, 0), 0)

    def shutdown(self) -> int:
        """Send close_notify, then wait for the peer's.

        :returns: DONE or a Want.
        :raises SSLError: it failed.

        SSL_shutdown(3); RFC 8446 §6.1
        """
        with self._lock:
            if self.in_callback and self.in_callback is not BEFORE:
                raise self._in_use()
            ERR_clear_error()
            if self.gatherer is not None:
                code = settle(self)
                if code:
                    return self._want_or_raise(-code, -1)
            if self._shutdown_sent:
                self._refuse_rest()
            ret = SSL_shutdown(self.ptr)
            if ret == 0 and not self._shutdown_sent:
                # Ours is on its way; the second call reads the peer's
                self._shutdown_sent = True
                self._refuse_rest()
                ret = SSL_shutdown(self.ptr)
            if ret >= 0:
                self._raise_from_callback()
                return DONE
            return self._want_or_raise(SSL_get_error(self.ptr, ret), ret)

    def _refuse_rest(self) -> None:
        """Refuse to read the peer's close_notify before its data, as OpenSSL does by itself."""
        if self.left() and SHUTDOWN_REFUSES_DATA:
            code = SSLErrorNumber.SSL_ERROR_SSL
            raise from_ssl(code, -1, APPLICATION_DATA_AFTER_CLOSE_NOTIFY, 0, self)
        self.rest = NOTHING

    def pending(self) -> int:
        """How many decrypted bytes can be read without waiting. SSL_pending(3)"""
        with self._lock:
            return self.left() or int(SSL_pending(self.ptr))

    def _renew_locks(self, renewed: dict[Any, Any]) -> None:
        self._lock = renew(self._lock, renewed)

    # --- what an engine in memory does, and a socket does not need

    def _deliver(self, written: int = 0) -> None:
        """Let the program have what OpenSSL has said after `written` bytes of plaintext."""

    def _run_dry(self) -> None:
        """OpenSSL has read all that has come: to read on is to want more."""

    # --- how a call has ended

    def _want_or_raise(
        self, code: int, ret: int, tells_errno: bool = True, reading: bool = False
    ) -> int:
        """The Want for `code`, which SSL_get_error gave for `ret`, or its exception.

        :param tells_errno: whether C's errno counts.
        :returns: a Want; when `reading`, DONE after the peer's close_notify.
        """
        raised = self.raised
        if code in _WANTS and (raised is None or raised is UNHEARD):
            return -code
        if code == _SYSCALL and self.gatherer is not None and self.gatherer.blocks():
            return WANT_WRITE
        c_errno = get_errno()
        set_errno(0)
        packed = take()
        if raised is not UNHEARD:
            self._raise_from_callback()
        if packed and libssl.SSL_is_init_finished(self.ptr):
            # Somebody else's entry made SSL_get_error lie: after a fatal error of this
            # connection's own it would be back in the state before the handshake
            again: int = SSL_get_error(self.ptr, ret)
            if again in _WANTS:
                return -again
            if reading and again == _ZERO_RETURN and self._peer_has_closed():
                return DONE
        if ENDS_UNNOTICED and code == SSLErrorNumber.SSL_ERROR_SSL:
            # Neither a refused peer nor a forged record may be followed by data. A write is another
            # matter: it may have been called wrongly
            self.ended = reading or not libssl.SSL_is_init_finished(self.ptr)
            self.in_callback = self.ended
        if not tells_errno or not self.on_socket or c_errno in (EAGAIN, EWOULDBLOCK):
            c_errno = 0
        raise from_ssl(code, ret, packed, c_errno, self)

    def _raise_from_callback(self) -> None:
        if self.raised is UNHEARD:
            if is_unheard(self):
                self.rest = NOTHING
                # Now and ever after; nor does anything go out any more
                libssl.SSL_set_shutdown(self.ptr, libssl.SSL_SENT_SHUTDOWN)
                raise refusal(*UNHEARD.args)
            self.raised = None
        if self.raised is not None:
            unheard = self.sni_unheard or self.psk_unheard
            error, self.raised = self.raised, UNHEARD if unheard else None
            take()
            raise error

    def _in_use(self) -> Exception:
        if self.ended:
            self._raise_from_callback()
            return eof()
        return RuntimeError("a callback cannot go on with the connection that has called it")
