"""What OpenSSL calls back: trampolines from C into the functions that a program has set.

There is one trampoline a kind, made when it is first needed, since some hosts forbid the
executable memory it takes. It finds its connection by the address of the `SSL*`, and the
connection has its context's `Hooks`. An exception never enters C: the handshake fails closed.
"""

from __future__ import annotations

import os
import threading
from ctypes import memmove, string_at

from . import _libssl as C
from ._change import connections, outside
from ._declare import aside
from ._types import Any, Callable
from .constants import (
    AlertDescription,
    TLSVersion,
    _TLSAlertType,
    _TLSContentType,
    _TLSMessageType,
)
from .errors import SSLError
from .session import SESSION

UNHEARD = SSLError("the SNI or PSK callback was interrupted")
"""In the place of what a callback has raised: one that decides who gets in may not have answered.

A signal's exception may come up where a trampoline begins. No Python catches it there, and OpenSSL
goes on with whatever answer it finds.
"""


ASKED = "asked"
"""What a connection's `sni_unheard` is until the callback has answered: from then on, it must."""


def is_unheard(connection: Any) -> bool:
    """Whether a handshake that is done was decided by what memory held, and not by a callback."""
    if connection.sni_unheard == ASKED:
        return True
    if connection.sni_unheard and connection.hooks.servername is not None:
        return True
    if not connection.psk_unheard:
        return False
    ssl = connection.ptr
    if C.SSL_session_reused(ssl):
        # Who resumes is not asked; but in TLS 1.3 a client is, and a server gives no number there
        is_asked = not connection.server_side and C.SSL_version(ssl) >= TLSVersion.TLSv1_3
        return bool(is_asked)
    return C.SSL_get_psk_identity(ssl) is not None


def _find_hook(ssl: int, kind: str) -> tuple[Any, Any]:
    """The connection of the `SSL*` and its hook called `kind`, None where there is none."""
    connection = connections.get(ssl)
    return connection, connection and getattr(connection.hooks, kind)


def _ask(connection: Any, hook: Callable[..., Any], *arguments: Any) -> Any:
    """What `hook` answers; meanwhile OpenSSL is in a call on `connection`, and takes no other."""
    outer, connection.in_callback = connection.in_callback, True
    try:
        return outside(connection._lock, hook, *arguments)
    finally:
        connection.in_callback = outer


def _keep(connection: Any, error: BaseException) -> None:
    """Have `error` raised by the call that drove the callback, unless there is one already."""
    if connection.raised is None or connection.raised is UNHEARD:
        connection.raised = error


class Hooks:
    """What a context wants to be called: the functions, and what goes with them."""

    __slots__ = (
        "alpn",
        "context",
        "keylog",
        "message",
        "psk_client",
        "psk_server",
        "servername",
    )

    def __init__(self, context: Callable[[], Any]) -> None:
        #: the context, through a weak reference
        self.context = context
        #: the protocols of a server, in wire format
        self.alpn = b""
        #: a binary file, opened for appending
        self.keylog: Any = None
        self.message: Callable[..., Any] | None = None
        self.psk_client: Callable[..., Any] | None = None
        self.psk_server: Callable[..., Any] | None = None
        self.servername: Callable[..., Any] | None = None

    def __del__(self) -> None:
        if self.keylog is not None:
            self.keylog.close()


class _Carrier:
    """Dies with an exception, which the interpreter then reports as one that nobody can catch."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __del__(self) -> None:
        raise self.error


def report(error: BaseException) -> None:
    """Hand `error` to `sys.unraisablehook`, as the interpreter does where nobody can catch it."""
    _Carrier(error)


def _fail_closed(answer: int) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Return `answer` to C when the trampoline raises, and report the exception."""

    def decorate(function: Callable[..., int]) -> Callable[..., int]:
        def guarded(*arguments: Any) -> int:
            try:
                return function(*arguments)
            except BaseException as error:  # noqa: BLE001  # nothing may unwind through C
                report(error)
                return answer

        return guarded

    return decorate


# --- SNI


def _on_servername(ssl: int, alert: Any, _: Any) -> int:
    failure = AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR
    try:
        connection, hook = _find_hook(ssl, "servername")
        answer = None
        if hook is not None:
            owner = connection.owner
            if owner is None:
                alert[0] = AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR
                return C.SSL_TLSEXT_ERR_ALERT_FATAL
            name = C.SSL_get_servername(ssl, C.TLSEXT_NAMETYPE_host_name)
            name = name and name.decode("ascii")
            connection.sni_unheard = ASKED
            if connection.raised is None:
                connection.raised = UNHEARD
            failure = AlertDescription.ALERT_DESCRIPTION_HANDSHAKE_FAILURE
            answer = _ask(connection, hook, owner, name, connection.context)
        if answer is None:
            if connection is not None:
                connection.sni_unheard = False
            return C.SSL_TLSEXT_ERR_OK
    except BaseException as error:  # noqa: BLE001  # nothing may unwind through C
        report(error)
        alert[0] = failure
        return C.SSL_TLSEXT_ERR_ALERT_FATAL
    try:
        alert[0] = int(answer.__index__())
    except BaseException:  # noqa: BLE001  # nothing may unwind through C
        report(TypeError("the SNI callback must return None or an alert's number"))
        alert[0] = AlertDescription.ALERT_DESCRIPTION_INTERNAL_ERROR
    return C.SSL_TLSEXT_ERR_ALERT_FATAL


# --- ALPN, on the server's side


@_fail_closed(C.SSL_TLSEXT_ERR_ALERT_FATAL)
def _on_alpn_select(ssl: int, out: Any, out_length: Any, offered: int, length: int, _: Any) -> int:
    connection = connections.get(ssl)
    wire = string_at(offered, length)
    ours = connection.hooks.alpn if connection is not None else b""
    for name in _split(ours):
        position = _find(wire, name)
        if position:
            # The answer must outlive this call: it is the client's own copy
            out[0] = offered + position
            out_length[0] = len(name)
            return C.SSL_TLSEXT_ERR_OK
    return C.SSL_TLSEXT_ERR_NOACK


def _split(wire: bytes) -> list[bytes]:
    """The names in a list of length-prefixed ones. RFC 7301 §3.1"""
    names = []
    at = 0
    while at < len(wire):
        end = at + 1 + wire[at]
        names.append(wire[at + 1 : end])
        at = end
    return names


def _find(wire: bytes, name: bytes) -> int:
    """Where `name` starts in `wire`; 0 when it is not there."""
    at = 0
    while at < len(wire):
        end = at + 1 + wire[at]
        if wire[at + 1 : end] == name:
            return at + 1
        at = end
    return 0


# --- key log

# A signal's handler may shake hands while a line is being written
_keylog_lock = threading.RLock()


def _after_fork() -> None:
    global _keylog_lock  # noqa: PLW0603  # the one of a thread that the child does not have
    _keylog_lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def open_keylog(filename: Any) -> Any:
    """Open the file `filename` for `Hooks.keylog`, and head it when it is new."""
    file = open(os.fspath(filename), "ab")  # noqa: SIM115  # it stays open as long as the context
    if not file.tell():
        file.write(b"# TLS secrets log file, generated by OpenSSL / Python\n")
        file.flush()
    return file


def close_keylog(hooks: Hooks) -> None:
    """Close the file of `Hooks.keylog`, if there is one."""
    with _keylog_lock:
        file, hooks.keylog = hooks.keylog, None
        if file is not None:
            file.close()


def _on_keylog(ssl: int, line: bytes) -> None:
    connection = connections.get(ssl)
    if connection is None:
        return
    try:
        with _keylog_lock:
            file = connection.hooks.keylog
            if file is not None:
                file.write(line + b"\n")
                file.flush()
    except BaseException as error:  # noqa: BLE001  # nothing may unwind through C
        _keep(connection, error)


# --- messages

_SSL3_RT_CHANGE_CIPHER_SPEC = 20
_SSL3_RT_ALERT = 21
_SSL3_RT_HANDSHAKE = 22
_SSL3_RT_HEADER = 0x100
_SSL3_RT_INNER_CONTENT_TYPE = 0x101
_SSL3_MT_CHANGE_CIPHER_SPEC = 0x0101


def _on_message(
    written: int, version: int, content: int, data: int, length: int, ssl: int, _: Any
) -> None:
    connection, hook = _find_hook(ssl, "message")
    if hook is None:
        return
    try:
        owner = connection.owner
        if owner is None:
            return
        body = string_at(data, length)
        kind: Any = None
        if content == _SSL3_RT_CHANGE_CIPHER_SPEC:
            kind = _TLSMessageType(_SSL3_MT_CHANGE_CIPHER_SPEC)
        elif content == _SSL3_RT_ALERT:
            kind = _member(_TLSAlertType, body[1] if len(body) > 1 else -1)
        elif content in (_SSL3_RT_HANDSHAKE, _SSL3_RT_HEADER, _SSL3_RT_INNER_CONTENT_TYPE):
            # Of the last, `ssl` too tells a record's type by the name of a message's
            kind = body[0] if body else -1
            enum: Any = _TLSContentType if content == _SSL3_RT_HEADER else _TLSMessageType
            kind = _member(enum, kind)
        way = "write" if written else "read"
        _ask(connection, hook, owner, way, version, content, kind, body)
    except BaseException as error:  # noqa: BLE001  # nothing may unwind through C
        _keep(connection, error)


def _member(enum: Any, value: int) -> Any:
    """The member of `enum` for `value`, or the plain number where it has none."""
    try:
        return enum(value)
    except ValueError:
        return value


# --- pre-shared keys


def _answering(function: Callable[..., int]) -> Callable[..., int]:
    """Note on the connection that `function` has answered, or failed: as late as can be."""
    guarded = _fail_closed(0)(function)

    def answering(ssl: int, *arguments: Any) -> int:
        answer = guarded(ssl, *arguments)
        connection = connections.get(ssl)
        if connection is not None:
            connection.psk_unheard = False
        return answer

    return answering


@_answering
def _on_psk_client(
    ssl: int, hint: bytes | None, identity: int, most_identity: int, psk: int, most_psk: int
) -> int:
    connection, hook = _find_hook(ssl, "psk_client")
    if hook is None or not _is_text(hint):
        return 0
    name, key = _ask(connection, hook, hint.decode("utf-8") if hint else None)
    if isinstance(name, str):
        name = str.encode(name, "utf-8")
    encoded = b"" if name is None else _octets(name)
    if len(encoded) + 1 > most_identity:
        return 0
    memmove(identity, encoded + b"\0", len(encoded) + 1)
    return _put_key(psk, _octets(key), most_psk)


def set_psk_client_callback(ctx: Any, is_set: bool) -> None:
    """Have OpenSSL ask `Hooks.psk_client`, or nobody.

    In TLS 1.3 a client may have to say its hello twice, and is asked as often: each time another
    callback, which knows no key, is called first, and notes that an answer is awaited.

    SSL_CTX_set_psk_client_callback(3), SSL_CTX_set_psk_use_session_callback(3); RFC 8446 §4.1.4
    """
    by_bytes, by_hello = (
        trampoline(kind) if is_set else None for kind in ("psk_client", "psk_use")
    )
    if C.SSL_CTX_set_psk_use_session_callback:
        C.SSL_CTX_set_psk_use_session_callback(ctx, by_hello)
    C.SSL_CTX_set_psk_client_callback(ctx, by_bytes)


@_fail_closed(0)
def _on_psk_use(ssl: int, *_: Any) -> int:
    connection = connections.get(ssl)
    if connection is not None:
        connection.psk_unheard = True
    return 1


def set_psk_server_callback(ctx: Any, is_set: bool) -> None:
    """Have OpenSSL ask `Hooks.psk_server`, or nobody.

    What memory holds must not pass for the answer of an interrupted callback: in TLS 1.3 a key of
    that many bytes could not be told from a ticket. So there a server gives a session, which is
    none where nothing was heard. Only a connection that turns out to be older asks for bytes; until
    then a function of C answers that there are none: OpenSSL wants one, so that it chooses a cipher
    for such a key.

    SSL_CTX_set_psk_server_callback(3), SSL_CTX_set_psk_find_session_callback(3)
    """
    by_bytes, by_session, by_version = (
        trampoline(kind) if is_set else None
        for kind in ("psk_server", "psk_session", "psk_version")
    )
    if C.SSL_CTX_set_psk_find_session_callback:
        by_bytes = C.SSL_get_quiet_shutdown if is_set else None  # it answers 0
        C.SSL_CTX_set_psk_find_session_callback(ctx, by_session)
        C.SSL_CTX_set_cert_cb(ctx, by_version, None)
    C.SSL_CTX_set_psk_server_callback(ctx, by_bytes)


@_fail_closed(0)
def _on_psk_version(ssl: int, _: Any) -> int:
    connection = connections.get(ssl)
    # One that SNI has brought to this context was made without, and whether it is heard is not seen
    is_watched = connection is not None and connection.psk_unheard
    if is_watched and C.SSL_version(ssl) < TLSVersion.TLSv1_3:
        C.SSL_set_psk_server_callback(ssl, trampoline("psk_server"))
    return 1


def _on_psk_session(ssl: int, identity: int, length: int, out: Any) -> int:
    try:
        # A longer one is a ticket
        if length <= C.PSK_MAX_IDENTITY_LEN:
            # As the other callback gets it
            key = _find_key(ssl, string_at(identity, length).partition(b"\0")[0])
            if 0 < len(key) <= C.PSK_MAX_PSK_LEN:
                out[0] = _session_of(ssl, key)
    except BaseException as error:  # noqa: BLE001  # nothing may unwind through C
        report(error)
    return 1  # with a session or without one: 0 would end the handshake


_TLS_AES_128_GCM_SHA256 = b"\x13\x01"
"""A pre-shared key is for one hash, and for this one where nothing is said. RFC 8446 §4.2.11"""


def _session_of(ssl: int, key: bytes) -> Any:
    """A new session with `key` for its secret, which the caller owns; None: OpenSSL refuses."""
    session = SESSION(C.SSL_SESSION_new())
    is_made = (
        C.SSL_SESSION_set1_master_key(session.ptr, key, len(key))
        and C.SSL_SESSION_set_cipher(session.ptr, C.SSL_CIPHER_find(ssl, _TLS_AES_128_GCM_SHA256))
        and C.SSL_SESSION_set_protocol_version(session.ptr, TLSVersion.TLSv1_3)
    )
    return session.give() if is_made else None


@_answering
def _on_psk_server(ssl: int, identity: bytes | None, psk: int, most_psk: int) -> int:
    return _put_key(psk, _find_key(ssl, identity), most_psk)


def _find_key(ssl: int, identity: bytes | None) -> bytes:
    """What a server's callback answers; nothing where there is none."""
    connection, hook = _find_hook(ssl, "psk_server")
    if hook is None or not _is_text(identity):
        return b""
    return _octets(_ask(connection, hook, identity.decode("utf-8") if identity else None))


def _is_text(said: bytes | None) -> bool:
    """Whether a peer's words are UTF-8. What is not is unknown, and a ticket's name is seldom."""
    try:
        return said is None or said.decode("utf-8") is not None
    except UnicodeDecodeError:
        return False


def _octets(key: Any) -> bytes:
    # In bytes: another buffer's length counts its items
    return bytes(memoryview(key))


def _put_key(room: int, key: bytes, most: int) -> int:
    if len(key) > most:
        return 0
    memmove(room, key, len(key))
    return len(key)


# --- the trampolines, by kind

_functions: dict[str, tuple[Any, Callable[..., Any]]] = {
    "alpn": (C.alpn_select_cb, _on_alpn_select),
    "keylog": (C.keylog_cb, _on_keylog),
    "message": (C.msg_cb, _on_message),
    "psk_client": (C.psk_client_cb, _on_psk_client),
    "psk_server": (C.psk_server_cb, _on_psk_server),
    "psk_session": (C.psk_session_cb, _on_psk_session),
    "psk_use": (C.psk_use_cb, _on_psk_use),
    "psk_version": (C.cert_cb, _on_psk_version),
    "servername": (C.servername_cb, _on_servername),
}
_made: dict[str, Any] = {}


def trampoline(kind: str) -> Any:
    """The C function that leads into the hook called `kind`; it is never freed."""
    if kind not in _made:
        prototype, function = _functions[kind]
        _made[kind] = prototype(aside(function))
    return _made[kind]
