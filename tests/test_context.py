"""SSLContext: what its settings become, and what they do to a connection."""

from __future__ import annotations

import gc
import os
import ssl
import sys
import threading
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from expected import SAME_LIBRARY, needs
from outcomes import same
from peers import (
    Background,
    Contexts,
    Sides,
    attempt,
    client_context,
    connected,
    server_context,
    tcp_pair,
)
from pki import HOSTNAME, LOOPBACK, PASSWORD, Credentials, Pki

import pytls
from pytls import _features as features
from pytls import _libcrypto as libcrypto

#: OP_NO_TLSv1_3 and TLSVersion.TLSv1, of which newer Pythons warn
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def client(m: ModuleType) -> Any:
    """A client's context."""
    return m.SSLContext(m.PROTOCOL_TLS_CLIENT)


def server(m: ModuleType) -> Any:
    """A server's."""
    return m.SSLContext(m.PROTOCOL_TLS_SERVER)


# Settings


@pytest.mark.parametrize("mode", ["CERT_NONE", "CERT_OPTIONAL", "CERT_REQUIRED"])
def test_the_verify_mode_is_one_of_three(mode: str) -> None:
    """It reads back as the enum's member."""
    context = server(pytls)

    context.verify_mode = getattr(pytls, mode)

    assert context.verify_mode is getattr(pytls.VerifyMode, mode)


def test_checking_names_demands_a_certificate() -> None:
    """check_hostname turns CERT_NONE into CERT_REQUIRED, and forbids the way back."""
    context = server(pytls)
    context.check_hostname = True

    assert context.verify_mode == pytls.CERT_REQUIRED
    with pytest.raises(ValueError, match="check_hostname is enabled"):
        context.verify_mode = pytls.CERT_NONE

    context.check_hostname = False
    context.verify_mode = pytls.CERT_NONE


@pytest.mark.parametrize(
    "option",
    [
        "OP_NO_TICKET",
        "OP_NO_TLSv1_3",
        pytest.param("OP_NO_RENEGOTIATION", marks=needs("NO_RENEGOTIATION")),
    ],
)
def test_an_option_is_set_and_cleared(option: str) -> None:
    """One bit comes and goes; the others stay, in the enum Options."""
    context = client(pytls)
    before, bit = context.options, getattr(pytls, option)

    context.options |= bit
    assert context.options == before | bit
    assert isinstance(context.options, pytls.Options)

    context.options &= ~bit
    assert context.options == before & ~bit


def test_verify_flags_are_set_and_cleared() -> None:
    """VERIFY_* come and go, in the enum VerifyFlags."""
    context = client(pytls)
    before = context.verify_flags

    context.verify_flags |= pytls.VERIFY_CRL_CHECK_LEAF | pytls.VERIFY_X509_STRICT
    assert context.verify_flags & pytls.VERIFY_CRL_CHECK_LEAF
    assert isinstance(context.verify_flags, pytls.VerifyFlags)

    context.verify_flags = before
    assert context.verify_flags == before


@pytest.mark.parametrize("bound", ["minimum_version", "maximum_version"])
@pytest.mark.parametrize(
    "version",
    [
        "MINIMUM_SUPPORTED",
        "TLSv1",
        "TLSv1_2",
        pytest.param("TLSv1_3", marks=needs("TLSv1_3")),
        "MAXIMUM_SUPPORTED",
    ],
)
def test_a_bound_reads_back_as_in_ssl(bound: str, version: str) -> None:
    """Also for the two that stand for whatever the library has."""

    def case(m: ModuleType) -> Any:
        context = client(m)
        setattr(context, bound, getattr(m.TLSVersion, version))
        return getattr(context, bound)

    same(case)


@needs("TLSv1_3")
@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_server_sends_as_many_tickets_as_it_is_told(pki: Pki, count: int) -> None:
    """num_tickets, counted by the messages that the client sees."""
    tickets = []

    def watch(sock: Any, direction: str, version: Any, content: Any, kind: Any, _: bytes) -> None:
        if direction == "read" and getattr(kind, "name", "") == "NEWSESSION_TICKET":
            tickets.append(kind)

    contexts = Contexts(
        client_context(pytls, pki, "TLSv1.3"), server_context(pytls, pki, "TLSv1.3")
    )
    contexts.client._msg_callback = watch
    contexts.server.num_tickets = count

    with connected(contexts) as pair:
        pair.server.sendall(b"!")
        pair.client.recv(1)

    assert len(tickets) == count


def test_a_context_keeps_no_attributes_that_it_has_not_read(pki: Pki) -> None:
    """A subclass may add its own; sslsocket_class decides what wrap_socket() returns."""

    class Mine(pytls.SSLContext):
        mark = 0

    class MySocket(pytls.SSLSocket):
        pass

    context = Mine(pytls.PROTOCOL_TLS_CLIENT)
    context.sslsocket_class = MySocket
    near, far = tcp_pair()

    with far, context.wrap_socket(
        near, server_hostname=HOSTNAME, do_handshake_on_connect=False
    ) as sock:
        assert type(sock) is MySocket
        assert sock.context is context


@pytest.mark.parametrize("m", [ssl, pytls], ids=["ssl", "pytls"])
def test_a_subclass_may_have_settings_of_its_own(m: ModuleType) -> None:
    """Nothing sets them before its `__init__`, and `super` finds the originals: as truststore's."""

    class Own(m.SSLContext):  # type: ignore[name-defined,misc]
        def __init__(self, protocol: Any) -> None:
            self.inner = m.SSLContext(protocol)

        @property
        def verify_mode(self) -> Any:
            return self.inner.verify_mode

        @verify_mode.setter
        def verify_mode(self, value: Any) -> None:
            super(m.SSLContext, m.SSLContext).verify_mode.__set__(self.inner, value)

    own = Own(m.PROTOCOL_TLS_CLIENT)
    own.inner.check_hostname = False
    own.verify_mode = m.CERT_NONE

    assert own.inner.verify_mode == m.CERT_NONE
    assert m.SSLContext.verify_mode.__get__(own) == m.CERT_REQUIRED


# Certificates and authorities


def test_authorities_come_from_a_file_a_folder_or_memory(pki: Pki) -> None:
    """PEM or DER; the same twice counts once; a folder counts only when it is used."""
    pem = Path(pki.ca).read_text()
    der = pytls.PEM_cert_to_DER_cert(pem)
    for options in (
        {"cafile": pki.ca},
        {"cafile": Path(pki.ca)},
        {"cafile": os.fsencode(pki.ca)},
        {"cadata": pem},
        {"cadata": der},
        {"cadata": der + der},
        {"cadata": bytearray(der)},
        {"cadata": "a comment\n" + pem},
        {"cafile": pki.ca, "cadata": pem},
    ):

        def case(m: ModuleType, options: dict[str, Any] = options) -> Any:
            context = client(m)
            context.load_verify_locations(**options)
            return context.cert_store_stats(), context.get_ca_certs(), context.get_ca_certs(True)

        assert same(case).value[0] == {"x509": 1, "crl": 0, "x509_ca": 1}

    context = client(pytls)
    context.load_verify_locations(capath=pki.ca_folder)
    assert context.cert_store_stats()["x509"] == 0


def test_an_authority_in_a_folder_is_counted_once_it_was_needed(pki: Pki) -> None:
    """The handshake has looked into the folder."""
    context = client(pytls)
    context.load_verify_locations(capath=pki.ca_folder)

    with connected(Contexts(context, server_context(ssl, pki))):
        assert context.cert_store_stats()["x509_ca"] == 1
        assert len(context.get_ca_certs()) == 1


def test_a_leaf_is_not_an_authority(pki: Pki) -> None:
    """A certificate that is no authority's is counted, but not among them."""

    def case(m: ModuleType) -> Any:
        context = client(m)
        context.load_verify_locations(pki.server.chain)
        return context.cert_store_stats(), context.get_ca_certs()

    assert same(case).value == ({"x509": 1, "crl": 0, "x509_ca": 0}, [])


@pytest.mark.parametrize("question", ["cert_store_stats", "get_ca_certs"])
def test_a_spoilt_extension_leaves_no_error_behind(pki: Pki, question: str) -> None:
    """What OpenSSL says of it would pass for an error of the next call: of `ssl`'s, too."""
    der = ssl.PEM_cert_to_DER_cert(Path(pki.ca).read_text())
    constraints = b"\x30\x06\x01\x01\xff\x02\x01"  # a SEQUENCE; RFC 5280 §4.2.1.9
    assert constraints in der
    context = client(pytls)
    context.load_verify_locations(cadata=der.replace(constraints, b"\x31" + constraints[1:]))

    getattr(context, question)()

    assert not libcrypto.ERR_peek_last_error()


@pytest.mark.parametrize(
    "password",
    [PASSWORD, PASSWORD.encode(), bytearray(PASSWORD.encode()), lambda: PASSWORD],
    ids=["str", "bytes", "bytearray", "callable"],
)
def test_a_locked_key_opens_with_its_password(pki: Pki, password: Any) -> None:
    """And the server that has it is believed."""
    context = server(pytls)
    context.load_cert_chain(pki.server.chain, pki.locked_key, password)

    with connected(Contexts(client_context(ssl, pki), context)) as pair:
        assert pair.client.getpeercert(True) == pki.server.der


def test_what_a_password_callable_raises_comes_out(pki: Pki) -> None:
    """The very exception, and no SSLError."""
    error = RuntimeError("forgot it")

    def forget() -> str:
        raise error

    with pytest.raises(RuntimeError) as raised:
        server(pytls).load_cert_chain(pki.server.chain, pki.locked_key, forget)

    assert raised.value is error


def test_a_context_may_have_a_certificate_of_each_kind(pki: Pki, rsa: Credentials) -> None:
    """RSA and ECDSA side by side: the client's ciphers decide."""
    context = server_context(pytls, pki, "TLSv1.2")
    context.load_cert_chain(rsa.both)
    for kind, credentials in ("RSA", rsa), ("ECDSA", pki.server):
        choosy = client_context(ssl, pki, "TLSv1.2")
        choosy.set_ciphers(f"ECDHE-{kind}-AES128-GCM-SHA256")
        with connected(Contexts(choosy, context)) as pair:
            assert pair.client.getpeercert(True) == credentials.der


# Ciphers and groups


@pytest.mark.skipif(not SAME_LIBRARY, reason="another OpenSSL has other ciphers")
@pytest.mark.parametrize("ciphers", ["ECDHE+AESGCM", "HIGH:!aNULL", "DEFAULT", "ALL:@SECLEVEL=0"])
def test_a_cipher_list_means_what_it_means_in_ssl(ciphers: str) -> None:
    """get_ciphers() after set_ciphers(), with every detail."""

    def case(m: ModuleType) -> Any:
        context = client(m)
        context.set_ciphers(ciphers)
        return context.get_ciphers()

    assert same(case).value


def test_a_server_without_a_common_group_is_refused(pki: Pki) -> None:
    """set_ecdh_curve() on either end: P-384 against P-521."""
    contexts = Contexts(client_context(pytls, pki), server_context(pytls, pki))
    contexts.client.set_ecdh_curve("secp384r1")
    contexts.server.set_ecdh_curve("secp521r1")

    troubles = attempt(contexts)

    assert isinstance(troubles.client, pytls.SSLError)
    assert isinstance(troubles.server, pytls.SSLError)


def test_groups_are_chosen_by_name(pki: Pki, tls_version: str) -> None:
    """set_groups() limits the key agreement; group() tells where the library can."""
    contexts = Contexts(
        client_context(pytls, pki, tls_version), server_context(pytls, pki, tls_version)
    )
    contexts.client.set_groups("secp384r1:prime256v1")  # the second for the certificate
    contexts.server.set_groups("secp384r1:prime256v1")

    with connected(contexts) as pair:
        if features.HAS_GROUP_NAME:
            assert pair.client.group() == pair.server.group() == "secp384r1"
        else:
            with pytest.raises(NotImplementedError, match=r"3\.2"):
                pair.client.group()
    with pytest.raises(pytls.SSLError):
        contexts.client.set_groups("no-such-group")


@needs("TLSv1_3")
def test_tls_1_3_suites_are_chosen_by_name(pki: Pki) -> None:
    """set_ciphersuites() limits TLS 1.3."""
    contexts = Contexts(
        client_context(pytls, pki, "TLSv1.3"), server_context(pytls, pki, "TLSv1.3")
    )
    contexts.client.set_ciphersuites("TLS_CHACHA20_POLY1305_SHA256")

    with connected(contexts) as pair:
        assert pair.client.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
    with pytest.raises(pytls.SSLError):
        contexts.client.set_ciphersuites("NO_SUCH_SUITE")


# Sessions


def test_session_counters_count(contexts: Contexts, sides: Sides) -> None:
    """Connect and accept, begun and done."""
    for _ in range(2):
        with connected(contexts):
            pass

    assert contexts.client.session_stats()["connect_good"] == 2
    assert contexts.server.session_stats()["accept_good"] == 2
    assert contexts.client.session_stats()["accept"] == 0


# Callbacks


def test_a_callback_that_raises_ends_the_handshake(pki: Pki, tls_version: str) -> None:
    """sni_callback fails closed: the client hears an alert, and the exception is reported."""
    contexts = Contexts(
        client_context(ssl, pki, tls_version), server_context(pytls, pki, tls_version)
    )

    def fail(*_: Any) -> None:
        raise ZeroDivisionError("in the callback")

    contexts.server.sni_callback = fail
    reported = []
    previous, sys.unraisablehook = sys.unraisablehook, reported.append
    try:
        troubles = attempt(contexts)
    finally:
        sys.unraisablehook = previous

    assert troubles.client.reason == "SSLV3_ALERT_HANDSHAKE_FAILURE"
    assert isinstance(troubles.server, pytls.SSLError)
    assert [report.exc_type for report in reported] == [ZeroDivisionError]
    del reported[:]


def test_the_callback_of_old_gets_the_name_too(pki: Pki) -> None:
    """set_servername_callback()."""
    contexts = Contexts(client_context(ssl, pki), server_context(pytls, pki))
    names = []
    contexts.server.set_servername_callback(lambda *arguments: names.append(arguments[1]))

    with connected(contexts):
        pass
    contexts.server.set_servername_callback(None)
    with connected(contexts):
        pass

    assert names == [HOSTNAME]


def test_a_client_without_a_name_calls_the_callback_with_none(pki: Pki) -> None:
    """No SNI: None. An address is no name either."""
    contexts = Contexts(client_context(ssl, pki), server_context(pytls, pki))
    contexts.client.check_hostname = False
    names = []
    contexts.server.sni_callback = lambda *arguments: names.append(arguments[1])

    with connected(contexts, None):
        pass
    with connected(contexts, LOOPBACK):
        pass

    assert names == [None, None]


# Lifetimes


def test_a_context_is_collected_when_nobody_has_it(pki: Pki) -> None:
    """Neither callbacks nor connections of the past keep it."""
    context = server_context(pytls, pki)
    context.sni_callback = print
    context.set_alpn_protocols(["h2"])
    with connected(Contexts(client_context(pytls, pki), context)):
        pass
    gone = weakref.ref(context)

    del context
    gc.collect()

    assert gone() is None


def test_a_connection_outlives_the_last_reference_to_its_context(pki: Pki) -> None:
    """The connection has it."""
    near, far = tcp_pair()
    accepting = Background(server_context(ssl, pki).wrap_socket, far, server_side=True)
    client = client_context(pytls, pki).wrap_socket(near, server_hostname=HOSTNAME)
    gc.collect()

    with client, accepting.result() as server:
        client.sendall(b"still here")
        assert server.recv(100) == b"still here"


def test_a_context_may_be_changed_while_others_use_it(pki: Pki) -> None:
    """Handshakes in other threads, while authorities are added: nothing crashes or waits."""
    contexts = Contexts(client_context(pytls, pki), server_context(ssl, pki))
    stop = threading.Event()

    def connect() -> int:
        count = 0
        while not stop.is_set():
            with connected(contexts):
                count += 1
        return count

    connecting = [Background(connect) for _ in range(2)]
    for _ in range(20):
        contexts.client.load_verify_locations(pki.ca_of_others)
        contexts.client.get_ca_certs()
    stop.set()

    assert all(thread.result() for thread in connecting)
