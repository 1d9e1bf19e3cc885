"""One context, object or socket in many threads: never a crash, a deadlock or a wrong byte.

Each in a process of its own, which a fault may end. ``python tests/sharing.py ssl 10`` tells what
the interpreter's `ssl` does in its place; docs/reliability.md has what came of that.
"""

from __future__ import annotations

import ssl
import threading
import time

import pytest
import sharing
from expected import lacks
from peers import SHORT, Background, Contexts, connected, handshaken, receive_exactly, tcp_pair
from pki import HOSTNAME, Pki

import pytls

SECONDS = 1.5


@pytest.mark.difference(
    "connections",
    "**A context may be changed** while other threads shake hands with it, and an `SSLObject` may "
    "be used in two: a setting is replaced between OpenSSL's calls, not under them.",
)
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "names",
    ["ciphers", "certificate", "groups", ",".join(sharing.SETTINGS), *sharing.SCENES],
    ids=["ciphers", "certificate", "groups", "all-settings", *sharing.SCENES],
)
def test_several_threads_share_it(pki: Pki, names: str) -> None:
    """What it comes to is right, or an SSLError that says what the change has made of it."""
    status, told = sharing.run("pytls", SECONDS, names, pki.ca, pki.server.both)
    assert status == 0, told


@lacks("LOCKS")
@pytest.mark.timeout(60)
@pytest.mark.parametrize("names", ["ciphers", *sharing.SCENES])
def test_openssl_without_locks_gets_one(pki: Pki, names: str) -> None:
    """As where no call can keep the interpreter's: on PyPy, and on a Python without one."""
    first = "import ctypes; vars(ctypes).pop('PyDLL', None)"
    status, told = sharing.run("pytls", SECONDS, names, pki.ca, pki.server.both, first)
    assert status == 0, told


def test_a_change_waits_for_nobody(contexts: Contexts) -> None:
    """Not for a handshake whose peer says nothing, nor for a reader that waits."""
    near, far = tcp_pair()
    silent = Background(contexts.client.wrap_socket, near, server_hostname=HOSTNAME)
    with connected(contexts) as pair:
        reading = Background(pair.client.recv, 10)
        time.sleep(SHORT)
        for context in contexts:
            Background(context.set_ciphers, "HIGH").result(5)
            Background(context.set_alpn_protocols, ["x"]).result(5)
        pair.server.sendall(b"still here")
        assert reading.result() == b"still here"
    far.close()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        silent.result()


def test_a_callback_may_change_its_context(pki: Pki) -> None:
    """Two at once, though each holds a connection that a change would wait for."""
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.server.both)
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(pki.ca)
    both = threading.Barrier(2, timeout=5)

    def change(*_: object) -> None:
        both.wait()
        server.set_ciphers("HIGH")
        server.load_cert_chain(pki.server.both)
        both.wait()

    server.sni_callback = change
    shaking = [Background(handshaken, Contexts(client, server)) for _ in range(2)]
    for pair in [thread.result() for thread in shaking]:
        with pair.client, pair.server:
            pair.client.sendall(b"whole")
            assert receive_exactly(pair.server, 5) == b"whole"


def test_connections_are_made_while_a_password_is_typed(pki: Pki) -> None:
    """Who asks for it may take his time."""
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.server.both)
    asked, typed = threading.Event(), threading.Event()

    def password() -> str:
        asked.set()
        assert typed.wait(10)
        return "sésame"

    loading = Background(server.load_cert_chain, pki.server.chain, pki.locked_key, password)
    assert asked.wait(5)
    server.wrap_bio(pytls.MemoryBIO(), pytls.MemoryBIO(), server_side=True)
    Background(server.set_ciphers, "HIGH").result(5)
    typed.set()
    loading.result()
