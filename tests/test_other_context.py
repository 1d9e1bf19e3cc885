"""Giving a connection another context: where OpenSSL could go on with what it frees then."""

from __future__ import annotations

import gc
import select
import socket
import weakref
from pathlib import Path
from typing import Any

import pytest
from expected import needs
from peers import DEADLINE, client_context, server_context, tcp_pair
from pki import HOSTNAME, Pki

import pytls


def objects(client: Any, server: Any) -> tuple[Any, Any]:
    """Two ends that need nobody to carry their bytes: each writes what the other reads."""
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    return (
        client.wrap_bio(back, there, server_hostname=HOSTNAME),
        server.wrap_bio(there, back, server_side=True),
    )


def shake_hands(*ends: Any) -> None:
    """By turns, until both are done."""
    left = list(ends)
    for _ in range(10):
        for end in list(left):
            try:
                end.do_handshake()
            except pytls.SSLWantReadError:
                continue
            left.remove(end)
    assert not left


@needs("TLSv1_3")
def test_sni_callback_is_asked_again(pki: Pki) -> None:
    """Where the client has to say its hello twice, a context is given as often. RFC 8446 §4.1.4"""
    context = server_context(pytls, pki)
    context.set_ecdh_curve("secp384r1")
    given = []

    def answer(end: Any, *_: Any) -> None:
        given.append(server_context(pytls, pki))
        given[-1].sni_callback = answer
        end.context = given[-1]

    context.sni_callback = answer
    near, far = objects(client_context(pytls, pki), context)
    shake_hands(near, far)
    assert len(given) == 2
    assert far.context is given[1]


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.difference(
    "connections",
    "**`context` is not changed** within a callback other than SNI's, nor while the handshake "
    "waits to write: OpenSSL would sign by a certificate that is freed.",
)
def test_another_context_within_a_handshake(pki: Pki, tls_version: str, side: str) -> None:
    """OpenSSL would go on with a certificate that it frees here."""
    contexts = {
        "client": client_context(pytls, pki, tls_version),
        "server": server_context(pytls, pki, tls_version),
    }
    refused = []

    def change(end: Any, *_: Any) -> None:
        other = client_context(pytls, pki) if side == "client" else server_context(pytls, pki)
        with pytest.raises(ValueError, match="within handshake"):
            end.context = other
        refused.append(other)

    contexts[side]._msg_callback = change
    ends = dict(zip(contexts, objects(*contexts.values())))
    shake_hands(*ends.values())
    assert len(refused) > 5
    contexts[side]._msg_callback = None
    ends[side].context = refused[0]
    assert ends[side].context is refused[0]


@needs("TLSv1_3")
def test_another_context_while_a_flight_waits(pki: Pki, tmp_path: Path) -> None:
    """The same where OpenSSL has chosen a certificate, and has yet to sign with it."""
    chain = tmp_path / "chain.pem"
    own = Path(pki.server.both).read_text()
    ca = Path(pki.ca).read_text()
    chain.write_text(own + ca * 100)
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    near, far = tcp_pair()
    for sock, option in (near, socket.SO_RCVBUF), (far, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.setblocking(False)
    subject = context.wrap_socket(far, server_side=True, do_handshake_on_connect=False)
    peer = client_context(pytls, pki).wrap_socket(
        near, server_hostname=HOSTNAME, do_handshake_on_connect=False
    )
    with peer, subject:
        with pytest.raises(pytls.SSLWantReadError):
            peer.do_handshake()
        select.select([subject], [], [], DEADLINE)
        with pytest.raises(pytls.SSLWantWriteError):
            subject.do_handshake()
        with pytest.raises(ValueError, match="within handshake"):
            subject.context = server_context(pytls, pki)


@needs("SIGNATURE_NAMES")
def test_names_outlive_their_context(pki: Pki) -> None:
    """What was agreed on stands in the memory of a context that the connection has no more."""
    context = server_context(pytls, pki)
    context.sni_callback = lambda end, *_: setattr(end, "context", server_context(pytls, pki))
    near, far = objects(client_context(pytls, pki), context)
    shake_hands(near, far)
    agreed_on = weakref.ref(far.context._handle)
    far.context = context
    gc.collect()
    assert agreed_on()
    assert far.server_sigalg() == near.server_sigalg()
    del near, far
    gc.collect()
    assert not agreed_on()
