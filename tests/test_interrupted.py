"""A signal's exception that comes up where C calls back into Python, before any line has run.

ctypes then leaves the answer to C as it finds it: whatever that is, nobody may get in by it.
"""

from __future__ import annotations

import ctypes
import operator
import sys
import threading
from functools import partial
from typing import Any, Callable

import pytest
from peers import Background
from pki import PASSWORD, Pki

import pytls
from pytls import _credentials

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
