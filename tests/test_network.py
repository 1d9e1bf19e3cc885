"""Whatever the network does: the exception that `ssl` raises, in time, and not a byte made up."""

from __future__ import annotations

import os
import socket
import ssl
import time
from typing import Any

import pytest
from expected import ANSWERS_AS, SAME_FLIGHTS, SAME_LIBRARY, VERSIONS
from faults import MESSAGES, End, Fault, Network, contexts
from outcomes import Raised, comparable
from peers import DEADLINE, SHORT, Background, ByHand, client_context, takes_about, tcp_pair
from pki import HOSTNAME, Credentials, Pki

import pytls

WHOLE = b"".join(MESSAGES)

#: PYTLS_THOROUGH=1 strikes at every byte, which takes a minute (docs/reliability.md)
STEP = 1 if os.environ.get("PYTLS_THOROUGH") else 29

#: each costs a tenth of a second
SILENCES = 300 if STEP == 1 else 4

#: the Python from which `ssl` tells these faults as it does now
SINCE = {"fin": (3, 10), "reset": (3, 13), "silence": (3, 10), "": (3, 10)}

ends = pytest.mark.parametrize("end", ["client", "server"])
versions = pytest.mark.parametrize("version", VERSIONS)


@pytest.fixture
def try_out(pki: Pki, rsa: Credentials, end: str, version: str) -> Any:
    """What comes of a fault: pytls alone, or compared with `ssl`.

    Signatures of RSA are of one length: so a byte of a handshake is the same byte in each.
    """
    made = {m: contexts(m, end, pki, rsa, version) for m in (pytls, ssl)}

    def attempt(fault: Fault, compared: bool = True) -> End:
        found = Network(made[pytls], end, fault).run()
        assert WHOLE.startswith(found.received)
        assert found.error is not None or found.received == WHOLE
        if compared and SAME_FLIGHTS and SINCE[fault.cut] <= ANSWERS_AS:
            wanted = Network(made[ssl], end, fault).run()
            assert found.received == wanted.received, fault
            assert alike(found.error, wanted.error), (fault, found.error, wanted.error)
        return found

    return attempt


NO_RECORD = {"WRONG_VERSION_NUMBER", "PACKET_LENGTH_TOO_LONG"}
"""What is said of bytes that are no record. Behind a wrong length they are random, and decide."""


def alike(found: Raised | None, wanted: Raised | None) -> bool:
    """Whether two ends of a connection are the same to a program."""
    if found is not None and wanted is not None and {found.reason, wanted.reason} == NO_RECORD:
        return found.error is wanted.error
    if found is None or wanted is None or SAME_LIBRARY:
        return found == wanted
    one, other = comparable(found, wanted)
    return bool(one == other)


def descriptors() -> int:
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))


@pytest.fixture(autouse=True)
def no_descriptor_is_left() -> Any:
    """Whatever fails."""
    if not os.path.isdir("/proc/self/fd"):
        yield
        return
    before = descriptors()
    yield
    assert descriptors() <= before


@ends
@versions
@pytest.mark.parametrize("piece", [1, 2, 3, 5, 100])
def test_in_pieces(try_out: Any, piece: int) -> None:
    """A stream that arrives in single bytes is the same stream."""
    found = try_out(Fault(piece=piece))
    assert found.received == WHOLE
    assert found.error is None


@ends
@versions
@pytest.mark.parametrize("cut", ["fin", "reset"])
@pytest.mark.timeout(120)
def test_cut_anywhere(try_out: Any, cut: str) -> None:
    """Cut after each byte of a handshake and of a stream: an error, never an orderly end."""
    size = try_out(Fault()).sent
    for at in [*range(12), *range(12, size, STEP)]:
        # A reset may overtake what was sent before it: then less of that is read
        found = try_out(Fault(at=at, cut=cut), compared=at % 4 == 0 and cut == "fin")
        assert found.error is not None, at
        expected = (ssl.SSLEOFError, ConnectionResetError, BrokenPipeError)
        assert found.error.error in expected, (at, found.error)


@ends
@versions
@pytest.mark.timeout(120)
def test_silence_anywhere(try_out: Any) -> None:
    """The peer says no more, in the middle of whatever: a call ends when its timeout is over."""
    size = try_out(Fault()).sent
    for at in [0, 3, 5, 60, *range(200, size, max(size // SILENCES, 1))]:
        found = try_out(Fault(at=at, cut="silence"), compared=at in (0, 60))
        assert found.error is not None, at
        assert found.error.error is socket.timeout, (at, found.error)


@ends
@versions
def test_without_close_notify(try_out: Any) -> None:
    """All has come, but nobody said so: a ragged end is an error unless the program allows it."""
    found = try_out(Fault(last_words=False))
    assert found.received == WHOLE
    assert found.error is not None
    assert found.error.error is ssl.SSLEOFError


@ends
@versions
@pytest.mark.timeout(120)
def test_bits_turned_over(try_out: Any) -> None:
    """Sooner or later in the stream: no altered byte is delivered."""
    size = try_out(Fault()).sent
    for at in [*range(12), *range(12, size, STEP)]:
        flip = 1 << at % 8
        found = try_out(Fault(at=at, flip=flip), compared=at % 4 == 0)
        # Some bits carry no meaning: a record's version, say
        assert found.error is not None or found.received == WHOLE


RECORDS = {
    "warning": b"\x15\x03\x03\x00\x02\x01\x5a",
    "fatal": b"\x15\x03\x03\x00\x02\x02\x28",
    "close": b"\x15\x03\x03\x00\x02\x01\x00",
    "data": b"\x17\x03\x03\x00\x20" + bytes(32),
    "handshake": b"\x16\x03\x03\x00\x04\x00\x00\x00\x00",
    "change-cipher-spec": b"\x14\x03\x03\x00\x01\x01",
    "empty": b"\x17\x03\x03\x00\x00",
    "too-long": b"\x17\x03\x03\xff\xff",
    "unknown": b"\x63\x03\x03\x00\x01\x00",
}


@ends
@versions
@pytest.mark.parametrize("record", RECORDS.values(), ids=list(RECORDS))
def test_records_put_in(try_out: Any, record: bytes) -> None:
    """Somebody on the way adds records of his own, in the handshake and after it."""
    size = try_out(Fault()).sent
    for at in (0, 5, 100, size // 2, size - 24):
        # Releases differ in this; and what follows the first hundred bytes is by chance
        try_out(Fault(at=at, inject=record), compared=SAME_LIBRARY and at != 100)


# Time


def trickle(sock: socket.socket, data: bytes) -> None:
    """A byte now and then, so that a wait for the next one alone would never time out."""
    try:
        for at in range(len(data)):
            time.sleep(SHORT / 10)
            sock.sendall(data[at : at + 1])
    except OSError:
        pass


@pytest.mark.parametrize("call", ["handshake", "recv", "unwrap"])
def test_a_timeout_is_for_the_whole_call(pki: Pki, call: str) -> None:
    """However often a byte arrives meanwhile."""
    near, far = tcp_pair()
    with far:
        peer = ByHand(far, pki)
        if call == "handshake":
            with client_context(pytls, pki).wrap_socket(
                near, server_hostname=HOSTNAME, do_handshake_on_connect=False
            ) as sock:
                sock.settimeout(2 * SHORT)
                slowly = Background(trickle, far, b"\x16\x03\x03\x40\x00\x02" + bytes(200))
                with takes_about(2 * SHORT), pytest.raises(socket.timeout):
                    sock.do_handshake()
        else:
            handshaking = Background(peer.handshake)
            with client_context(pytls, pki).wrap_socket(near, server_hostname=HOSTNAME) as sock:
                handshaking.result()
                sock.settimeout(2 * SHORT)
                slowly = Background(trickle, far, peer.encrypt(bytes(300)))
                with takes_about(2 * SHORT), pytest.raises(socket.timeout):
                    sock.recv(1) if call == "recv" else sock.unwrap()
    slowly.result(DEADLINE)


def test_a_half_closed_connection(pki: Pki) -> None:
    """The peer has said its last word and still listens."""
    near, far = tcp_pair()
    peer = ByHand(far, pki)
    handshaking = Background(peer.handshake)
    with far, client_context(pytls, pki).wrap_socket(near, server_hostname=HOSTNAME) as sock:
        handshaking.result()
        with pytest.raises(ssl.SSLWantReadError):
            peer.tls.unwrap()
        far.sendall(peer.outgoing.read())
        far.shutdown(socket.SHUT_WR)
        assert sock.recv(10) == b""
        sock.sendall(b"still talking")
        peer.incoming.write(far.recv(65536))
        assert peer.tls.read(100) == b"still talking"
        assert sock.recv(10) == b""
