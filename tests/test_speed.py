"""What is done for speed changes no answer: whole records, waiting at once, not asking again."""

from __future__ import annotations

import socket
import ssl
from typing import Any

import pytest
from expected import SAME_LIBRARY
from peers import Background, Contexts, Ends, connected, settle
from pki import HOSTNAME, Pki

import pytls

RECORD = 16384


def receive_some(sock: Any, into: bool, size: int) -> bytes:
    """Up to `size` bytes, by recv or recv_into."""
    if not into:
        return bytes(sock.recv(size))
    room = bytearray(size)
    return bytes(room[: sock.recv_into(room)])


@pytest.mark.parametrize("into", [False, True], ids=["recv", "recv_into"])
@pytest.mark.parametrize("then_into", [False, True], ids=["recv", "recv_into"])
def test_what_is_left_of_a_record_is_pending(ends: Ends, into: bool, then_into: bool) -> None:
    """It is told, and comes first whichever way it is asked for."""
    ends.peer.sendall(b"0123456789")
    assert receive_some(ends.subject, into, 4) == b"0123"
    assert ends.subject.pending() == 6
    assert receive_some(ends.subject, then_into, 2) == b"45"
    assert ends.subject.pending() == 4
    assert receive_some(ends.subject, then_into, 100) == b"6789"
    assert ends.subject.pending() == 0


@pytest.mark.parametrize("into", [False, True], ids=["recv", "recv_into"])
@pytest.mark.parametrize("timeout", [None, 5], ids=["blocking", "timeout"])
def test_nobody_waits_for_what_is_there(ends: Ends, into: bool, timeout: float | None) -> None:
    """After a message of one's own, too: only the peer's silence is worth a wait."""
    ends.subject.settimeout(timeout)
    ends.peer.sendall(b"0123456789")
    assert receive_some(ends.subject, into, 4) == b"0123"
    ends.subject.sendall(b"go on")
    assert receive_some(ends.subject, into, 6) == b"456789"
    ends.subject.sendall(b"answer")
    assert ends.peer.recv(100) + ends.peer.recv(100) == b"go onanswer"
    answering = Background(ends.peer.sendall, b"here")
    assert receive_some(ends.subject, into, 100) == b"here"
    answering.result()


def test_a_timeout_that_is_spent_waiting_for_an_answer(ends: Ends) -> None:
    """The wait that comes first is as long as any."""
    ends.subject.settimeout(0.05)
    ends.subject.sendall(b"question")
    with pytest.raises(socket.timeout, match="read"):
        ends.subject.recv(1)
    ends.peer.sendall(b"late")
    assert ends.subject.recv(10) == b"late"


def test_no_answer_but_the_end(ends: Ends) -> None:
    """A peer that closes ends the wait."""
    ends.subject.sendall(b"question")
    assert ends.peer.recv(100) == b"question"
    ends.peer.close()
    assert ends.subject.recv(10) == b""


def unwrap_beside_data(module: Any, pki: Pki) -> Any:
    """What unwrap() raises while part of a record is unread."""
    client = module.create_default_context(cafile=pki.ca)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.server.both)
    with connected(Contexts(client, server)) as pair:
        pair.server.sendall(b"0123456789")
        assert pair.client.recv(4) == b"0123"
        try:
            pair.client.unwrap()
        except OSError as error:
            return type(error), getattr(error, "library", None), getattr(error, "reason", None)
        return None


@pytest.mark.skipif(not SAME_LIBRARY, reason="releases differ in this")
def test_unwrap_before_all_was_read(pki: Pki) -> None:
    """It is refused as ever: nothing is lost without a word."""
    assert unwrap_beside_data(pytls, pki) == unwrap_beside_data(ssl, pki)


@pytest.mark.parametrize("size", [RECORD - 1, RECORD, RECORD + 1, 3 * RECORD, 200_000])
@pytest.mark.parametrize("step", [1000, RECORD - 1, RECORD, RECORD + 1, 65536])
def test_every_size_by_every_step(ends: Ends, size: int, step: int) -> None:
    """No byte more or less, at the edges of a record and of what is kept of one."""
    settle(ends)
    content = bytes(range(251)) * (size // 251 + 1)
    content = content[:size]
    sending = Background(ends.peer.sendall, content)
    received = b""
    while len(received) < size:
        part = ends.subject.recv(step)
        assert 0 < len(part) <= step
        received += part
    sending.result()
    assert received == content


def objects(pki: Pki) -> tuple[Any, Any, Any, Any]:
    """A client and a server after their handshake, and the BIOs between them."""
    client = pytls.create_default_context(cafile=pki.ca)
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pki.server.both)
    there, back = pytls.MemoryBIO(), pytls.MemoryBIO()
    near = client.wrap_bio(back, there, server_hostname=HOSTNAME)
    far = server.wrap_bio(there, back, server_side=True)
    for end in (near, far, near, far):
        try:
            end.do_handshake()
        except pytls.SSLWantReadError:
            pass
    return near, far, there, back


def test_two_ends_on_the_same_buffers(pki: Pki) -> None:
    """What one writes, the other finds, though it has found nothing before."""
    near, far, there, _ = objects(pki)
    for turn in range(3):
        for _ in range(2):
            with pytest.raises(pytls.SSLWantReadError):
                far.read()
        near.write(b"%d" % turn)
        assert there.pending
        assert far.read() == b"%d" % turn


def test_a_buffer_that_was_empty_is_asked_again_at_its_end() -> None:
    """As if it had been written to."""
    incoming = pytls.MemoryBIO()
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, pytls.CERT_NONE
    lone = context.wrap_bio(incoming, pytls.MemoryBIO())
    with pytest.raises(pytls.SSLWantReadError):
        lone.do_handshake()
    with pytest.raises(pytls.SSLWantReadError):
        lone.read()
    incoming.write_eof()
    with pytest.raises(pytls.SSLError) as refused:
        lone.read()
    assert not isinstance(refused.value, pytls.SSLWantReadError)


@pytest.mark.parametrize("size", [100, RECORD - 1, RECORD, RECORD + 1, 5 * RECORD])
def test_a_buffer_gives_back_what_was_put_in(size: int) -> None:
    """Whatever is read at once, and whatever was read before."""
    bio = pytls.MemoryBIO()
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    for steps in ([-1], [100, -1], [RECORD, RECORD, -1], [size], [size + 1], [RECORD + 1, -1]):
        for _ in range(2):
            bio.write(content)
            parts = [bio.read(step) for step in steps]
            assert b"".join(parts) + bio.read() == content
            assert all(len(part) <= step for part, step in zip(parts, steps) if step >= 0)
            assert bio.read() == b""
            assert bio.pending == 0


def test_each_caller_of_getpeercert_has_a_dict_of_its_own(ends: Ends) -> None:
    """What one changes in it, nobody else sees."""
    told = ends.subject.getpeercert()
    if told:  # a server asks for none
        told.clear()
        assert ends.subject.getpeercert() == ends.subject.getpeercert() != {}
