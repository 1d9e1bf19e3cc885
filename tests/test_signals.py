"""Signals and Ctrl-C during a call that waits."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from peers import (
    DEADLINE,
    SHORT,
    Background,
    Contexts,
    Ends,
    Sides,
    receive_exactly,
    takes_about,
    tcp_pair,
)
from pki import HOSTNAME, Pki

import pytls


@contextlib.contextmanager
def interrupted(handler: Callable[..., Any]) -> Iterator[None]:
    """A signal for the main thread every few milliseconds."""
    begin, stop = threading.Event(), threading.Event()
    main = threading.main_thread().ident

    def interrupt() -> None:
        begin.wait(DEADLINE)
        while not stop.wait(SHORT / 20):
            signal.pthread_kill(main, signal.SIGUSR1)

    previous = signal.signal(signal.SIGUSR1, handler)
    interrupting = Background(interrupt)
    try:
        begin.set()  # from here on the handler may raise
        yield
    finally:
        stop.set()
        interrupting.result()
        signal.signal(signal.SIGUSR1, previous)


def wait_for(seen: list[int]) -> None:
    """Until some signals have come."""
    deadline = time.monotonic() + DEADLINE
    while len(seen) <= 3 and time.monotonic() < deadline:
        time.sleep(SHORT / 20)


def test_signals_do_not_disturb_a_receive(ends: Ends) -> None:
    """PEP 475: a call goes on waiting after a handler that returns."""
    seen: list[int] = []

    def answer() -> None:
        wait_for(seen)
        ends.peer.sendall(b"at last")

    answering = Background(answer)
    with interrupted(lambda *_: seen.append(1)):
        assert ends.subject.recv(100) == b"at last"

    answering.result()
    assert len(seen) > 3


def test_signals_do_not_disturb_a_send(ends: Ends) -> None:
    """A large sendall() that waits for the peer again and again loses nothing to signals."""
    content = os.urandom(8 << 20)
    seen: list[int] = []

    def dawdle() -> bytes:
        wait_for(seen)
        return receive_exactly(ends.peer, len(content))

    receiving = Background(dawdle)
    with interrupted(lambda *_: seen.append(1)):
        ends.subject.sendall(content)

    assert receiving.result() == content
    assert len(seen) > 3


def test_signals_do_not_disturb_a_handshake(contexts: Contexts, sides: Sides) -> None:
    """The peer takes its time; the handshake goes on after each signal."""
    near, far = tcp_pair()
    seen: list[int] = []

    def dawdle(wrap: Callable[..., Any], sock: socket.socket, **options: Any) -> Any:
        wait_for(seen)
        return wrap(sock, **options)

    plans = [
        (contexts.client.wrap_socket, near, {"server_hostname": HOSTNAME}),
        (contexts.server.wrap_socket, far, {"server_side": True}),
    ]
    if sides.client is not pytls:
        plans.reverse()
    (wrap, sock, options), (other_wrap, other_sock, other_options) = plans
    dawdling = Background(dawdle, other_wrap, other_sock, **other_options)
    with interrupted(lambda *_: seen.append(1)):
        subject = wrap(sock, **options)
    with subject, dawdling.result():
        assert subject.version()
        assert len(seen) > 3


def test_signals_do_not_prolong_a_timeout(ends: Ends) -> None:
    """The deadline stays where it was, however often a signal interrupts the wait."""
    ends.subject.settimeout(SHORT)

    with interrupted(lambda *_: None), takes_about(SHORT), pytest.raises(socket.timeout):
        ends.subject.recv(1)


def test_what_a_signal_handler_raises_comes_out(ends: Ends) -> None:
    """An exception in a handler ends the wait, and the connection stays usable."""

    def handler(*_: Any) -> None:
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        raise InterruptedError("enough")

    with pytest.raises(InterruptedError, match="enough"), interrupted(handler):
        ends.subject.recv(1)

    ends.peer.sendall(b"still here")
    assert ends.subject.recv(100) == b"still here"


CTRL_C = """
import os, signal, socket, sys, threading, time
import pytls
from peers import Contexts, client_context, connected, server_context, tcp_pair
from pki import HOSTNAME, LOOPBACK

class Pki:
    ca, server = sys.argv[2], type("Credentials", (), {"both": sys.argv[3]})

contexts = Contexts(client_context(pytls, Pki), server_context(pytls, Pki))
near, far = tcp_pair()
listening = contexts.server.wrap_socket(socket.create_server((LOOPBACK, 0)), server_side=True)
with connected(contexts) as pair:
    calls = {
        "recv": lambda: pair.client.recv(1),
        "recv_into": lambda: pair.server.recv_into(bytearray(1)),
        "sendall": lambda: pair.client.sendall(bytes(64 << 20)),
        "unwrap": lambda: pair.client.unwrap(),
        "accept": lambda: listening.accept(),
        "handshake": lambda: contexts.client.wrap_socket(near, server_hostname=HOSTNAME),
    }
    call = calls[sys.argv[1]]
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    start = time.monotonic()
    try:
        call()
    except KeyboardInterrupt:
        print("interrupted after", time.monotonic() - start)
        sys.stdout.flush()
        os._exit(0)
"""


@pytest.mark.parametrize("call", ["recv", "recv_into", "sendall", "unwrap", "accept", "handshake"])
def test_ctrl_c_ends_a_blocked_call(pki: Pki, call: str) -> None:
    """SIGINT raises KeyboardInterrupt out of a call without a timeout, at once."""
    here = Path(__file__).parent
    found = Path(pytls.__file__).parent.parent
    path = os.pathsep.join([str(here), str(found), os.environ.get("PYTHONPATH", "")])

    done = subprocess.run(
        [sys.executable, "-c", CTRL_C, call, pki.ca, pki.server.both],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=DEADLINE,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout
    assert 0.1 < float(done.stdout.split()[-1]) < 2
