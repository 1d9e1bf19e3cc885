"""The reference of Python 3.2's ssl module: every name in it, and every example, on loopback peers.

The examples stand here as they stand there; only addresses and files are the tests' own.
"""

from __future__ import annotations

import contextlib
import doctest
import pprint
import socket
import textwrap
import time
import warnings
from typing import Any, Callable, Iterator

import pytest
from expected import EVERY_CIPHER
from peers import (
    DEADLINE,
    Background,
    Contexts,
    client_context,
    connected,
    receive_all,
    server_context,
    serving,
    tcp_pair,
)
from pki import HOSTNAME, LOOPBACK, Pki

import pytls as ssl

#: What the reference uses and newer Pythons warn of: wrap_socket(), PROTOCOL_SSLv23 and its kin
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")

NAMES = """
    SSLError CertificateError
    wrap_socket
    RAND_status RAND_egd RAND_add
    match_hostname cert_time_to_seconds get_server_certificate
    DER_cert_to_PEM_cert PEM_cert_to_DER_cert
    CERT_NONE CERT_OPTIONAL CERT_REQUIRED
    PROTOCOL_SSLv2 PROTOCOL_SSLv23 PROTOCOL_SSLv3 PROTOCOL_TLSv1
    OP_ALL OP_NO_SSLv2 OP_NO_SSLv3 OP_NO_TLSv1
    HAS_SNI
    OPENSSL_VERSION OPENSSL_VERSION_INFO OPENSSL_VERSION_NUMBER
    SSL_ERROR_WANT_READ SSL_ERROR_WANT_WRITE
    SSLSocket SSLContext
"""
OF_SOCKETS = """
    accept bind close connect detach fileno getpeername getsockname getsockopt setsockopt
    gettimeout settimeout setblocking listen makefile recv recv_into send sendall shutdown
    do_handshake getpeercert cipher unwrap context read write
"""
OF_CONTEXTS = """
    load_cert_chain load_verify_locations set_default_verify_paths set_ciphers wrap_socket
    session_stats options protocol verify_mode
"""
PAGE = b"HTTP/1.1 302 Found\r\nServer: a test\r\nConnection: close\r\n\r\n"


def answer(connection: Any) -> None:
    """A web server that knows one answer, and whose clients just close when they have enough."""
    request = b""
    with contextlib.suppress(OSError):
        while b"\r\n\r\n" not in request:
            data = connection.recv(1024)
            if not data:
                return
            request += data
        connection.sendall(PAGE)
        connection.unwrap()


@pytest.fixture
def https(pki: Pki) -> Iterator[tuple[str, int]]:
    """Where that server is."""
    with serving(server_context(ssl, pki), answer) as address:
        yield address


# Names


@pytest.mark.parametrize("name", NAMES.split())
def test_every_name_is_there(name: str) -> None:
    """A constant, a class, a function of the module."""
    assert hasattr(ssl, name)
    assert name in dir(ssl)


@pytest.mark.parametrize("name", OF_SOCKETS.split())
def test_every_name_of_a_socket_is_there(name: str) -> None:
    """A method or an attribute of SSLSocket."""
    assert hasattr(ssl.SSLSocket, name)


@pytest.mark.parametrize("name", OF_CONTEXTS.split())
def test_every_name_of_a_context_is_there(name: str) -> None:
    """A method or an attribute of SSLContext."""
    assert hasattr(ssl.SSLContext, name)


def test_the_errors_are_what_they_are_said_to_be() -> None:
    """SSLError is a socket.error, which is an IOError."""
    assert issubclass(ssl.SSLError, socket.error)
    assert issubclass(ssl.SSLError, IOError)
    assert issubclass(ssl.CertificateError, ValueError)
    assert issubclass(ssl.SSLSocket, socket.socket)


# Snippets


def test_the_snippets_that_need_no_peer() -> None:
    """match_hostname(), cert_time_to_seconds(), session_stats() as printed in the reference."""
    run_snippet(
        """
        >>> cert = {'subject': ((('commonName', 'example.com'),),)}
        >>> ssl.match_hostname(cert, "example.com")

        >>> time.asctime(time.gmtime(ssl.cert_time_to_seconds("May  9 00:00:00 2007 GMT")))
        'Wed May  9 00:00:00 2007'

        >>> context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
        >>> stats = context.session_stats()
        >>> stats['hits'], stats['misses']
        (0, 0)
        """
    )


def test_a_time_of_a_certificate_is_in_gmt() -> None:
    """The reference prints 1178694000.0: seven hours more, its author's time zone.

    Since Python 3.5 ssl takes the text at its word, which is GMT.
    """
    assert ssl.cert_time_to_seconds("May  9 00:00:00 2007 GMT") == 1178694000 - 7 * 3600


def test_a_certificate_for_another_host_does_not_match() -> None:
    """The traceback that the reference prints."""
    cert = {"subject": ((("commonName", "example.com"),),)}

    with pytest.raises(ssl.CertificateError) as error:
        ssl.match_hostname(cert, "example.org")

    assert "hostname 'example.org' doesn't match 'example.com'" in str(error.value)


def test_the_version_has_the_forms_of_the_reference() -> None:
    """A text, five integers, one integer: all of the library that is loaded."""
    version, info, number = (
        ssl.OPENSSL_VERSION,
        ssl.OPENSSL_VERSION_INFO,
        ssl.OPENSSL_VERSION_NUMBER,
    )

    assert version.startswith("OpenSSL ")
    assert len(info) == 5
    assert ".".join(map(str, info[:2])) in version
    major, minor, fix, patch, status = info
    assert number == (major << 28) + (minor << 20) + (fix << 12) + (patch << 4) + status


def run_snippet(snippet: str, **names: Any) -> None:
    """Run the lines after each prompt, and compare with what the reference printed."""
    names = {"ssl": ssl, "socket": socket, "pprint": pprint, "time": time, **names}
    text = textwrap.dedent(snippet)
    test = doctest.DocTestParser().get_doctest(text, names, "reference", None, 0)
    report: list[str] = []
    flags = doctest.IGNORE_EXCEPTION_DETAIL | doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        doctest.DocTestRunner(optionflags=flags, verbose=False).run(test, out=report.append)
    assert not report, "".join(report)


def test_the_idiom_for_ssl_support() -> None:
    """try: import, except ImportError, else: use it."""
    try:
        import pytls as ssl
    except ImportError:
        pytest.fail("no pytls")
    else:
        assert ssl.SSLContext


# Clients


def test_a_client_prints_the_servers_certificate(
    pki: Pki, https: tuple[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The first client: wrap_socket(), CERT_REQUIRED, connect(), getpeercert()."""
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # require a certificate from the server
    ssl_sock = ssl.wrap_socket(s,
                               ca_certs=pki.ca,
                               cert_reqs=ssl.CERT_REQUIRED)  # fmt: skip
    ssl_sock.connect(https)

    pprint.pprint(ssl_sock.getpeercert())
    # note that closing the SSLSocket will also close the underlying socket
    ssl_sock.close()

    printed = capsys.readouterr().out
    assert "'notAfter': " in printed
    assert "('DNS', 'localhost')" in printed


def test_a_client_writes_a_request_and_reads_the_response(
    pki: Pki, https: tuple[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """The older form of the same example: cipher(), write(), read()."""
    s = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    ssl_sock = ssl.wrap_socket(s,
                               ca_certs=pki.ca,
                               cert_reqs=ssl.CERT_REQUIRED)  # fmt: skip
    ssl_sock.connect(https)

    print(repr(ssl_sock.getpeername()))
    print(ssl_sock.cipher())
    print(pprint.pformat(ssl_sock.getpeercert()))

    # Set a simple HTTP request -- use http.client in actual code.
    ssl_sock.write(b"GET / HTTP/1.0\r\nHost: www.verisign.com\r\n\r\n")

    # Read a chunk of data. Will not necessarily
    # read all the data returned by the server.
    data = ssl_sock.read()

    # note that closing the SSLSocket will also close the underlying socket
    ssl_sock.close()

    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == repr(https)
    assert len(eval(printed[1])) == 3
    assert data == PAGE


def test_a_context_verifies_and_the_program_checks_the_name(
    pki: Pki, https: tuple[str, int]
) -> None:
    """The client with a context, line by line."""
    run_snippet(
        """
        >>> context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
        >>> context.verify_mode = ssl.CERT_REQUIRED
        >>> context.load_verify_locations(ca_bundle)

        >>> conn = context.wrap_socket(socket.socket(socket.AF_INET))
        >>> conn.connect(address)

        >>> cert = conn.getpeercert()
        >>> ssl.match_hostname(cert, "localhost")

        >>> pprint.pprint(cert)
        {'issuer': ...
         'notAfter': '... GMT',
         ...
         'subject': ...
         'subjectAltName': (('DNS', 'localhost'), ...}

        >>> conn.sendall(b"HEAD / HTTP/1.0\\r\\nHost: linuxfr.org\\r\\n\\r\\n")
        >>> pprint.pprint(conn.recv(1024).split(b"\\r\\n"))
        [b'HTTP/1.1 302 Found',
         b'Server: a test',
         b'Connection: close',
         b'',
         b'']
        >>> conn.close()
        """,
        ca_bundle=pki.ca,
        address=https,
    )


def test_an_optional_certificate_of_a_server_is_verified_all_the_same(
    pki: Pki, https: tuple[str, int]
) -> None:
    """The same with CERT_OPTIONAL, write() and read(), as in the change beside the reference."""
    run_snippet(
        """
        >>> context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
        >>> context.verify_mode = ssl.CERT_OPTIONAL
        >>> context.load_verify_locations(ca_bundle)
        >>> conn = context.wrap_socket(socket.socket(socket.AF_INET))
        >>> conn.connect(address)
        >>> pprint.pprint(conn.getpeercert())
        {...'subjectAltName': (('DNS', 'localhost'), ...}
        >>> conn.write(b"HEAD / HTTP/1.0\\r\\nHost: linuxfr.org\\r\\n\\r\\n")
        38
        >>> pprint.pprint(conn.read().split(b"\\r\\n")[0])
        b'HTTP/1.1 302 Found'
        >>> conn.close()
        """,
        ca_bundle=pki.ca,
        address=https,
    )


@pytest.mark.parametrize("mode", ["CERT_OPTIONAL", "CERT_REQUIRED"])
def test_a_client_refuses_a_server_of_unknown_authority(pki: Pki, mode: str) -> None:
    """In a client the two modes are the same."""
    near, far = tcp_pair()
    with near, far:
        serving = Background(server_context(ssl, pki).wrap_socket, far, server_side=True)
        with pytest.raises(ssl.SSLError, match="certificate verify failed"):
            ssl.wrap_socket(near, ca_certs=pki.ca_of_others, cert_reqs=getattr(ssl, mode))
        with pytest.raises(ssl.SSLError):
            serving.result()


def test_certificates_ignored_are_the_default(pki: Pki, https: tuple[str, int]) -> None:
    """CERT_NONE neither asks nor validates; the DER is there, the dict is empty."""
    with ssl.wrap_socket(socket.create_connection(https)) as conn:
        assert conn.context.verify_mode == ssl.CERT_NONE
        assert conn.getpeercert() == {}
        assert conn.getpeercert(True) == pki.server.der
        conn.write(b"HEAD / HTTP/1.0\r\n\r\n")
        assert conn.read() == PAGE


def test_the_servers_certificate_is_fetched(pki: Pki, https: tuple[str, int]) -> None:
    """get_server_certificate(), with and without validation; PEM to DER and back."""
    for options in {}, {"ca_certs": pki.ca}, {"ssl_version": ssl.PROTOCOL_SSLv23}:
        pem = ssl.get_server_certificate((HOSTNAME, https[1]), **options)
        assert ssl.PEM_cert_to_DER_cert(pem) == pki.server.der
        assert ssl.DER_cert_to_PEM_cert(pki.server.der) == pem


def test_fetching_validates_if_authorities_are_given(pki: Pki) -> None:
    """get_server_certificate(ca_certs) fails if the validation does."""
    listener = socket.create_server((LOOPBACK, 0))

    def serve() -> None:
        plain, _ = listener.accept()
        with pytest.raises(ssl.SSLError), plain:
            server_context(ssl, pki).wrap_socket(plain, server_side=True)

    with listener:
        serving = Background(serve)
        with pytest.raises(ssl.SSLError, match="certificate verify failed"):
            ssl.get_server_certificate(listener.getsockname(), ca_certs=pki.ca_of_others)
        serving.result()


# Servers


def one_client(pki: Pki, address: tuple[str, int]) -> bytes:
    """A client that says two things and listens to the end."""
    context = client_context(ssl, pki)
    with context.wrap_socket(socket.create_connection(address), server_hostname=HOSTNAME) as conn:
        conn.settimeout(DEADLINE)
        conn.sendall(b"first")
        answer = bytes(conn.recv(100))
        conn.sendall(b"quit")
        return answer + receive_all(conn)


def deal_with_client(connstream: Any) -> None:
    """The example's, with recv()."""
    data = connstream.recv(1024)
    # empty data means the client is finished with us
    while data:
        if not do_something(connstream, data):
            # we'll assume do_something returns False
            # when we're finished with client
            break
        data = connstream.recv(1024)
    # finished with client


def deal_with_client_by_reading(connstream: Any) -> None:
    """The older example's, with read()."""
    data = connstream.read()
    # null data means the client is finished with us
    while data:
        if not do_something(connstream, data):
            # we'll assume do_something returns False
            # when we're finished with client
            break
        data = connstream.read()
    # finished with client


def do_something(connstream: Any, data: bytes) -> bool:
    """Say it in capitals; False when told to quit."""
    connstream.write(data.upper())
    return data != b"quit"


@pytest.mark.parametrize("deal", [deal_with_client, deal_with_client_by_reading])
def test_a_server_with_a_context(pki: Pki, deal: Callable[[Any], None]) -> None:
    """SSLContext, load_cert_chain(), bind, listen, accept, wrap_socket(server_side=True)."""
    context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
    context.load_cert_chain(certfile=pki.server.chain, keyfile=pki.server.key)

    bindsocket = socket.socket()
    bindsocket.bind((LOOPBACK, 0))
    bindsocket.listen(5)
    client = Background(one_client, pki, bindsocket.getsockname())

    newsocket, _fromaddr = bindsocket.accept()
    connstream = context.wrap_socket(newsocket, server_side=True)
    try:
        deal(connstream)
    finally:
        connstream.shutdown(socket.SHUT_RDWR)
        connstream.close()
    bindsocket.close()

    assert client.result() == b"FIRSTQUIT"


def test_a_server_of_tls_1_0(pki: Pki) -> None:
    """The example's own PROTOCOL_TLSv1, where the library still has it; else it is refused."""
    if not ssl.HAS_TLSv1:
        with pytest.raises(ValueError, match="PROTOCOL_TLSv1"):
            ssl.SSLContext(ssl.PROTOCOL_TLSv1)
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLSv1)
    context.set_ciphers(EVERY_CIPHER)
    context.load_cert_chain(certfile=pki.server.chain, keyfile=pki.server.key)
    client = client_context(ssl, pki, "TLSv1")
    client.set_ciphers(EVERY_CIPHER)

    with connected(Contexts(client, context)) as pair:
        assert pair.client.version() == pair.server.version() == "TLSv1"
        pair.client.sendall(b"hello")
        assert pair.server.recv(100) == b"hello"


def test_a_server_without_a_context(pki: Pki) -> None:
    """The older form: ssl.wrap_socket() with certificate, key and protocol."""
    bindsocket = socket.create_server((LOOPBACK, 0))
    client = Background(one_client, pki, bindsocket.getsockname())

    newsocket, _fromaddr = bindsocket.accept()
    connstream = ssl.wrap_socket(newsocket,
                                 server_side=True,
                                 certfile=pki.server.chain,
                                 keyfile=pki.server.key,
                                 ssl_version=ssl.PROTOCOL_SSLv23)  # fmt: skip
    deal_with_client(connstream)
    assert isinstance(connstream.context, ssl.SSLContext)
    connstream.close()
    bindsocket.close()

    assert client.result() == b"FIRSTQUIT"


def test_a_listening_socket_wraps_what_it_accepts(pki: Pki) -> None:
    """For a server-side socket without a peer, accept() does the wrapping; lazily, the client."""
    with ssl.wrap_socket(
        socket.create_server((LOOPBACK, 0)), server_side=True, certfile=pki.server.both
    ) as listening:
        accepting = Background(listening.accept)
        with ssl.wrap_socket(
            socket.socket(), ca_certs=pki.ca, cert_reqs=ssl.CERT_REQUIRED
        ) as client:
            assert client.cipher() is None
            client.connect(listening.getsockname())
            server, address = accepting.result()
            with server:
                assert isinstance(server, ssl.SSLSocket)
                assert address == client.getsockname()
                assert client.cipher() == server.cipher() is not None


def test_a_server_authenticates_its_clients(pki: Pki) -> None:
    """In server mode CERT_REQUIRED wants the client's certificate, for the program to check."""
    near, far = tcp_pair()
    serving = Background(
        ssl.wrap_socket,
        far,
        server_side=True,
        certfile=pki.server.both,
        cert_reqs=ssl.CERT_REQUIRED,
        ca_certs=pki.ca,
    )
    client = ssl.wrap_socket(
        near,
        keyfile=pki.client.key,
        certfile=pki.client.chain,
        cert_reqs=ssl.CERT_REQUIRED,
        ca_certs=pki.ca,
    )
    with client, serving.result() as server:
        assert ("email", "client@example.test") in server.getpeercert()["subjectAltName"]
