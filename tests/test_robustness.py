"""What must not crash, hang or pass: odd values, callbacks that misbehave, calls after the end."""

from __future__ import annotations

import array
import contextlib
import copy
import gc
import os
import pickle
import signal
import socket
import sys
import threading
import time
import weakref
from functools import partial
from typing import Any
from unittest import mock

import pytest
from expected import needs
from peers import DEADLINE, RECORD, SHORT, Background, Contexts, connected, tcp_pair
from pki import HOSTNAME, PASSWORD, Pki

import pytls
from pytls import _callbacks
from pytls import _features as features
from pytls import _libcrypto as libcrypto
from pytls import _libssl as C
from pytls._wait import Waiter


def client(pki: Pki) -> Any:
    """A client that trusts the authority."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.ca)
    return context


def server(pki: Pki) -> Any:
    """A server that shows its certificate."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server.both)
    return context


def objects(client: Any, server: Any, server_hostname: str | None = HOSTNAME) -> tuple[Any, Any]:
    """Two ends that need nobody to carry their bytes: each writes what the other reads."""
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    return (
        client.wrap_bio(back, there, server_hostname=server_hostname),
        server.wrap_bio(there, back, server_side=True),
    )


def shake_hands(*ends: Any) -> None:
    """Take turns until all are done."""
    left = list(ends)
    for _ in range(10):
        for end in list(left):
            with contextlib.suppress(pytls.SSLWantReadError):
                end.do_handshake()
                left.remove(end)
    assert not left


# --- pre-shared keys


def psk_contexts(key: Any) -> tuple[Any, Any]:
    """Both ends know `key` and nothing else of each other."""
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = pytls.CERT_NONE
    client.set_psk_client_callback(lambda _hint: ("somebody", key))
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    server.set_psk_server_callback(lambda _identity: key)
    for context in client, server:
        context.maximum_version = pytls.TLSVersion.TLSv1_2
        context.set_ciphers("PSK")
    return client, server


def test_psk_of_wide_items() -> None:
    """A key's room is counted in bytes, whatever the items of the buffer."""
    shake_hands(*objects(*psk_contexts(array.array("Q", [1, 2, 3, 4])), None))
    ends = objects(*psk_contexts(array.array("Q", [1] * 250)), None)
    with pytest.raises(pytls.SSLError):
        shake_hands(*ends)


# --- values that are not what they say


class Deceitful(int):
    """A number that is never too large."""

    def __gt__(self, other: object) -> bool:
        return False

    def __le__(self, other: object) -> bool:
        return False

    __lt__ = __le__


class NoBytes:
    """Says that it is bytes, and that they are where it likes."""

    _as_parameter_ = 1

    @property  # type: ignore[misc]  # as a mock's
    def __class__(self) -> type:
        return bytes

    def __len__(self) -> int:
        return 16


def test_deceitful_size(pki: Pki) -> None:
    """No more is read than the buffer holds."""
    near, far = objects(client(pki), server(pki))
    shake_hands(near, far)
    far.write(b"*" * 16000)
    buffer = bytearray(16)
    assert near.read(Deceitful(16000), buffer) == 16
    assert buffer == b"*" * 16


def test_deceitful_class(pki: Pki) -> None:
    """What only says that it is bytes is no address for C."""
    near, far = objects(client(pki), server(pki))
    shake_hands(near, far)
    for call in near.write, pytls.MemoryBIO().write:
        with pytest.raises(TypeError):
            call(NoBytes())


def test_no_context(pki: Pki) -> None:
    """What has all attributes, as a mock does, is no context yet."""
    near, _ = objects(client(pki), server(pki))
    with pytest.raises(TypeError):
        near.context = mock.MagicMock()


def test_no_copies(pki: Pki) -> None:
    """What owns a C object has no copies, which would share it and free it twice."""
    context = client(pki)
    near, _ = objects(context, server(pki))
    for original in context, context._handle, pytls.MemoryBIO(), near._sslobj._handle:
        for duplicate in copy.copy, copy.deepcopy, pickle.dumps:
            with pytest.raises(TypeError):
                duplicate(original)


def test_questions_before_the_handshake(pki: Pki) -> None:
    """There is nothing to tell yet, which is no reason to end the process."""
    names = "cipher client_sigalg compression group server_sigalg version".split()
    if sys.version_info >= (3, 10):  # before, an end tells its own ciphers
        names.append("shared_ciphers")
    for end in objects(client(pki), server(pki)):
        for name in names:
            with contextlib.suppress(NotImplementedError):
                assert getattr(end, name)() is None
        assert end.get_channel_binding() is None
        assert end.get_unverified_chain() == []
        with contextlib.suppress(NotImplementedError):
            assert end.get_verified_chain() == []
        assert end.session is None
        assert not end.session_reused


# --- calls after the end


def fills(sock: Any) -> None:
    """Leave a write unfinished."""
    with contextlib.suppress(pytls.SSLWantWriteError):
        while True:
            sock.send(b"*" * RECORD)


@pytest.mark.parametrize(
    "before",
    [
        lambda _: None,
        lambda sock: sock.recv(1),
        lambda sock: sock.unwrap(),
        fills,
    ],
    ids=["idle", "reading", "closing", "writing"],
)
@pytest.mark.parametrize("first", range(3))
def test_engine_after_its_descriptor(pki: Pki, before: Any, first: int) -> None:
    """A thread may still be on its way into a connection that another one has closed."""
    with connected(Contexts(client(pki), server(pki))) as pair:
        for end in pair:
            engine = end._sslobj
            end.setblocking(False)
            with contextlib.suppress(pytls.SSLWantReadError):
                before(end)
            engine.detach()
            calls = [partial(engine.read, 1), partial(engine.write, b"*", 1), engine.shutdown]
            for call in calls[first:] + calls[:first]:
                with contextlib.suppress(pytls.SSLError):
                    assert call() in (b"", 0)


# --- buffers after an exception


def test_buffer_of_a_failed_read(pki: Pki) -> None:
    """While its exception is handled, and its traceback alive, a buffer can be resized."""
    with connected(Contexts(client(pki), server(pki))) as pair:
        near, _ = objects(client(pki), server(pki))
        pair.server.setblocking(False)
        for call in partial(near.read, 1), pair.server.recv_into:
            buffer = bytearray(1)
            with pytest.raises(pytls.SSLWantReadError) as caught:
                call(buffer)
            buffer.clear()
            assert caught.tb


def test_buffer_of_a_failed_write(pki: Pki) -> None:
    """The same for what could not be sent."""
    with connected(Contexts(client(pki), server(pki))) as pair:
        near, _ = objects(client(pki), server(pki))
        pair.server.setblocking(False)
        fills(pair.server)
        for call, error in (
            (near.write, pytls.SSLWantReadError),
            (pair.server.send, pytls.SSLWantWriteError),
            (pair.server.sendall, pytls.SSLWantWriteError),
        ):
            buffer = bytearray(RECORD)
            with pytest.raises(error) as caught:
                call(buffer)
            buffer.clear()
            assert caught.tb


@needs("VERSION_BOUNDS")
def test_lowest_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library does not take the bound, there is no context without it."""
    monkeypatch.setattr(C, "SSL_CTX_set_min_proto_version", lambda *_: 0)
    with pytest.raises(ValueError, match="minimum"):
        pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)


# --- callbacks that misbehave


@pytest.mark.parametrize("name", ["do_handshake", "read", "write", "unwrap"])
def test_going_on_in_an_sni_callback(pki: Pki, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """OpenSSL is in a call on the connection; another one within would end the process."""
    unraisable: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda told: unraisable.append(told.exc_value))
    arguments = [b"*"] if name == "write" else []
    context = server(pki)
    context.sni_callback = lambda end, *_: getattr(end, name)(*arguments)
    with pytest.raises(pytls.SSLError):
        shake_hands(*objects(client(pki), context))
    assert [type(error) for error in unraisable] == [RuntimeError]


@pytest.mark.parametrize("name", ["do_handshake", "read", "write", "unwrap"])
def test_going_on_in_a_message_callback(pki: Pki, name: str) -> None:
    """The same, and there the exception comes out."""
    arguments = [b"*"] if name == "write" else []
    context = client(pki)
    context._msg_callback = lambda end, *_: getattr(end, name)(*arguments)
    with pytest.raises(RuntimeError, match="callback"):
        shake_hands(*objects(context, server(pki)))


def test_asking_in_an_sni_callback(pki: Pki) -> None:
    """What asks only is answered."""
    context = server(pki)
    asked = []
    context.sni_callback = lambda end, *_: asked.append((end.version(), end.pending(), end.session))
    shake_hands(*objects(client(pki), context))
    assert asked


def test_sni_callback_that_never_began(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal's exception where the callback begins: OpenSSL goes on, but the server does not.

    Such an exception comes up before the trampoline's first line, so it stands for one here.
    """

    def interrupted(*_: object) -> int:
        return C.SSL_TLSEXT_ERR_OK

    monkeypatch.setitem(_callbacks._made, "servername", C.servername_cb(interrupted))
    context = server(pki)
    context.sni_callback = lambda *_: None
    near, far = objects(client(pki), context)
    with contextlib.suppress(pytls.SSLWantReadError):
        near.do_handshake()
    with contextlib.suppress(pytls.SSLWantReadError):
        far.do_handshake()
    with contextlib.suppress(pytls.SSLWantReadError):  # before TLS 1.3, it waits for the server
        near.do_handshake()
    with pytest.raises(pytls.SSLError, match="SNI or PSK callback"):
        far.do_handshake()
    near.do_handshake()
    for call in partial(far.read, 1), far.read, partial(far.write, b"*"), far.do_handshake:
        near.write(b"secret")
        with pytest.raises(pytls.SSLError, match=r"SNI or PSK callback|shutdown"):
            call()


def test_sni_callback_taken_away(pki: Pki) -> None:
    """Nobody has to answer once there is no callback any more."""
    context = server(pki)
    context.sni_callback = lambda *_: None
    ends = objects(client(pki), context)
    context.sni_callback = None
    shake_hands(*ends)
    ends[0].write(b"secret")
    assert ends[1].read() == b"secret"


def test_sni_callback_may_answer_with_a_context(pki: Pki) -> None:
    """Which has no callback of its own."""
    context = server(pki)
    other = server(pki)
    context.sni_callback = lambda end, *_: setattr(end, "context", other)
    near, far = objects(client(pki), context)
    shake_hands(near, far)
    assert far.context is other


# --- other threads, other processes


@pytest.mark.parametrize("end", ["close", "detach"])
@pytest.mark.difference(
    "connections",
    "**`close` and `shutdown` from another thread** end a wait in `recv` or `send`, and "
    "nothing goes out in plain text meanwhile.",
)
def test_nothing_goes_out_in_plain_text(pki: Pki, end: str) -> None:
    """While one thread closes, another one's send is encrypted or fails."""
    with connected(Contexts(client(pki), server(pki))) as pair:
        with pair.server._sslobj._lock:  # as if a call were under way
            closing = Background(getattr(pair.server, end))
            closing.join(SHORT)
            sending = Background(pair.server.send, b"secret")
            sending.join(SHORT)
        fd = closing.result()
        with contextlib.suppress(pytls.SSLError):
            sending.result()
        if fd is not None:
            os.close(fd)
        sent = b"".join(iter(partial(socket.socket.recv, pair.client, RECORD), b""))
        assert b"secret" not in sent


def forks(test: Any) -> Any:
    """For a test that forks, which Python 3.12 and later warn of beside threads."""
    test = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")(test)
    return pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here")(test)


def test_no_wait_begins_after_the_end() -> None:
    """A thread on its way into a wait for a closed descriptor would wait for whoever gets it."""
    near, far = tcp_pair()
    with near, far:
        waiter = Waiter(near.fileno())
        assert not waiter.end()
        assert waiter.wait(False, None)


@forks
def test_close_in_a_forked_process(pki: Pki) -> None:
    """It ends the child's part alone, though a thread of the parent waits for the same peer."""
    with connected(Contexts(client(pki), server(pki))) as pair:
        reading = Background(pair.server.recv, 5)
        while not pair.server._waiter._waiting:
            time.sleep(0.01)
        child = os.fork()
        if not child:
            pair.server.close()
            os._exit(0)
        os.waitpid(child, 0)
        pair.client.sendall(b"hello")
        assert reading.result() == b"hello"


@forks
def test_close_in_a_forked_process_within_a_call(pki: Pki) -> None:
    """A thread that the child does not have may hold the connection's lock."""
    called, answer = threading.Event(), threading.Event()
    context = server(pki)
    context.sni_callback = lambda *_: called.set() or (answer.wait(DEADLINE) and None)
    near, far = tcp_pair()
    with context.wrap_socket(far, server_side=True, do_handshake_on_connect=False) as end:
        accepting = Background(end.do_handshake)
        with client(pki).wrap_socket(
            near, server_hostname=HOSTNAME, do_handshake_on_connect=False
        ) as other:
            connecting = Background(other.do_handshake)
            assert called.wait(DEADLINE)
            child = os.fork()
            if not child:
                signal.alarm(5)
                end.close()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            answer.set()
            accepting.result()
            connecting.result()


# --- what others have left in OpenSSL's error queue


def leave_an_error() -> None:
    """As another user of the same libcrypto may, in this thread."""
    assert not libcrypto.OBJ_txt2obj(b"no object identifier", True)
    assert libcrypto.ERR_peek_error()


def test_an_old_error_makes_the_library_lie_before_4_0(pki: Pki) -> None:
    """SSL_get_error(3) looks into the queue there, and so not at the connection."""
    near, _ = objects(client(pki), server(pki))
    with pytest.raises(pytls.SSLWantReadError):
        near.do_handshake()
    leave_an_error()
    told = C.SSL_get_error(near._sslobj.ptr, -1)
    libcrypto.ERR_clear_error()

    lie, truth = pytls.SSL_ERROR_SSL, pytls.SSL_ERROR_WANT_READ
    assert told == (lie if features.GET_ERROR_READS_QUEUE else truth)


@pytest.mark.parametrize("buffer", [None, bytearray(1)], ids=["read", "read into"])
def test_close_notify_beside_an_old_error(pki: Pki, buffer: bytearray | None) -> None:
    """The end is the end."""
    near, far = objects(client(pki), server(pki))
    shake_hands(near, far)
    for _ in range(3):  # a client's first read is of its tickets
        leave_an_error()
        with pytest.raises(pytls.SSLWantReadError):
            near.read(1, buffer)
    with pytest.raises(pytls.SSLWantReadError):
        far.unwrap()
    leave_an_error()
    assert not near.read(1, buffer)


# --- what is left behind


def test_no_password_is_left(pki: Pki) -> None:
    """Nothing refers to a password once the key is loaded, not even garbage."""

    class Password:
        def __call__(self) -> str:
            return PASSWORD

    password = Password()
    left = weakref.ref(password)
    gc.disable()
    try:
        server(pki).load_cert_chain(pki.server.chain, pki.locked_key, password)
        del password
        assert left() is None
    finally:
        gc.enable()
