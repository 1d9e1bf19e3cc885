"""A signal's exception that comes up where C calls back into Python, before any line has run.

ctypes then leaves the answer to C as it finds it: whatever that is, nobody may get in by it.
"""

from __future__ import annotations

import contextlib
import ctypes
import operator
import signal
import sys
import threading
import time
from functools import partial
from typing import Any, Callable

import pytest
from peers import Background, Contexts, client_context, connected, server_context
from pki import PASSWORD, Pki

import pytls
from pytls import _callbacks, _change, _credentials, _libssl

# From 3.11 on, an exception can be made to wait for the first bytecode: C alone runs until then
interruptible = pytest.mark.skipif(
    sys.implementation.name != "cpython" or sys.version_info < (3, 11),
    reason="there is no way to place an exception so exactly",
)


def interrupted(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` of C returns when an exception comes up as soon as it calls Python."""
    raising = ctypes.pythonapi.PyThreadState_SetAsyncExc
    me, error = ctypes.c_ulong(threading.get_ident()), ctypes.py_object(InterruptedError)
    calls = [partial(raising, me, error), partial(function, *arguments)]
    return list(map(operator.call, calls))[1]  # type: ignore[attr-defined]  # since 3.11


@interruptible
def test_an_interrupted_password_is_none() -> None:
    """Neither a length that memory happens to hold, nor the end of the program."""
    asked = _credentials._Password(PASSWORD)
    answers = asked.answers()
    next(answers)
    callback = _credentials._asks(answers.send)
    room = ctypes.create_string_buffer(1024)

    assert interrupted(callback, ctypes.addressof(room)) == -1
    assert isinstance(asked.error, InterruptedError)
    # And the next question is heard
    assert room[: callback(ctypes.addressof(room))] == PASSWORD.encode()
    asked.is_over = True


def test_one_load_at_a_time(pki: Pki) -> None:
    """The password of one thread does not open the key of another, nor hold it up for ever."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    asked, may_answer = threading.Event(), threading.Event()

    def slowly() -> str:
        asked.set()
        may_answer.wait(10)
        return PASSWORD

    slow = Background(context.load_cert_chain, pki.server.chain, pki.locked_key, slowly)
    assert asked.wait(10)
    wrong = Background(context.load_cert_chain, pki.server.chain, pki.locked_key, "wrong")
    other = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    other.load_cert_chain(pki.server.chain, pki.locked_key, PASSWORD)  # waits for nobody
    may_answer.set()

    slow.result()
    with pytest.raises(pytls.SSLError):
        wrong.result()


def test_a_password_that_takes_a_load(pki: Pki) -> None:
    """A function for a password may load into the same context itself."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)

    def password() -> str:
        context.load_cert_chain(pki.server.chain, pki.locked_key, lambda: PASSWORD)
        return PASSWORD

    context.load_cert_chain(pki.server.chain, pki.locked_key, password)


def test_many_passwords_at_once(pki: Pki) -> None:
    """Eight threads, one context: each password opens what it should, or nothing."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)

    def load(right: bool) -> None:
        for _ in range(20):
            try:
                context.load_cert_chain(
                    pki.server.chain, pki.locked_key, lambda: PASSWORD if right else "wrong"
                )
            except pytls.SSLError:
                assert not right
            else:
                assert right

    for thread in [Background(load, bool(number % 2)) for number in range(8)]:
        thread.result()


KEY = b"known to whoever is in the middle"

psk = pytest.mark.skipif(not pytls.HAS_PSK, reason="this OpenSSL has no pre-shared keys")
tls13 = pytest.mark.skipif(not pytls.HAS_TLSv1_3, reason="this OpenSSL has no TLS 1.3")


def client_memory(_: int, hint: bytes, identity: int, most: int, room: int, size: int) -> int:
    """What C finds, as bad as can be: a length, and a key that the peer knows."""
    ctypes.memmove(identity, b"somebody\0", 9)
    return server_memory(_, b"", room, size)


def server_memory(_: int, identity: bytes, room: int, size: int) -> int:
    """Likewise."""
    ctypes.memmove(room, KEY, len(KEY))
    return len(KEY)


def psk_ends(version: str) -> tuple[Any, Any]:
    """Two ends that know nothing of each other but the key."""
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_mode = pytls.CERT_NONE
    client.set_psk_client_callback(lambda _: ("somebody", KEY))
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    server.set_psk_server_callback(lambda _: KEY)
    for context in client, server:
        context.minimum_version = context.maximum_version = pytls.TLSVersion[version]
        if version == "TLSv1_2":
            context.set_ciphers("PSK")
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    return client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)


def handshake(*ends: Any) -> list[BaseException | None]:
    """By turns; what each end has raised at last, None when it was done."""
    outcomes: list[BaseException | None] = [None] * len(ends)
    for _ in range(4):
        for number, end in enumerate(ends):
            try:
                outcomes[number] = end.do_handshake()
            except pytls.SSLError as error:
                outcomes[number] = error
    return outcomes


@psk
@pytest.mark.parametrize(
    ("version", "side"),
    [
        ("TLSv1_2", "client"),
        ("TLSv1_2", "server"),
        pytest.param("TLSv1_3", "client", marks=tls13),
    ],
)
def test_nobody_gets_in_by_an_interrupted_callback(
    monkeypatch: pytest.MonkeyPatch, version: str, side: str
) -> None:
    """A handshake with a key that memory happened to hold fails, at that end, and for good."""
    assert handshake(*psk_ends(version)) == [None, None]

    prototype = getattr(_libssl, f"psk_{side}_cb")
    memory = client_memory if side == "client" else server_memory
    monkeypatch.setitem(_callbacks._made, f"psk_{side}", prototype(memory))
    ends = psk_ends(version)
    outcome = handshake(*ends)[side == "server"]
    peer, subject = ends if side == "server" else reversed(ends)

    assert isinstance(outcome, pytls.SSLError)
    assert "interrupted" in str(outcome)
    assert outcome.library is None
    with pytest.raises(pytls.SSLError):
        subject.write(b"secret")
    with pytest.raises(pytls.SSLError):
        peer.read(6)
    peer.write(b"believe me")
    with pytest.raises(pytls.SSLError):
        subject.read(10)


@psk
@tls13
def test_the_second_of_two_answers_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, pki: Pki
) -> None:
    """A server that knows what memory holds has a client say its hello twice. RFC 8446 §4.1.4"""
    asked: list[Any] = []

    def once(*arguments: Any) -> int:
        asked.append(arguments)
        answer = _callbacks._on_psk_client if len(asked) == 1 else client_memory
        return answer(*arguments)

    monkeypatch.setitem(_callbacks._made, "psk_client", _libssl.psk_client_cb(once))
    client, server = psk_ends("TLSv1_3")
    client.context.set_psk_client_callback(lambda _: ("somebody", b"unknown to the server"))
    server.context.load_cert_chain(pki.server.both)
    server.context.set_ecdh_curve("secp384r1")
    server.context.set_ciphersuites("TLS_AES_128_GCM_SHA256")
    server.context.set_psk_server_callback(lambda _: KEY if len(asked) == 2 else b"")
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    ends = client.context.wrap_bio(back, there), server.context.wrap_bio(there, back, True)
    outcome = handshake(*ends)[0]

    assert len(asked) == 2
    assert isinstance(outcome, pytls.SSLError)
    with pytest.raises(pytls.SSLError):
        ends[0].write(b"secret")


@psk
@tls13
@pytest.mark.parametrize("answer", [1, -1, 0x7F00])
def test_a_server_of_tls13_has_no_key_to_find_in_memory(
    monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    """It gives sessions: none is there where nothing was heard, whatever number C finds."""
    callback = _libssl.psk_session_cb(lambda *_: answer)
    monkeypatch.setitem(_callbacks._made, "psk_session", callback)
    # Nor is the callback asked that gives numbers
    monkeypatch.setitem(_callbacks._made, "psk_server", _libssl.psk_server_cb(server_memory))
    client, server = psk_ends("TLSv1_3")

    assert all(isinstance(outcome, pytls.SSLError) for outcome in handshake(client, server))
    for end in client, server:
        with pytest.raises(pytls.SSLError):
            end.write(b"secret")


@psk
@tls13
@pytest.mark.parametrize("answer", [0, 1, -1, 0x7F00])
def test_a_server_that_does_not_hear_of_the_version(
    monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    """It has no pre-shared keys with TLS 1.2."""
    monkeypatch.setitem(_callbacks._made, "psk_version", _libssl.cert_cb(lambda *_: answer))
    monkeypatch.setitem(_callbacks._made, "psk_server", _libssl.psk_server_cb(server_memory))

    outcomes = handshake(*psk_ends("TLSv1_2"))

    assert all(isinstance(outcome, pytls.SSLError) for outcome in outcomes)


@pytest.mark.parametrize("is_late", [False, True], ids=["before", "late"])
def test_a_refusal_by_sni_is_interrupted(
    monkeypatch: pytest.MonkeyPatch, pki: Pki, tls_version: str, is_late: bool
) -> None:
    """A callback has given a context without one, and raised: it has to answer all the same.

    It may be set when the connection is there already.
    """

    def report(_: BaseException) -> None:
        raise InterruptedError  # in the place of a signal's

    monkeypatch.setattr(_callbacks, "report", report)
    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    first, second = server_context(pytls, pki), server_context(pytls, pki)

    def refuse(end: Any, *_: Any) -> None:
        end.context = second
        raise PermissionError

    if not is_late:
        first.sni_callback = refuse
    near, far = pytls.MemoryBIO(), pytls.MemoryBIO()
    client = client_context(pytls, pki, tls_version)
    ends = client.wrap_bio(near, far, server_hostname="localhost"), first.wrap_bio(far, near, True)
    first.sni_callback = refuse
    outcome = handshake(*ends)[1]

    assert isinstance(outcome, pytls.SSLError)
    with pytest.raises(pytls.SSLError):
        ends[1].write(b"secret")


@psk
@pytest.mark.parametrize("version", ["TLSv1_2", pytest.param("TLSv1_3", marks=tls13)])
def test_no_key_of_a_context_that_came_by_sni(
    monkeypatch: pytest.MonkeyPatch, version: str
) -> None:
    """A connection made without such a callback gets none later, as in `ssl`: none is awaited."""
    monkeypatch.setitem(_callbacks._made, "psk_server", _libssl.psk_server_cb(server_memory))
    client, server = psk_ends(version)
    first = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    if version == "TLSv1_2":
        first.set_ciphers("PSK")
    first.sni_callback = lambda end, *_: setattr(end, "context", server.context)
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    ends = client.context.wrap_bio(back, there), first.wrap_bio(there, back, server_side=True)

    assert all(isinstance(outcome, pytls.SSLError) for outcome in handshake(*ends))
    assert ends[1].context is server.context


@psk
@pytest.mark.parametrize("version", ["TLSv1_2", pytest.param("TLSv1_3", marks=tls13)])
def test_resuming_and_certificates_beside_pre_shared_keys(pki: Pki, version: str) -> None:
    """Callbacks that refuse, or are not asked, stand in nobody's way."""
    contexts = Contexts(
        client_context(pytls, pki, version.replace("_", ".")), server_context(pytls, pki)
    )
    contexts.client.set_psk_client_callback(lambda _: (None, b""))
    contexts.server.set_psk_server_callback(lambda _: b"")
    with connected(contexts) as pair:
        pair.server.sendall(b"a ticket comes before this")
        assert pair.client.recv(100)
        session = pair.client.session
    near, far = pytls.MemoryBIO(), pytls.MemoryBIO()
    client = contexts.client.wrap_bio(near, far, server_hostname="localhost", session=session)
    server = contexts.server.wrap_bio(far, near, server_side=True)

    assert handshake(client, server) == [None, None]
    assert client.session_reused


signals = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")


@signals
@pytest.mark.skipif(
    sys.implementation.name != "cpython", reason="what is C in CPython, PyPy has in Python"
)
# A signal that comes while something is collected, such as an earlier test's connection, can
# raise nothing: it is told as unraisable.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupted_change_holds_nobody_up() -> None:
    """No connection stays locked, wherever in it a signal's exception comes up."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    ends = [
        context.wrap_bio(pytls.MemoryBIO(), pytls.MemoryBIO(), server_side=True) for _ in range(20)
    ]

    def interrupt(*_: object) -> None:
        raise InterruptedError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        for n in range(500):
            with contextlib.suppress(InterruptedError):
                try:
                    signal.setitimer(signal.ITIMER_REAL, 2e-5 + n * 1e-6)
                    for _ in range(50):
                        context.set_alpn_protocols(["x"])
                finally:
                    signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        signal.signal(signal.SIGALRM, before)

    for end in ends:
        with pytest.raises(pytls.SSLWantReadError):
            Background(end.do_handshake).result(5)


@signals
def test_an_interrupted_return_from_a_callback_waits_all_the_same() -> None:
    """For whoever is replacing a setting: OpenSSL would go on with what is freed."""
    lock, changing, may_go_on = threading.RLock(), threading.Event(), threading.Event()

    def change() -> None:
        with _change._changing:
            changing.set()
            may_go_on.wait(10)

    def interrupt(thread: int) -> None:
        time.sleep(0.1)
        signal.pthread_kill(thread, signal.SIGINT)
        time.sleep(0.2)
        may_go_on.set()

    def callback() -> list[Background]:
        replacing = Background(change)
        changing.wait(10)
        return [replacing, Background(interrupt, threading.get_ident())]

    with pytest.raises(KeyboardInterrupt):
        _change.outside(lock, callback)
    assert may_go_on.is_set()
    assert lock not in _change._outside
