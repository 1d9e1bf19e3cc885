"""What two ends say to each other: pytls against the standard library, and against itself."""

from __future__ import annotations

import os
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest
from expected import EARLY_SSL, NEWEST, cipher, needs
from peers import (
    RECORD,
    Background,
    Contexts,
    Pair,
    Sides,
    attempt,
    client_context,
    close_both_ways,
    connected,
    give_back,
    receive_all,
    receive_exactly,
    server_context,
    tcp_pair,
)
from pki import HOSTNAME, LOOPBACK, Credentials, Pki

MIB = 1 << 20


# Plaintext


@pytest.mark.parametrize("size", [1, RECORD - 1, RECORD, RECORD + 1, MIB], ids="{}B".format)
def test_what_is_sent_comes_back(pair: Pair, size: int) -> None:
    """Plaintext keeps its order below, at and above one record, there and back."""
    sent = os.urandom(size)
    giving_back = Background(give_back, pair.server, size)

    pair.client.sendall(sent)

    assert receive_exactly(pair.client, size) == sent
    giving_back.result()


def test_many_small_messages_in_turn(pair: Pair) -> None:
    """A conversation of short messages loses none and mixes none up."""
    for turn in range(200):
        question, answer = b"question %d" % turn, b"answer %d" % turn
        pair.client.sendall(question)
        assert pair.server.recv(100) == question
        pair.server.sendall(answer)
        assert pair.client.recv(100) == answer


def test_the_server_speaks_first(pair: Pair) -> None:
    """What a server says before the client does arrives, TLS 1.3's tickets notwithstanding."""
    pair.server.sendall(b"220 ready")

    assert pair.client.recv(100) == b"220 ready"


def test_both_ends_send_before_either_receives(pair: Pair) -> None:
    """Messages that cross each other both arrive."""
    pair.client.sendall(b"from the client")
    pair.server.sendall(b"from the server")

    assert pair.client.recv(100) == b"from the server"
    assert pair.server.recv(100) == b"from the client"


# What was negotiated


def test_both_ends_agree_on_version_and_cipher(pair: Pair, tls_version: str) -> None:
    """version() is the version asked for; cipher() is one triple on both ends."""
    assert pair.client.version() == pair.server.version() == tls_version
    name, version, bits = cipher(pair.client)
    assert cipher(pair.server) == (name, version, bits)
    assert version == tls_version
    assert bits in (128, 256)


def test_the_server_knows_the_ciphers_that_were_shared(pair: Pair, sides: Sides) -> None:
    """shared_ciphers() has triples on the server, the one chosen among them; a client has None.

    Before Python 3.10, and in an early 3.11, each end tells its own.
    """
    assert pair.client.cipher()[0] in {name for name, _, _ in pair.server.shared_ciphers()}
    told = pair.client.shared_ciphers()
    if sys.version_info >= (3, 10) and (sides.client is not ssl or not EARLY_SSL):
        assert told is None
    else:
        assert pair.client.cipher() in told


def test_nothing_is_compressed(pair: Pair) -> None:
    """compression() is None on both ends, since CRIME."""
    assert pair.client.compression() is None
    assert pair.server.compression() is None


def test_the_cipher_chosen_is_one_that_the_client_was_given(
    contexts: Contexts, tls_version: str
) -> None:
    """set_ciphers() governs TLS 1.2 and leaves TLS 1.3 alone."""
    contexts.client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")

    with connected(contexts) as pair:
        name, _, _ = pair.client.cipher()

    assert (name == "ECDHE-ECDSA-AES128-GCM-SHA256") == (tls_version == "TLSv1.2")


@needs("TLSv1_3")
def test_ends_without_a_common_version_do_not_connect(sides: Sides, pki: Pki) -> None:
    """TLS 1.2 alone against TLS 1.3 alone fails on both ends."""
    contexts = Contexts(
        client_context(sides.client, pki, "TLSv1.2"),
        server_context(sides.server, pki, "TLSv1.3"),
    )

    troubles = attempt(contexts)

    assert troubles.client.reason == "TLSV1_ALERT_PROTOCOL_VERSION"
    assert troubles.server.reason == "UNSUPPORTED_PROTOCOL"


def test_the_newest_common_version_wins(sides: Sides, pki: Pki) -> None:
    """Two ends that are not held to a version meet at the newest that both know."""
    contexts = Contexts(client_context(sides.client, pki), server_context(sides.server, pki))

    with connected(contexts) as pair:
        assert pair.client.version() == pair.server.version() == NEWEST


@pytest.mark.parametrize(
    ("offered", "supported", "selected"),
    [
        (["h2", "http/1.1"], ["http/1.1", "h2"], "http/1.1"),
        (["h2"], ["h2"], "h2"),
        (["h2"], ["other"], None),
        (["h2"], None, None),
        (None, ["h2"], None),
    ],
    ids=["server-prefers", "only-one", "none-in-common", "server-silent", "client-silent"],
)
def test_alpn_selects_what_the_server_likes_best(
    contexts: Contexts, offered: list[str], supported: list[str], selected: str
) -> None:
    """selected_alpn_protocol() is the same on both ends; no match leaves None."""
    if offered is not None:
        contexts.client.set_alpn_protocols(offered)
    if supported is not None:
        contexts.server.set_alpn_protocols(supported)

    with connected(contexts) as pair:
        assert pair.client.selected_alpn_protocol() == selected
        assert pair.server.selected_alpn_protocol() == selected


def test_channel_binding_is_the_same_on_both_ends(pair: Pair, tls_version: str) -> None:
    """RFC 5929's tls-unique binds both ends of a TLS 1.2 connection to the same bytes."""
    binding = pair.client.get_channel_binding("tls-unique")

    assert binding == pair.server.get_channel_binding("tls-unique")
    if tls_version == "TLSv1.2":
        assert len(binding) == 12


# Certificates


def test_the_client_sees_the_servers_certificate(pair: Pair, pki: Pki) -> None:
    """getpeercert() decodes it, and gives its DER too; nobody asked the client for one."""
    certificate = pair.client.getpeercert()

    assert ("DNS", HOSTNAME) in certificate["subjectAltName"]
    assert ("IP Address", LOOPBACK) in certificate["subjectAltName"]
    assert pair.client.getpeercert(True) == pki.server.der
    assert pair.client.getpeercert(binary_form=False) == certificate
    assert pair.server.getpeercert() is None
    assert pair.server.getpeercert(True) is None


def test_a_certificate_that_was_not_verified_decodes_to_nothing(
    contexts: Contexts, sides: Sides, pki: Pki
) -> None:
    """Under CERT_NONE getpeercert() is an empty dict, but the DER is there."""
    contexts.client.check_hostname = False
    contexts.client.verify_mode = sides.client.CERT_NONE

    with connected(contexts) as pair:
        assert pair.client.getpeercert() == {}
        assert pair.client.getpeercert(True) == pki.server.der


@pytest.mark.parametrize("asked", ["CERT_OPTIONAL", "CERT_REQUIRED"])
def test_a_client_certificate_is_verified_and_seen(
    contexts: Contexts, sides: Sides, pki: Pki, asked: str
) -> None:
    """A server that asks gets the client's certificate."""
    contexts.server.verify_mode = sides.server.VerifyMode[asked]
    contexts.server.load_verify_locations(pki.ca)
    contexts.client.load_cert_chain(pki.client.chain, pki.client.key)

    with connected(contexts) as pair:
        subject = dict(item for rdn in pair.server.getpeercert()["subject"] for item in rdn)
        assert subject["commonName"] == "A client"
        assert pair.server.getpeercert(True) == pki.client.der


def test_a_client_certificate_that_is_optional_may_be_absent(
    contexts: Contexts, sides: Sides, pki: Pki
) -> None:
    """Under CERT_OPTIONAL a client without a certificate is served."""
    contexts.server.verify_mode = sides.server.CERT_OPTIONAL
    contexts.server.load_verify_locations(pki.ca)

    with connected(contexts) as pair:
        assert pair.server.getpeercert() is None


def test_a_client_certificate_that_is_required_must_be_there(
    contexts: Contexts, sides: Sides, pki: Pki
) -> None:
    """Under CERT_REQUIRED the server refuses a client without one, and says why."""
    contexts.server.verify_mode = sides.server.CERT_REQUIRED
    contexts.server.load_verify_locations(pki.ca)

    troubles = attempt(contexts)

    assert isinstance(troubles.client, sides.client.SSLError)
    assert troubles.server.reason == "PEER_DID_NOT_RETURN_A_CERTIFICATE"


@pytest.mark.parametrize("name", [HOSTNAME, LOOPBACK, "anything.example.test"])
def test_the_host_name_may_be_any_name_of_the_certificate(contexts: Contexts, name: str) -> None:
    """A DNS name, an IP address and a wildcard are all found."""
    with connected(contexts, name) as pair:
        assert pair.client.server_hostname == name


def test_a_wrong_host_name_is_refused(contexts: Contexts, sides: Sides) -> None:
    """A certificate for other names raises SSLCertVerificationError with OpenSSL's code."""
    client, server = attempt(contexts, "wrong.test")

    assert isinstance(client, sides.client.SSLCertVerificationError)
    assert isinstance(server, sides.server.SSLError)
    assert client.reason == "CERTIFICATE_VERIFY_FAILED"
    assert client.verify_code == 62
    assert client.verify_message == (
        "Hostname mismatch, certificate is not valid for 'wrong.test'."
    )


def test_a_folder_of_authorities_serves_as_a_file_does(
    sides: Sides, pki: Pki, tls_version: str
) -> None:
    """A capath is looked into during the handshake."""
    client = sides.client.SSLContext(sides.client.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(capath=pki.ca_folder)

    with connected(Contexts(client, server_context(sides.server, pki, tls_version))) as pair:
        assert pair.client.version() == tls_version


def test_a_server_chooses_its_certificate_by_name(
    contexts: Contexts, sides: Sides, pki: Pki, tls_version: str
) -> None:
    """sni_callback sees the name asked for, and the context it sets is used."""
    names = []
    second = server_context(sides.server, pki, tls_version, pki.second)

    def choose(connection: Any, name: str | None, context: Any) -> None:
        names.append((name, context is contexts.server))
        if name == "second.test":
            connection.context = second

    contexts.server.sni_callback = choose

    with connected(contexts, "second.test") as pair:
        assert pair.client.getpeercert(True) == pki.second.der
        assert pair.server.context is second
    with connected(contexts) as pair:
        assert pair.client.getpeercert(True) == pki.server.der
        assert pair.server.context is contexts.server
    assert names == [("second.test", True), (HOSTNAME, True)]


# Sessions


def test_a_session_is_resumed(contexts: Contexts, tls_version: str) -> None:
    """The second connection with the first one's session skips the certificate exchange."""
    with connected(contexts) as pair:
        pair.server.sendall(b"!")
        pair.client.recv(1)  # TLS 1.3: the ticket comes with the first data
        session = pair.client.session
        assert not pair.client.session_reused
        close_both_ways(pair)

    assert session is not None
    assert session.has_ticket
    assert session.timeout > 0
    assert session.time > 0
    with connected(contexts, session=session) as pair:
        assert pair.client.session_reused
        assert pair.server.session_reused
        assert pair.client.getpeercert()["subject"]
    assert contexts.server.session_stats()["hits"] == 1


# The end of a connection


def test_close_notify_ends_the_stream(pair: Pair) -> None:
    """After the peer's close_notify, everything sent before it arrives, then b''."""
    pair.client.sendall(b"last words")
    unwrapping = Background(pair.client.unwrap)

    assert receive_all(pair.server) == b"last words"

    pair.server.unwrap()
    unwrapping.result()


def test_both_go_on_in_plain_text_after_unwrap(pair: Pair) -> None:
    """unwrap() gives the TCP connection back, without a byte of TLS left in it."""
    unwrapping = Background(pair.server.unwrap)
    client, server = pair.client.unwrap(), unwrapping.result()

    client.sendall(b"in plain")
    assert server.recv(100) == b"in plain"
    server.sendall(b"likewise")
    assert client.recv(100) == b"likewise"


def test_a_connection_is_wrapped_again_after_unwrap(
    contexts: Contexts, pair: Pair, tls_version: str
) -> None:
    """TLS, plain, and TLS once more over one TCP connection, as STARTTLS and its undoing."""
    unwrapping = Background(pair.server.unwrap)
    client, server = pair.client.unwrap(), unwrapping.result()
    accepting = Background(contexts.server.wrap_socket, server, server_side=True)

    client = contexts.client.wrap_socket(client, server_hostname=HOSTNAME)
    with client, accepting.result() as server:
        client.sendall(b"again")
        assert server.recv(100) == b"again"
        assert client.version() == tls_version


def test_plain_text_comes_before_the_handshake(contexts: Contexts) -> None:
    """STARTTLS: a plain conversation, then TLS on the same socket."""
    near, far = tcp_pair()

    def serve() -> Any:
        assert receive_exactly(far, 8) == b"STARTTLS"
        far.sendall(b"go ahead")
        return contexts.server.wrap_socket(far, server_side=True)

    serving = Background(serve)
    near.sendall(b"STARTTLS")
    assert receive_exactly(near, 8) == b"go ahead"
    client = contexts.client.wrap_socket(near, server_hostname=HOSTNAME)
    with client, serving.result() as server:
        server.sendall(b"secret")
        assert client.recv(100) == b"secret"


# Secrets and credentials


@needs("KEYLOG")
def test_the_key_log_holds_the_secrets_of_the_connection(
    contexts: Contexts, tls_version: str, tmp_path: Path
) -> None:
    """keylog_filename gets NSS lines for the version spoken."""
    log = tmp_path / "keys.log"
    contexts.client.keylog_filename = str(log)

    with connected(contexts):
        pass
    contexts.client.keylog_filename = None

    labels = {line.split()[0] for line in log.read_text().splitlines() if line[0] != "#"}
    wanted = {"TLSv1.2": "CLIENT_RANDOM", "TLSv1.3": "CLIENT_TRAFFIC_SECRET_0"}
    assert wanted[tls_version] in labels


@needs("PHA")
def test_a_client_is_asked_for_its_certificate_after_the_handshake(sides: Sides, pki: Pki) -> None:
    """TLS 1.3's post-handshake authentication, RFC 8446 section 4.6.2."""
    contexts = Contexts(
        client_context(sides.client, pki, "TLSv1.3"), server_context(sides.server, pki, "TLSv1.3")
    )
    contexts.client.post_handshake_auth = True
    contexts.client.load_cert_chain(pki.client.both)
    contexts.server.post_handshake_auth = True
    contexts.server.verify_mode = sides.server.CERT_REQUIRED
    contexts.server.load_verify_locations(pki.ca)

    with connected(contexts) as pair:
        assert pair.server.getpeercert() is None
        pair.server.verify_client_post_handshake()
        pair.server.sendall(b"who are you?")
        assert pair.client.recv(100) == b"who are you?"
        pair.client.sendall(b"see above")
        assert pair.server.recv(100) == b"see above"
        assert pair.server.getpeercert(True) == pki.client.der


@pytest.mark.parametrize("kind", ["RSA", "ECDSA"])
def test_a_server_may_have_a_key_of_either_kind(
    sides: Sides, pki: Pki, tls_version: str, kind: str, rsa: Credentials
) -> None:
    """RSA and ECDSA certificates both authenticate a server."""
    credentials = rsa if kind == "RSA" else pki.server
    contexts = Contexts(
        client_context(sides.client, pki, tls_version),
        server_context(sides.server, pki, tls_version, credentials),
    )

    with connected(contexts) as pair:
        assert pair.client.getpeercert(True) == credentials.der
