"""How the connection of an SSLSocket begins and ends, and who closes what."""

from __future__ import annotations

import gc
import os
import socket
from typing import Any, Iterator

import pytest
from peers import (
    DEADLINE,
    Background,
    Contexts,
    Ends,
    Pair,
    Sides,
    close_both_ways,
    hears_the_end,
    receive_all,
    settle,
    tcp_pair,
)
from pki import HOSTNAME, LOOPBACK

import pytls

# Connecting and accepting


@pytest.fixture
def listening(contexts: Contexts) -> Iterator[Any]:
    """A server's SSLSocket that listens."""
    with contexts.server.wrap_socket(socket.socket(), server_side=True) as sock:
        sock.bind((LOOPBACK, 0))
        sock.listen(1)
        sock.settimeout(DEADLINE)
        yield sock


@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_a_client_wraps_when_it_connects(contexts: Contexts, listening: Any, method: str) -> None:
    """An unconnected client handshakes in connect(); a listener wraps what it accepts."""
    accepting = Background(listening.accept)
    with contexts.client.wrap_socket(socket.socket(), server_hostname=HOSTNAME) as client:
        assert client.version() is None
        assert client.cipher() is None
        assert client.pending() == 0

        assert getattr(client, method)(listening.getsockname()) in (None, 0)

        server, address = accepting.result()
        with server:
            assert address == client.getsockname()
            assert server.server_side
            assert server.context is contexts.server
            server.sendall(b"welcome")
            assert client.recv(100) == b"welcome"


def test_connect_ex_tells_an_error_by_its_number(contexts: Contexts) -> None:
    """A refused connection is a number, and the socket may try again."""
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        with contexts.client.wrap_socket(socket.socket(), server_hostname=HOSTNAME) as client:
            assert os.strerror(client.connect_ex(unused.getsockname())) == "Connection refused"


def test_connect_raises_what_the_socket_raises(contexts: Contexts) -> None:
    """A refused connection is a ConnectionRefusedError."""
    with socket.socket() as unused:
        unused.bind((LOOPBACK, 0))
        client = contexts.client.wrap_socket(socket.socket(), server_hostname=HOSTNAME)
        with client, pytest.raises(ConnectionRefusedError):
            client.connect(unused.getsockname())


def test_the_handshake_may_be_left_to_the_program(contexts: Contexts, listening: Any) -> None:
    """Without do_handshake_on_connect, connect() and accept() only connect."""
    listening.do_handshake_on_connect = False
    with contexts.client.wrap_socket(
        socket.socket(), server_hostname=HOSTNAME, do_handshake_on_connect=False
    ) as client:
        client.connect(listening.getsockname())
        server, _ = listening.accept()
        with server:
            assert client.version() is None
            with pytest.raises(ValueError, match="handshake not done yet"):
                client.getpeercert()

            handshaking = Background(server.do_handshake)
            client.do_handshake()
            handshaking.result()

            assert client.version() == server.version() is not None


def test_what_it_accepts_inherits_how_it_was_wrapped(contexts: Contexts) -> None:
    """suppress_ragged_eofs of the listener holds for its connections."""
    with contexts.server.wrap_socket(
        socket.create_server((LOOPBACK, 0)), server_side=True, suppress_ragged_eofs=False
    ) as listening:
        accepting = Background(listening.accept)
        with contexts.client.wrap_socket(socket.socket(), server_hostname=HOSTNAME) as client:
            client.connect(listening.getsockname())
            server, _ = accepting.result()
        with server:
            assert server.suppress_ragged_eofs is False


# The end


def test_without_close_notify_the_stream_just_ends(ends: Ends) -> None:
    """suppress_ragged_eofs, the default, makes of a cut connection an ordinary end."""
    settle(ends)
    ends.peer.sendall(b"last")
    ends.peer.close()

    assert receive_all(ends.subject) == b"last"
    assert ends.subject.recv_into(bytearray(1)) == 0


@pytest.mark.parametrize("method", ["recv", "read", "recv_into"])
def test_without_close_notify_an_error_may_be_wanted(ends: Ends, method: str) -> None:
    """Unless suppress_ragged_eofs, a cut connection raises SSLEOFError."""
    settle(ends)
    ends.subject.suppress_ragged_eofs = False
    ends.peer.sendall(b"last")
    ends.peer.close()
    assert ends.subject.recv(100) == b"last"

    with pytest.raises(pytls.SSLEOFError) as error:
        getattr(ends.subject, method)(bytearray(1) if method == "recv_into" else 1)

    assert error.value.errno == pytls.SSL_ERROR_EOF
    assert "EOF occurred in violation of protocol" in str(error.value)


def test_close_notify_is_no_ragged_end(ends: Ends) -> None:
    """With close_notify the stream ends without an error, whatever suppress_ragged_eofs."""
    ends.subject.suppress_ragged_eofs = False
    unwrapping = Background(ends.peer.unwrap)

    assert ends.subject.recv(1) == b""
    assert ends.subject.recv(1) == b""

    ends.subject.unwrap()
    unwrapping.result()


def test_unwrap_gives_the_socket_back_in_plain(pair: Pair) -> None:
    """What unwrap() returns talks in plain text, also with the methods refused over TLS."""
    close_both_ways(pair)
    plain, peer = pair.client, pair.server

    plain.send(b"plain", 0)
    assert peer.recv(100, socket.MSG_PEEK) == b"plain"
    assert peer.recvfrom(100)[0] == b"plain"
    assert plain.version() is None
    assert plain.cipher() is None
    with pytest.raises(ValueError, match="No SSL wrapper around"):
        plain.unwrap()
    with pytest.raises(ValueError, match="closed or unwrapped"):
        plain.read(1)
    with pytest.raises(ValueError, match="closed or unwrapped"):
        plain.write(b"x")


def test_shutdown_ends_the_connection_for_the_peer(ends: Ends) -> None:
    """After shutdown(SHUT_WR) the peer sees the end."""
    ends.subject.shutdown(socket.SHUT_WR)

    assert hears_the_end(ends.peer)


def test_close_closes(ends: Ends) -> None:
    """After close() there is no descriptor, and the peer sees the end; twice is no error."""
    ends.subject.close()
    ends.subject.close()

    assert ends.subject.fileno() == -1
    assert hears_the_end(ends.peer)
    with pytest.raises(OSError, match="Bad file descriptor"):
        ends.subject.recv(1)


def test_leaving_a_with_block_closes(ends: Ends) -> None:
    """SSLSocket is its own context manager."""
    with ends.subject as entered:
        assert entered is ends.subject

    assert ends.subject.fileno() == -1


def test_detach_gives_the_descriptor_away(ends: Ends) -> None:
    """detach() leaves the TCP connection open under its number."""
    number = ends.subject.fileno()

    assert ends.subject.detach() == number

    assert ends.subject.fileno() == -1
    with socket.socket(fileno=number) as plain:
        assert plain.getpeername() == ends.peer.getsockname()


def test_an_unclosed_socket_is_reported_and_closed(contexts: Contexts) -> None:
    """Garbage collection warns as it does of a plain socket, and the peer sees the end."""
    near, far = tcp_pair()
    accepting = Background(contexts.server.wrap_socket, far, server_side=True)
    client = contexts.client.wrap_socket(near, server_hostname=HOSTNAME)
    with accepting.result() as server:
        with pytest.warns(ResourceWarning, match="unclosed"):  # noqa: PT031 two lines, one act
            del client
            gc.collect()
        assert hears_the_end(server)


def test_wrapping_takes_the_descriptor_over(contexts: Contexts) -> None:
    """The socket that was wrapped is detached, and its timeout goes with the descriptor."""
    near, far = tcp_pair()
    near.settimeout(2.5)
    number = near.fileno()
    with far, contexts.client.wrap_socket(
        near, server_hostname=HOSTNAME, do_handshake_on_connect=False
    ) as client:
        assert near.fileno() == -1
        assert client.fileno() == number
        assert client.gettimeout() == 2.5


def test_a_socket_whose_handshake_fails_is_closed(contexts: Contexts, sides: Sides) -> None:
    """wrap_socket() leaves no open descriptor when it raises."""
    near, far = tcp_pair()
    number = near.fileno()
    far.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with pytest.raises(sides.client.SSLError):
        contexts.client.wrap_socket(near, server_hostname=HOSTNAME)

    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(number)
    far.close()
