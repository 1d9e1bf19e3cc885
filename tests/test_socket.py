"""SSLSocket: every method that a program may call on it, one end pytls, the other as it comes."""

from __future__ import annotations

import array
import os
import pickle
import select
import socket
from pathlib import Path
from typing import Any

import pytest
from peers import RECORD, Background, Contexts, Ends, Pair, receive_exactly
from pki import HOSTNAME, LOOPBACK

import pytls

# Receiving


@pytest.mark.parametrize("method", ["recv", "read"])
def test_receiving_gives_no_more_than_was_asked_for(ends: Ends, method: str) -> None:
    """The rest of a record waits for the next call."""
    ends.peer.sendall(b"abcdefgh")
    receive = getattr(ends.subject, method)

    assert receive(3) == b"abc"
    assert ends.subject.pending() == 5
    assert receive(100) == b"defgh"
    assert ends.subject.pending() == 0


@pytest.mark.parametrize("method", ["recv", "read"])
def test_receiving_takes_1024_bytes_unless_told(ends: Ends, method: str) -> None:
    """The size may be left out, as recv() of a plain socket has no default."""
    ends.peer.sendall(bytes(2000))

    assert len(getattr(ends.subject, method)()) == 1024


@pytest.mark.parametrize("method", ["recv", "read"])
def test_receiving_nothing_gives_nothing_at_once(ends: Ends, method: str) -> None:
    """A size of 0 does not wait for data."""
    assert getattr(ends.subject, method)(0) == b""


def test_receiving_more_than_a_record_is_possible(ends: Ends) -> None:
    """A size beyond a record's is no error; the stream comes in its order."""
    sent = os.urandom(3 * RECORD)
    sending = Background(ends.peer.sendall, sent)

    first = ends.subject.recv(1 << 20)
    rest = receive_exactly(ends.subject, len(sent) - len(first))

    sending.result()
    assert first + rest == sent


@pytest.mark.parametrize(
    "buffer",
    [bytearray(8), array.array("B", bytes(8)), memoryview(bytearray(8)), array.array("I", [0, 0])],
    ids=["bytearray", "array-of-bytes", "memoryview", "array-of-ints"],
)
def test_recv_into_fills_any_writable_buffer(ends: Ends, buffer: Any) -> None:
    """What arrives overwrites the buffer's beginning, whatever its items are."""
    ends.peer.sendall(b"12345")

    assert ends.subject.recv_into(buffer) == 5
    assert bytes(buffer)[:5] == b"12345"


def test_recv_into_stops_at_nbytes(ends: Ends) -> None:
    """Bytes beyond nbytes stay as they were."""
    buffer = bytearray(b"........")
    ends.peer.sendall(b"12345")

    assert ends.subject.recv_into(buffer, 3) == 3
    assert buffer == b"123....."
    assert ends.subject.recv_into(buffer, nbytes=8) == 2
    assert buffer == b"453....."


def test_recv_into_a_slice_leaves_the_rest(ends: Ends) -> None:
    """A memoryview's slice is filled where it lies."""
    buffer = bytearray(b"........")
    ends.peer.sendall(b"12345")

    assert ends.subject.recv_into(memoryview(buffer)[2:4]) == 2
    assert buffer == b"..12...."


def test_a_buffer_is_free_again_after_recv_into(ends: Ends) -> None:
    """No export stays behind that would forbid resizing."""
    buffer = bytearray(8)
    ends.peer.sendall(b"12345")
    ends.subject.recv_into(buffer)

    buffer.extend(b"more")

    assert len(buffer) == 12


def test_read_fills_a_buffer_too(ends: Ends) -> None:
    """read(n, buffer) returns the count."""
    buffer = bytearray(b"........")
    ends.peer.sendall(b"12345")

    assert ends.subject.read(3, buffer) == 3
    assert buffer == b"123....."


def test_pending_data_is_there_though_select_sees_none(ends: Ends) -> None:
    """What TLS has decrypted is no longer in the socket: pending() tells of it."""
    ends.peer.sendall(b"abcdefgh")
    ends.subject.recv(1)

    readable, _, _ = select.select([ends.subject], [], [], 0)

    assert readable == []
    assert ends.subject.pending() == 7


# Sending


@pytest.mark.parametrize(
    "data",
    [
        b"bytes",
        bytearray(b"bytearray"),
        memoryview(b"memoryview"),
        memoryview(b"a slice of one")[2:7],
        array.array("I", [1, 2, 3]),
    ],
    ids=["bytes", "bytearray", "memoryview", "slice", "array-of-ints"],
)
@pytest.mark.parametrize("method", ["send", "write", "sendall"])
def test_any_buffer_is_sent(ends: Ends, method: str, data: Any) -> None:
    """send() and write() count bytes, sendall() returns None."""
    sent = bytes(data)

    result = getattr(ends.subject, method)(data)

    assert result == (None if method == "sendall" else len(sent))
    assert receive_exactly(ends.peer, len(sent)) == sent


@pytest.mark.parametrize(("method", "result"), [("send", 0), ("write", 0), ("sendall", None)])
def test_nothing_is_sent_for_no_bytes(ends: Ends, method: str, result: int | None) -> None:
    """An empty buffer is no error, and no end of the stream."""
    assert getattr(ends.subject, method)(b"") == result

    ends.subject.sendall(b"after")
    assert ends.peer.recv(100) == b"after"


@pytest.mark.parametrize("method", ["send", "write"])
def test_a_blocking_send_takes_everything(ends: Ends, method: str) -> None:
    """On a socket that waits, send() and write() are as good as sendall()."""
    sent = os.urandom(1 << 20)
    receiving = Background(receive_exactly, ends.peer, len(sent))

    assert getattr(ends.subject, method)(sent) == len(sent)

    assert receiving.result() == sent


def test_sendall_sends_megabytes(ends: Ends) -> None:
    """A buffer far beyond what the kernel takes at once arrives whole."""
    sent = os.urandom(5 << 20)
    receiving = Background(receive_exactly, ends.peer, len(sent))

    ends.subject.sendall(sent)

    assert receiving.result() == sent


@pytest.mark.parametrize(
    ("offset", "count"),
    [(0, None), (7, None), (0, 100), (7, 50000), (100000, None)],
    ids=["whole", "offset", "count", "offset-and-count", "nothing-left"],
)
def test_sendfile_sends_a_part_of_a_file(
    ends: Ends, tmp_path: Path, offset: int, count: int | None
) -> None:
    """It returns how many bytes it sent, and leaves the file after them."""
    content = os.urandom(100_000)
    path = tmp_path / "body"
    path.write_bytes(content)
    wanted = content[offset:] if count is None else content[offset : offset + count]
    receiving = Background(receive_exactly, ends.peer, len(wanted))

    with path.open("rb") as file:
        assert ends.subject.sendfile(file, offset, count) == len(wanted)
        assert file.tell() == offset + len(wanted)

    assert receiving.result() == wanted


# makefile


def test_a_file_over_the_connection_reads_and_writes(ends: Ends) -> None:
    """makefile("rwb") buffers both ways; lines are lines."""
    with ends.subject.makefile("rwb") as file:
        file.write(b"first\nsecond\n")
        file.flush()
        assert receive_exactly(ends.peer, 13) == b"first\nsecond\n"
        ends.peer.sendall(b"one\ntwo\n")
        assert file.readline() == b"one\n"
        assert file.readline() == b"two\n"


def test_a_text_file_over_the_connection_decodes(ends: Ends) -> None:
    """makefile() with an encoding and a newline deals in str."""
    with ends.subject.makefile("rw", encoding="utf-8", newline="\r\n") as file:
        file.write("é\n")
        file.flush()
        assert receive_exactly(ends.peer, 4) == b"\xc3\xa9\r\n"


def test_an_unbuffered_file_is_the_socket_itself(ends: Ends) -> None:
    """makefile("rb", 0) is a SocketIO that reads into a caller's buffer."""
    with ends.subject.makefile("rb", buffering=0) as file:
        assert isinstance(file, socket.SocketIO)
        ends.peer.sendall(b"12345")
        buffer = bytearray(3)
        assert file.readinto(buffer) == 3
        assert buffer == b"123"


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_file_is_read_to_the_end(ends: Ends, buffering: int) -> None:
    """read() gives what is left, of however many records."""
    sent = os.urandom(5 * RECORD + 1)

    def send() -> None:
        ends.peer.sendall(sent)
        ends.peer.shutdown(socket.SHUT_WR)

    sending = Background(send)
    with ends.subject.makefile("rb", buffering=buffering) as file:
        assert file.read(100) == sent[:100]
        assert file.read() == sent[100:]
        assert file.read() == b""
    sending.result()


def test_a_file_that_has_timed_out_gives_no_more(ends: Ends) -> None:
    """What was read before the timeout is lost, so the stream has a hole."""
    ends.peer.sendall(b"half")
    ends.subject.settimeout(0.05)
    with ends.subject.makefile("rb") as file:
        with pytest.raises(socket.timeout):
            file.read()
        with pytest.raises(OSError, match="cannot read from timed out object"):
            file.read()


def test_a_file_without_waiting_says_what_it_wants(ends: Ends) -> None:
    """read() on a non-blocking connection, as ssl has it."""
    ends.subject.setblocking(False)
    with ends.subject.makefile("rb", buffering=0) as file, pytest.raises(pytls.SSLWantReadError):
        file.read()


def test_a_file_outlives_the_socket_it_came_from(ends: Ends) -> None:
    """The connection is closed only when its last file is."""
    file = ends.subject.makefile("rb")
    ends.subject.close()
    ends.peer.sendall(b"still here\n")

    assert file.readline() == b"still here\n"
    assert ends.subject.fileno() >= 0

    file.close()
    assert ends.subject.fileno() == -1


def test_a_file_ends_where_the_stream_does(ends: Ends) -> None:
    """read() returns everything up to the peer's close_notify."""
    ends.peer.sendall(b"all there is")
    unwrapping = Background(ends.peer.unwrap)

    with ends.subject.makefile("rb") as file:
        assert file.read() == b"all there is"

    ends.subject.unwrap()
    unwrapping.result()


# A socket like any other


def test_it_is_a_socket(ends: Ends, pair: Pair) -> None:
    """SSLSocket is a subclass of socket.socket, and has its attributes."""
    subject = ends.subject

    assert isinstance(subject, socket.socket)
    assert isinstance(subject, pytls.SSLSocket)
    assert (subject.family, subject.type) == (socket.AF_INET, socket.SOCK_STREAM)
    assert subject.getpeername() == ends.peer.getsockname()
    assert subject.getsockname() == ends.peer.getpeername()
    assert subject.fileno() >= 0
    assert subject.server_side == (subject is pair.server)
    assert subject.server_hostname == (None if subject.server_side else HOSTNAME)


def test_it_says_what_it_is(ends: Ends) -> None:
    """repr() names the class and the descriptor."""
    assert f"SSLSocket fd={ends.subject.fileno()}" in repr(ends.subject)


def test_its_context_is_the_one_that_wrapped_it(contexts: Contexts, pair: Pair) -> None:
    """The context attribute is the very object."""
    assert pair.client.context is contexts.client
    assert pair.server.context is contexts.server


def test_options_of_the_socket_are_those_of_tcp(ends: Ends) -> None:
    """setsockopt() and getsockopt() reach the socket below."""
    ends.subject.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    assert ends.subject.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1


def test_timeouts_are_kept(ends: Ends) -> None:
    """settimeout(), setblocking() and their getters agree, as with a plain socket."""
    subject = ends.subject
    seen = []
    for change, value in [
        ("settimeout", 2.5),
        ("settimeout", None),
        ("settimeout", 0),
        ("setblocking", True),
        ("setblocking", False),
    ]:
        getattr(subject, change)(value)
        seen.append((subject.gettimeout(), subject.getblocking()))

    assert seen == [(2.5, True), (None, True), (0.0, False), (None, True), (0.0, False)]


def test_it_can_not_be_pickled(ends: Ends) -> None:
    """A connection belongs to its process."""
    with pytest.raises(TypeError):
        pickle.dumps(ends.subject)


@pytest.mark.parametrize(
    ("method", "arguments", "error"),
    [
        ("dup", (), NotImplementedError),
        ("recvfrom", (1,), ValueError),
        ("recvfrom_into", (bytearray(1),), ValueError),
        ("sendto", (b"x", ("127.0.0.1", 9)), ValueError),
        ("recvmsg", (1,), NotImplementedError),
        ("recvmsg_into", ([bytearray(1)],), NotImplementedError),
        ("sendmsg", ([b"x"],), NotImplementedError),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_has_no_meaning_over_tls_is_refused(
    ends: Ends, method: str, arguments: tuple[Any, ...], error: type[Exception]
) -> None:
    """Datagrams, ancillary data and duplicates are refused with the method's name."""
    with pytest.raises(error, match=method):
        getattr(ends.subject, method)(*arguments)


@pytest.mark.parametrize(
    ("method", "argument"),
    [("recv", 1), ("recv_into", bytearray(1)), ("send", b"x"), ("sendall", b"x")],
    ids=["recv", "recv_into", "send", "sendall"],
)
def test_flags_are_refused(ends: Ends, method: str, argument: Any) -> None:
    """A flag such as MSG_PEEK has no meaning over TLS."""
    with pytest.raises(ValueError, match=rf"non-zero flags not allowed in calls to {method}\(\)"):
        getattr(ends.subject, method)(argument, flags=socket.MSG_PEEK)


def test_a_connected_socket_does_not_connect_again(pair: Pair) -> None:
    """connect() and connect_ex() refuse a client that has its connection, and any server."""
    for method in pair.client.connect, pair.client.connect_ex:
        with pytest.raises(ValueError, match="already-connected"):
            method((LOOPBACK, 9))
    for method in pair.server.connect, pair.server.connect_ex:
        with pytest.raises(ValueError, match="server-side"):
            method((LOOPBACK, 9))
