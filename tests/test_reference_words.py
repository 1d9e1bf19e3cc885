"""What the reference of Python 3.2's ssl module says in words, beside its examples."""

from __future__ import annotations

import select
import socket
import time
from typing import Any

import pytest
from expected import NEWEST, lacks, needs
from peers import (
    SHORT,
    Background,
    Contexts,
    attempt,
    client_context,
    connected,
    server_context,
    tcp_pair,
)
from pki import HOSTNAME, LOOPBACK, Pki

import pytls as ssl

#: wrap_socket(), PROTOCOL_SSLv23 and its kin, of which newer Pythons warn
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


# Parameters


def test_ciphers_are_chosen_for_one_socket(pki: Pki) -> None:
    """wrap_socket(ciphers) sets what is offered; a list without any is an SSLError."""
    with ssl.wrap_socket(socket.socket(), ciphers="ECDHE-ECDSA-AES128-GCM-SHA256") as sock:
        names = {cipher["name"] for cipher in sock.context.get_ciphers()}
        assert "ECDHE-ECDSA-AES128-GCM-SHA256" in names
        assert not any(name.startswith("ECDHE-RSA") for name in names)
    with socket.socket() as plain, pytest.raises(ssl.SSLError):
        ssl.wrap_socket(plain, ciphers="NO-SUCH-CIPHER")


def test_the_handshake_is_left_to_the_program(pki: Pki) -> None:
    """do_handshake_on_connect=False: the application says when."""
    listener = socket.create_server((LOOPBACK, 0))
    conn = ssl.wrap_socket(
        socket.socket(), ca_certs=pki.ca, cert_reqs=ssl.CERT_REQUIRED, do_handshake_on_connect=False
    )
    with listener, conn:
        conn.connect(listener.getsockname())
        assert conn.cipher() is None
        far, _ = listener.accept()
        serving = Background(server_context(ssl, pki).wrap_socket, far, server_side=True)
        conn.do_handshake()
        with serving.result() as server:
            assert conn.cipher() == server.cipher() is not None


@pytest.mark.parametrize("suppress", [True, False])
def test_ragged_ends_are_suppressed_if_wanted(pki: Pki, suppress: bool) -> None:
    """suppress_ragged_eofs: an unexpected end is a normal one, or an exception."""
    near, far = tcp_pair()
    serving = Background(ssl.wrap_socket, far, server_side=True, certfile=pki.server.both)
    with ssl.wrap_socket(near, suppress_ragged_eofs=suppress) as client:
        server = serving.result()
        server.sendall(b"cut off after th")
        server.close()
        assert client.recv(100) == b"cut off after th"
        if suppress:
            assert client.recv(100) == b""
        else:
            with pytest.raises(ssl.SSLError, match="EOF occurred in violation of protocol"):
                client.recv(100)


def test_a_server_hostname_is_for_clients_only(pki: Pki) -> None:
    """With server_side it is a ValueError."""
    assert ssl.HAS_SNI
    with socket.socket() as plain, pytest.raises(ValueError, match="server_hostname"):
        server_context(ssl, pki).wrap_socket(plain, server_side=True, server_hostname=HOSTNAME)


# Non-blocking


def test_a_handshake_by_select(pki: Pki) -> None:
    """The synopsis of "Notes on non-blocking sockets"."""
    near, far = tcp_pair()

    def serve() -> Any:
        select.select([far], [], [])  # the client has begun
        time.sleep(SHORT / 4)  # and has to wait
        return server_context(ssl, pki).wrap_socket(far, server_side=True)

    serving = Background(serve)
    near.setblocking(False)
    sock = ssl.wrap_socket(near, do_handshake_on_connect=False)
    waits = []

    while True:
        try:
            sock.do_handshake()
            break
        except ssl.SSLError as err:
            waits.append(err.args[0])
            if err.args[0] == ssl.SSL_ERROR_WANT_READ:
                select.select([sock], [], [])
            elif err.args[0] == ssl.SSL_ERROR_WANT_WRITE:
                select.select([], [sock], [])
            else:
                raise

    with sock, serving.result() as server:
        assert ssl.SSL_ERROR_WANT_READ in waits
        assert sock.cipher() == server.cipher() is not None


# Protocol versions


def test_ssl_2_is_disabled_by_an_option(pki: Pki) -> None:
    """The example of "Protocol versions", and such a context at work."""
    context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)
    context.options |= ssl.OP_NO_SSLv2

    assert context.options & ssl.OP_NO_SSLv2 == ssl.OP_NO_SSLv2
    assert context.options & ssl.OP_ALL
    context.load_verify_locations(pki.ca)
    with connected(Contexts(context, server_context(ssl, pki)), None) as pair:
        assert pair.client.version() == NEWEST


@pytest.mark.parametrize(
    "protocol", [pytest.param(name, marks=lacks(name)) for name in ("SSLv2", "SSLv3")]
)
@pytest.mark.difference(
    "contexts",
    "**A protocol that the library lacks** is refused with its name and the library's version.",
)
def test_what_the_library_does_not_have_is_refused_by_name(protocol: str) -> None:
    """PROTOCOL_SSLv2 and PROTOCOL_SSLv3 exist; a context says which library is without them."""
    number = getattr(ssl, f"PROTOCOL_{protocol}")

    with pytest.raises(ValueError, match=protocol) as error:
        ssl.SSLContext(number)

    assert ssl.OPENSSL_VERSION in str(error.value)


def test_the_protocol_can_not_be_changed() -> None:
    """SSLContext.protocol is read-only, and one of the numbers."""
    context = ssl.SSLContext(ssl.PROTOCOL_SSLv23)

    assert context.protocol == ssl.PROTOCOL_SSLv23
    with pytest.raises(AttributeError):
        context.protocol = ssl.PROTOCOL_TLSv1


@pytest.mark.parametrize(
    "refused", [pytest.param("OP_NO_TLSv1_2", marks=needs("TLSv1_3")), "OP_NO_TLSv1_3"]
)
def test_options_prevent_a_version(pki: Pki, refused: str) -> None:
    """OP_NO_… keeps the peers from choosing that version."""
    contexts = Contexts(client_context(ssl, pki), server_context(ssl, pki))
    contexts.client.options |= getattr(ssl, refused)

    with connected(contexts) as pair:
        assert pair.client.version() != refused.replace("OP_NO_", "").replace("_", ".")


# Certificates in files


def test_a_chain_in_one_file_is_sent_whole(pki: Pki) -> None:
    """Server, intermediate authority, root: the client knows the root alone."""
    middle = pki.authority.create_child_ca()
    leaf = middle.issue_cert(HOSTNAME)
    chain = pki.file("chain.pem", leaf.private_key_and_cert_chain_pem.bytes())
    alone = pki.file("alone.pem", leaf.private_key_pem.bytes() + leaf.cert_chain_pems[0].bytes())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    with connected(Contexts(client_context(ssl, pki), context)) as pair:
        assert len(pair.client.get_unverified_chain()) > 1

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(alone)
    troubles = attempt(Contexts(client_context(ssl, pki), context))
    assert isinstance(troubles.client, ssl.SSLCertVerificationError)


def test_a_key_that_does_not_match_is_refused(pki: Pki) -> None:
    """load_cert_chain() raises SSLError, and names the reason."""
    with pytest.raises(ssl.SSLError) as error:
        ssl.SSLContext(ssl.PROTOCOL_SSLv23).load_cert_chain(pki.server.chain, pki.second.key)

    assert error.value.reason == "KEY_VALUES_MISMATCH"


def test_a_self_signed_certificate_is_its_own_authority(pki: Pki) -> None:
    """One file for certificate and key at the server is the authority at the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.self_signed.both)
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(pki.self_signed.both)

    with connected(Contexts(client, context)) as pair:
        assert pair.client.getpeercert(True) == pki.self_signed.der


def test_unwrap_goes_from_encrypted_to_plain(pki: Pki) -> None:
    """Both ends shut TLS down and go on with the socket that unwrap() returned."""
    contexts = Contexts(client_context(ssl, pki), server_context(ssl, pki))
    with connected(contexts) as pair:
        unwrapping = Background(pair.server.unwrap)
        client, server = pair.client.unwrap(), unwrapping.result()
        client.sendall(b"plain")
        assert server.recv(100) == b"plain"
        assert client.cipher() is None
