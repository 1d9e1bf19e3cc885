"""What a forked child can do, whatever threads of its parent were about."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any, Callable

import pytest
from peers import DEADLINE, Background
from pki import PASSWORD, Pki

import pytls
from pytls import _roots

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning"),  # of Python 3.12 and later
    pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing forks here"),
]


def outcome_of_a_child(task: Callable[[], Any]) -> int:
    """The status that a child ends with after `task`; a signal's number when it hangs."""
    child = os.fork()
    if not child:
        signal.alarm(5)
        task()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def test_authorities_are_loaded(pki: Pki) -> None:
    """A thread of the parent was loading some."""
    begun, may_end = threading.Event(), threading.Event()

    def load() -> None:
        with _roots._lock:  # as long as a file is parsed
            begun.set()
            may_end.wait(DEADLINE)

    loading = Background(load)
    assert begun.wait(DEADLINE)
    outcome = outcome_of_a_child(lambda: pytls.create_default_context(cafile=pki.ca))
    may_end.set()
    loading.result()

    assert outcome == 0


def test_a_certificate_is_loaded(pki: Pki) -> None:
    """A thread of the parent was asking for the password, for the same context."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    asked, may_answer = threading.Event(), threading.Event()

    def password() -> str:
        asked.set()
        may_answer.wait(DEADLINE)
        return PASSWORD

    files = pki.server.chain, pki.locked_key
    loading = Background(context.load_cert_chain, *files, password)
    assert asked.wait(DEADLINE)
    outcome = outcome_of_a_child(lambda: context.load_cert_chain(*files, PASSWORD))
    may_answer.set()
    loading.result()

    assert outcome == 0
