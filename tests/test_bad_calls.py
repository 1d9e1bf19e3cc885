"""Calls that make no sense on a socket as it is: answered exactly as the running `ssl` does."""

from __future__ import annotations

import io
import socket
import ssl
import sys
from types import ModuleType
from typing import Any, Callable

import pytest
from outcomes import Raised, outcome, same
from peers import (
    Contexts,
    client_context,
    close_both_ways,
    connected,
    server_context,
    tcp_pair,
)
from pki import HOSTNAME, LOOPBACK, Pki

import pytls

Call = Callable[[Any], Any]


def table(since: dict[str, tuple[int, int]] | None = None, **calls: Call) -> Any:
    """Rows as parameters; `since`: the Python whose `ssl` began to answer so."""
    since = since or {}
    return pytest.mark.parametrize(
        "call",
        [
            pytest.param(
                call,
                id=name,
                marks=pytest.mark.skipif(
                    sys.version_info < since.get(name, (3, 8)),
                    reason="the ssl of this Python still answers otherwise",
                ),
            )
            for name, call in calls.items()
        ],
    )


def both(m: ModuleType, pki: Pki, version: str | None = None) -> Contexts:
    """Both contexts of one module."""
    return Contexts(client_context(m, pki, version), server_context(m, pki, version))


# Wrapping


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # ssl before 3.12 forgets to close
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"server_hostname": ""},
        {"server_hostname": 5},
        {"server_hostname": b"localhost"},
        {"server_hostname": bytearray(b"localhost")},
        {"server_hostname": "local\0host"},
        {"server_hostname": ".localhost"},
        {"server_hostname": "localhost."},
        {"server_hostname": "a..b"},
        {"server_hostname": "*.localhost"},
        {"server_hostname": "x" * 64},
        {"server_hostname": ".".join(["x" * 63] * 5)},
        {"server_hostname": "bücher.example"},
        {"server_hostname": "xn--bcher-kva.example"},
        {"server_hostname": "127.0.0.1"},
        {"server_hostname": "::1"},
        {"server_hostname": "127.0.0.1 "},
        {"server_hostname": "under_score"},
        {"server_side": True, "server_hostname": HOSTNAME},
        {"server_hostname": HOSTNAME, "session": 5},
        {"server_hostname": HOSTNAME, "session": "x"},
        {"server_side": True, "session": 5},
        {"server_hostname": HOSTNAME, "no_such_option": 1},
    ],
    ids=lambda options: ",".join(f"{k}={v!r:.20}" for k, v in options.items()) or "no-name",
)
def test_options_of_wrap_socket(pki: Pki, options: dict[str, Any]) -> None:
    """Names that are none, and combinations that exclude each other; nothing is connected."""

    def case(m: ModuleType) -> Any:
        with socket.socket() as plain, client_context(m, pki).wrap_socket(plain, **options) as sock:
            return sock.server_hostname, sock.server_side

    same(case)


@pytest.mark.parametrize(
    "make",
    [
        lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        lambda: None,
        lambda: 5,
        lambda: "socket",
        object,
    ],
    ids=["datagram", "none", "number", "text", "object"],
)
def test_wrapping_what_is_no_stream(pki: Pki, make: Callable[[], Any]) -> None:
    """A datagram socket is refused, and so is what is no socket."""

    def case(m: ModuleType) -> None:
        thing = make()
        try:
            client_context(m, pki).wrap_socket(thing, server_hostname=HOSTNAME)
        finally:
            if isinstance(thing, socket.socket):
                thing.close()

    assert isinstance(same(case), Raised)


def test_wrapping_a_closed_socket(pki: Pki) -> None:
    """The operating system's word for a bad descriptor."""

    def case(m: ModuleType) -> None:
        plain = socket.socket()
        plain.close()
        client_context(m, pki).wrap_socket(plain, server_hostname=HOSTNAME)

    assert isinstance(same(case), Raised)


def test_wrapping_a_socket_whose_peer_has_gone(pki: Pki) -> None:
    """The other end closed before the handshake, with or without a word."""
    for words in b"", b"some words":

        def case(m: ModuleType, words: bytes = words) -> None:
            near, far = tcp_pair()
            far.sendall(words)
            far.close()
            with near:
                client_context(m, pki).wrap_socket(near, server_hostname=HOSTNAME).close()

        assert isinstance(same(case, since=(3, 8) if words else (3, 10)), Raised)


@pytest.mark.parametrize("which", ["client", "server"])
def test_a_session_belongs_to_its_context(pki: Pki, which: str) -> None:
    """A session of another context is refused, and so is one for a server."""

    def case(m: ModuleType) -> None:
        contexts = both(m, pki, "TLSv1.2")
        with connected(contexts) as pair:
            session = pair.client.session
            close_both_ways(pair)
        context = both(m, pki)[which == "server"]
        near, far = tcp_pair()
        options = {"server_side": True} if which == "server" else {"server_hostname": HOSTNAME}
        with near, far:
            context.wrap_socket(near, session=session, **options)

    assert isinstance(same(case), Raised)


@table(
    bio_of_none=lambda context: context.wrap_bio(None, None, server_hostname=HOSTNAME),
    bio_of_sockets=lambda context: context.wrap_bio(1, 2, server_hostname=HOSTNAME),
    bio_missing=lambda context: context.wrap_bio(),
)
def test_wrapping_what_is_no_memory_bio(pki: Pki, call: Call) -> None:
    """wrap_bio() takes two MemoryBIO."""
    assert isinstance(same(lambda m: call(client_context(m, pki))), Raised)


@pytest.mark.parametrize(
    "options",
    [
        {"server_side": True},
        {"keyfile": "key"},
        {"server_side": True, "keyfile": "key"},
        {"certfile": "/nowhere.pem"},
        {"certfile": 1.5},
        {"ca_certs": "/nowhere.pem", "cert_reqs": 2},
        {"cert_reqs": 3},
        {"cert_reqs": "x"},
        {"ssl_version": 99},
        {"ssl_version": "x"},
        {"ciphers": "NO-SUCH-CIPHER"},
        {"ciphers": 5},
        {"do_handshake_on_connect": False, "suppress_ragged_eofs": False},
        {"no_such_option": 1},
    ],
    ids=lambda options: ",".join(f"{name}={value}" for name, value in options.items()),
)
def test_options_of_the_old_wrap_socket(options: dict[str, Any]) -> None:
    """The function that Python 3.12 has no more: compared where `ssl` still has it."""

    def case(m: ModuleType) -> Any:
        with socket.socket() as plain, m.wrap_socket(plain, **options) as sock:
            return sock.server_side, sock.context.verify_mode

    if hasattr(ssl, "wrap_socket"):
        same(case)
    else:
        assert isinstance(outcome(case, pytls), Raised) == ("suppress_ragged_eofs" not in options)


# Sockets without a connection, and without TLS

STATELESS = {
    "read": lambda s: s.read(1),
    "write": lambda s: s.write(b"x"),
    "recv": lambda s: s.recv(1),
    "recv_nothing": lambda s: s.recv(0),
    "recv_into": lambda s: s.recv_into(bytearray(1)),
    "send": lambda s: s.send(b"x"),
    "sendall": lambda s: s.sendall(b"x"),
    "recvfrom": lambda s: s.recvfrom(1),
    "sendto": lambda s: s.sendto(b"x", (LOOPBACK, 1)),
    "sendmsg": lambda s: s.sendmsg([b"x"]),
    "recvmsg": lambda s: s.recvmsg(1),
    "dup": lambda s: s.dup(),
    "do_handshake": lambda s: s.do_handshake(),
    "unwrap": lambda s: s.unwrap(),
    "getpeercert": lambda s: s.getpeercert(),
    "getpeercert_der": lambda s: s.getpeercert(True),
    "cipher": lambda s: s.cipher(),
    "version": lambda s: s.version(),
    "compression": lambda s: s.compression(),
    "pending": lambda s: s.pending(),
    "shared_ciphers": lambda s: s.shared_ciphers(),
    "selected_alpn_protocol": lambda s: s.selected_alpn_protocol(),
    "get_channel_binding": lambda s: s.get_channel_binding(),
    "get_channel_binding_unknown": lambda s: s.get_channel_binding("no-such-type"),
    "session": lambda s: s.session,
    "session_reused": lambda s: s.session_reused,
    "set_session": lambda s: setattr(s, "session", 5),
    "verify_client_post_handshake": lambda s: s.verify_client_post_handshake(),
    "shutdown": lambda s: s.shutdown(socket.SHUT_RDWR),
    "getpeername": lambda s: s.getpeername(),
    "accept": lambda s: s.accept(),
    "listen_then_read": lambda s: (s.listen(), s.read(1)),
    "fileno": lambda s: s.fileno() >= 0,
    "gettimeout": lambda s: s.gettimeout(),
    "close": lambda s: s.close(),
    "detach": lambda s: socket.close(s.detach()) if s.fileno() >= 0 else s.detach(),
    "server_side": lambda s: s.server_side,
    "server_hostname": lambda s: s.server_hostname,
}
calls = pytest.mark.parametrize("call", STATELESS.values(), ids=list(STATELESS))


@calls
@pytest.mark.parametrize("server_side", [False, True], ids=["client", "server"])
def test_a_socket_not_yet_connected(pki: Pki, call: Call, server_side: bool) -> None:
    """Before connect() the socket is wrapped, but there is no TLS."""

    def case(m: ModuleType) -> Any:
        context = both(m, pki)[server_side]
        options = {"server_side": True} if server_side else {"server_hostname": HOSTNAME}
        with socket.socket() as plain, context.wrap_socket(plain, **options) as sock:
            return call(sock)

    same(case)


@calls
@pytest.mark.parametrize("which", ["client", "server"])
def test_a_socket_before_its_handshake(pki: Pki, call: Call, which: str) -> None:
    """Connected, but do_handshake() is still to come, and nothing waits."""

    def case(m: ModuleType) -> Any:
        near, far = tcp_pair()
        contexts = both(m, pki)
        near.setblocking(False)
        options = {"server_side": True} if which == "server" else {"server_hostname": HOSTNAME}
        with far, contexts[which == "server"].wrap_socket(
            near, do_handshake_on_connect=False, **options
        ) as sock:
            return plain(call, sock, far)

    # Before Python 3.10 it is all that a context starts with, which was more then
    same(case, since=(3, 10) if call is STATELESS["shared_ciphers"] else (3, 8))


@calls
@pytest.mark.parametrize("which", ["client", "server"])
def test_a_closed_socket(pki: Pki, call: Call, which: str) -> None:
    """After close() nothing is left but the attributes."""

    def case(m: ModuleType) -> Any:
        with connected(both(m, pki)) as pair:
            sock = getattr(pair, which)
            sock.close()
            return call(sock)

    same(case)


@calls
def test_a_socket_that_is_plain_again(pki: Pki, call: Call) -> None:
    """After unwrap() the same object is a plain socket; nothing waits."""

    def case(m: ModuleType) -> Any:
        with connected(both(m, pki)) as pair:
            close_both_ways(pair)
            pair.client.setblocking(False)
            return plain(call, pair.client, pair.server)

    same(case)


def plain(call: Call, sock: Any, peer: Any) -> Any:
    """What `call` gives, with the addresses of this connection written alike."""
    value = call(sock)
    return "the peer" if value == peer.getsockname() else value


# Arguments on a connection that works

ARGUMENTS = {
    "recv_negative": lambda s: s.recv(-1),
    "recv_text": lambda s: s.recv("1"),
    "recv_none": lambda s: s.recv(None),
    "recv_float": lambda s: s.recv(1.0),
    "recv_beyond": lambda s: s.recv(1 << 70),
    "recv_flags": lambda s: s.recv(1, socket.MSG_PEEK),
    "read_negative": lambda s: s.read(-1),
    "read_text": lambda s: s.read("1"),
    "read_none": lambda s: s.read(None),
    "read_zero": lambda s: s.read(0),
    "read_into_bytes": lambda s: s.read(1, b"x"),
    "read_into_negative": lambda s: s.read(-1, bytearray(4)),
    "read_into_zero": lambda s: s.read(0, bytearray(4)),
    "read_into_too_much": lambda s: s.read(100, bytearray(4)),
    "read_into_empty": lambda s: s.read(4, bytearray()),
    "recv_into_bytes": lambda s: s.recv_into(b"x"),
    "recv_into_number": lambda s: s.recv_into(5),
    "recv_into_none": lambda s: s.recv_into(None),
    "recv_into_text": lambda s: s.recv_into("x"),
    "recv_into_readonly": lambda s: s.recv_into(memoryview(b"x")),
    "recv_into_negative": lambda s: s.recv_into(bytearray(4), -1),
    "recv_into_empty": lambda s: s.recv_into(bytearray()),
    "recv_into_strided": lambda s: s.recv_into(memoryview(bytearray(8))[::2]),
    "recv_into_flags": lambda s: s.recv_into(bytearray(1), 1, socket.MSG_PEEK),
    "send_text": lambda s: s.send("text"),
    "send_number": lambda s: s.send(5),
    "send_none": lambda s: s.send(None),
    "send_strided": lambda s: s.send(memoryview(b"abcdefgh")[::2]),
    "send_flags": lambda s: s.send(b"x", socket.MSG_OOB),
    "sendall_text": lambda s: s.sendall("text"),
    "sendall_number": lambda s: s.sendall(5),
    "sendall_none": lambda s: s.sendall(None),
    "sendall_strided": lambda s: s.sendall(memoryview(b"abcdefgh")[::2]),
    "sendall_flags": lambda s: s.sendall(b"x", socket.MSG_OOB),
    "write_text": lambda s: s.write("text"),
    "write_number": lambda s: s.write(5),
    "write_without": lambda s: s.write(),
    "sendfile_text_mode": lambda s: s.sendfile(io.StringIO("x")),
    "sendfile_negative": lambda s: s.sendfile(io.BytesIO(b"x"), count=-1),
    "sendfile_number": lambda s: s.sendfile(5),
    "channel_binding_unknown": lambda s: s.get_channel_binding("no-such-type"),
    "channel_binding_number": lambda s: s.get_channel_binding(5),
    "context_number": lambda s: setattr(s, "context", 5),
    "context_none": lambda s: setattr(s, "context", None),
    "session_number": lambda s: setattr(s, "session", 5),
    "session_none": lambda s: setattr(s, "session", None),
    "session_reused_set": lambda s: setattr(s, "session_reused", True),
    "version_with_argument": lambda s: s.version(1),
    "settimeout_negative": lambda s: s.settimeout(-1),
    "settimeout_text": lambda s: s.settimeout("1"),
    "handshake_once_more": lambda s: s.do_handshake(),
    "post_handshake_on_client": lambda s: s.verify_client_post_handshake(),
    "connect_again": lambda s: s.connect((LOOPBACK, 1)),
    "connect_ex_again": lambda s: s.connect_ex((LOOPBACK, 1)),
    "makefile_mode": lambda s: s.makefile("a"),
}


@pytest.mark.parametrize("call", ARGUMENTS.values(), ids=list(ARGUMENTS))
@pytest.mark.parametrize("which", ["client", "server"])
def test_arguments_that_a_connection_does_not_take(pki: Pki, call: Call, which: str) -> None:
    """Sizes, buffers and flags, with a byte there to receive."""

    def case(m: ModuleType) -> Any:
        with connected(both(m, pki, "TLSv1.2")) as pair:
            sock, peer = getattr(pair, which), pair[which == "client"]
            peer.sendall(b"12345678")
            sock.settimeout(1)
            return call(sock)

    same(case)
