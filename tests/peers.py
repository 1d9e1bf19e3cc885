"""Connected sockets, and peers in threads: on the loopback interface, and every wait ends."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from types import ModuleType
from typing import Any, Callable, Iterator, NamedTuple

from pki import HOSTNAME, LOOPBACK, Credentials, Pki

DEADLINE = 10.0  # seconds; far more than anything here takes
SHORT = 0.1  # seconds; a timeout that is meant to pass
RECORD = 16384  # bytes of plaintext in one record at most, RFC 8446 section 5.1


class Background(threading.Thread):
    """A call in a thread of its own; :meth:`result` is what it returned or raised."""

    def __init__(self, target: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        super().__init__(daemon=True)
        self._call: Any = lambda: target(*args, **kwargs)
        self._value: Any = None
        self._error: BaseException | None = None
        self.start()

    def run(self) -> None:
        """Keep the outcome for whoever asks."""
        try:
            self._value = self._call()
        except BaseException as error:
            self._error = error
        finally:
            self._call = None  # its arguments are sockets, which want to be collected

    def result(self, timeout: float = DEADLINE) -> Any:
        """Wait at most `timeout` seconds; return or raise as the call did."""
        self.join(timeout)
        assert not self.is_alive(), f"still running after {timeout} seconds"
        error, self._error = self._error, None
        if error is None:
            return self._value
        try:
            raise error
        finally:
            del error  # or the exception and this frame would keep each other


class Sides(NamedTuple):
    """Which module plays the client, which the server."""

    client: ModuleType
    server: ModuleType


class Contexts(NamedTuple):
    """The settings of both ends."""

    client: Any
    server: Any


class Pair(NamedTuple):
    """Both ends of one connection."""

    client: Any
    server: Any


class Ends(NamedTuple):
    """One connection seen from the end under test, which is pytls."""

    subject: Any
    peer: Any


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected TCP sockets: who connected, who was connected to."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        far, _ = listener.accept()
    for end in near, far:
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


def pin(context: Any, module: ModuleType, version: str | None) -> Any:
    """Let a context speak one version alone, such as "TLSv1.2"; None leaves it free."""
    if version is not None:
        number = module.TLSVersion[version.replace(".", "_")]
        context.minimum_version = context.maximum_version = number
    return context


def client_context(module: ModuleType, pki: Pki, version: str | None = None) -> Any:
    """A client that trusts the authority and checks the host name."""
    context = module.SSLContext(module.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(pki.ca)
    return pin(context, module, version)


def server_context(
    module: ModuleType,
    pki: Pki,
    version: str | None = None,
    credentials: Credentials | None = None,
) -> Any:
    """A server that shows its certificate and asks for none."""
    context = module.SSLContext(module.PROTOCOL_TLS_SERVER)
    context.load_cert_chain((credentials or pki.server).both)
    return pin(context, module, version)


def handshaken(contexts: Contexts, server_hostname: str | None = HOSTNAME, **options: Any) -> Pair:
    """A connection over TCP after its handshake; `options` are the client's."""
    near, far = tcp_pair()
    try:
        accepting = Background(contexts.server.wrap_socket, far, server_side=True)
        client = contexts.client.wrap_socket(near, server_hostname=server_hostname, **options)
        try:
            return Pair(client, accepting.result())
        except BaseException:
            client.close()
            raise
    except BaseException:
        near.close()
        far.close()
        raise


@contextlib.contextmanager
def connected(
    contexts: Contexts, server_hostname: str | None = HOSTNAME, **options: Any
) -> Iterator[Pair]:
    """Like :func:`handshaken`, and closed at the end."""
    pair = handshaken(contexts, server_hostname, **options)
    with pair.client, pair.server:
        yield pair


class Troubles(NamedTuple):
    """What each end of an attempted connection raised, or None."""

    client: OSError | None
    server: OSError | None


def attempt(contexts: Contexts, server_hostname: str | None = HOSTNAME) -> Troubles:
    """Connect, greet both ways, close: neither end closes before the other is done."""
    near, far = tcp_pair()
    for end in near, far:
        end.settimeout(DEADLINE / 4)
    with contexts.client.wrap_socket(
        near, server_hostname=server_hostname, do_handshake_on_connect=False
    ) as client, contexts.server.wrap_socket(
        far, server_side=True, do_handshake_on_connect=False
    ) as server:
        greeting = Background(greet, server)
        return Troubles(greet(client), greeting.result())


def greet(sock: Any) -> OSError | None:
    """What a handshake and a byte each way raise."""
    try:
        sock.do_handshake()
        sock.sendall(b"!")
        sock.recv(1)
    except OSError as error:
        return error
    return None


def receive_exactly(sock: Any, size: int) -> bytes:
    """`size` bytes, or fewer where the peer ends earlier."""
    received = bytearray()
    while len(received) < size:
        data = sock.recv(min(size - len(received), 65536))
        if not data:
            break
        received += data
    return bytes(received)


def receive_all(sock: Any) -> bytes:
    """Everything until the peer ends."""
    return b"".join(iter(lambda: sock.recv(65536), b""))


def give_back(sock: Any, size: int) -> None:
    """Take `size` bytes, then return them: never both at once, which `ssl` does not survive."""
    sock.sendall(receive_exactly(sock, size))


def close_both_ways(pair: Pair) -> None:
    """Exchange close_notify, and so lose nothing that is under way."""
    unwrapping = Background(pair.server.unwrap)
    pair.client.unwrap()
    unwrapping.result()


def settle(ends: Ends) -> None:
    """Let a client read the tickets of TLS 1.3: unread, they make a reset of its close."""
    ends.subject.sendall(b"!")
    assert ends.peer.recv(1) == b"!"


def hears_the_end(sock: Any) -> bool:
    """Whether the peer has closed: TCP resets where tickets of TLS 1.3 were left unread.

    `ssl` before Python 3.10 has no SSLEOFError over OpenSSL 3, and so nothing to suppress.
    """
    try:
        return bool(sock.recv(1) == b"")
    except (ConnectionResetError, ssl.SSLError):
        return True


class ByHand:
    """A server at the other end of a plain socket, whose every byte the test sends itself."""

    def __init__(self, sock: socket.socket, pki: Pki, version: str | None = None) -> None:
        self.sock = sock
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = server_context(ssl, pki, version)
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_side=True)

    def handshake(self) -> None:
        """Answer until the handshake is done."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.sock.sendall(self.outgoing.read())
                self.incoming.write(self.sock.recv(65536))
            else:
                self.sock.sendall(self.outgoing.read())
                return

    def encrypt(self, data: bytes) -> bytes:
        """The ciphertext of `data`: the test sends it as it likes."""
        self.tls.write(data)
        return self.outgoing.read()


@contextlib.contextmanager
def takes_about(seconds: float) -> Iterator[None]:
    """Hold that the block takes so long: not clearly less; more only as a busy machine may."""
    start = time.monotonic()
    yield
    assert 0.9 * seconds < time.monotonic() - start < seconds + DEADLINE / 2


@contextlib.contextmanager
def serving(context: Any, talk: Callable[[Any], Any], **options: Any) -> Iterator[tuple[str, int]]:
    """A server for one client at a time: its address; `talk` is called with each connection.

    What goes wrong in the server is raised at the end.
    """
    stop = threading.Event()
    listener = socket.create_server((LOOPBACK, 0))

    def serve() -> None:
        while not stop.is_set():
            plain, _ = listener.accept()
            if stop.is_set():
                plain.close()
                return
            plain.settimeout(DEADLINE)
            with context.wrap_socket(plain, server_side=True, **options) as connection:
                talk(connection)

    server = Background(serve)
    try:
        yield listener.getsockname()
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            socket.create_connection(listener.getsockname(), DEADLINE).close()
        server.join(DEADLINE)  # it may be on its way to accept()
        listener.close()
    server.result()
