"""Bad input: pytls answers, or raises, exactly what the running interpreter's `ssl` does.

Each case is a call that takes the module as its argument, and is made on both.
"""

# ruff: noqa: ARG005 every case of a table takes the module and the certificates

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Callable

import pytest
from outcomes import Raised, same
from pki import LOOPBACK, PASSWORD, Pki

Case = Callable[[ModuleType, Pki], Any]


def cases(since: dict[str, tuple[int, int]] | None = None, **table: Case) -> Any:
    """The rows of a table as parameters; `since`: the Python whose `ssl` began to answer so."""
    since = since or {}
    return pytest.mark.parametrize(
        "case",
        [
            pytest.param(
                case,
                id=name,
                marks=pytest.mark.skipif(
                    sys.version_info < since.get(name, (3, 8)),
                    reason="the ssl of this Python still answers otherwise",
                ),
            )
            for name, case in table.items()
        ],
    )


def client(m: ModuleType) -> Any:
    """A context to try settings on."""
    return m.SSLContext(m.PROTOCOL_TLS_CLIENT)


def server(m: ModuleType) -> Any:
    """Likewise for a server."""
    return m.SSLContext(m.PROTOCOL_TLS_SERVER)


def setting(name: str, value: Any, role: Callable[[ModuleType], Any] = client) -> Case:
    """Setting an attribute of a context, and what it is afterwards."""

    def case(m: ModuleType, pki: Pki) -> Any:
        context = role(m)
        setattr(context, name, value)
        return getattr(context, name)

    return case


def deleting(name: str) -> Case:
    """Deleting an attribute of a context."""
    return lambda m, pki: delattr(client(m), name)


# Functions of the module


@cases(
    protocol_is_text=lambda m, pki: m.SSLContext("TLS"),
    protocol_is_none=lambda m, pki: m.SSLContext(None),
    protocol_is_unknown=lambda m, pki: m.SSLContext(99),
    protocol_is_negative=lambda m, pki: m.SSLContext(-1),
    protocol_is_huge=lambda m, pki: m.SSLContext(1 << 40),
    protocol_is_a_float=lambda m, pki: m.SSLContext(2.0),
    protocol_is_one_too_many=lambda m, pki: m.SSLContext(m.PROTOCOL_TLS_CLIENT, 1),
    purpose_is_text=lambda m, pki: m.create_default_context("server"),
    purpose_and_missing_cafile=lambda m, pki: m.create_default_context(cafile="/nowhere.pem"),
    purpose_and_empty_cadata=lambda m, pki: m.create_default_context(cadata=""),
    since={"protocol_is_none": (3, 10)},
)
def test_a_context_that_can_not_be(case: Case, pki: Pki) -> None:
    """Protocols that are none, and purposes that are none."""
    same(lambda m: case(m, pki))


@cases(
    bytes_of_text=lambda m, pki: m.RAND_bytes("8"),
    bytes_of_none=lambda m, pki: m.RAND_bytes(None),
    bytes_negative=lambda m, pki: m.RAND_bytes(-1),
    bytes_huge=lambda m, pki: m.RAND_bytes(1 << 40),
    bytes_zero=lambda m, pki: m.RAND_bytes(0),
    bytes_of_a_float=lambda m, pki: m.RAND_bytes(1.5),
    add_a_number=lambda m, pki: m.RAND_add(1, 0.0),
    add_without_entropy=lambda m, pki: m.RAND_add(b"x"),
    add_entropy_of_text=lambda m, pki: m.RAND_add(b"x", "y"),
    add_text=lambda m, pki: m.RAND_add("text", 1.0),
    add_array=lambda m, pki: m.RAND_add(bytearray(b"x"), 1),
    status_with_argument=lambda m, pki: m.RAND_status(1),
)
def test_random_numbers(case: Case, pki: Pki) -> None:
    """Counts that are none, and seeds that are none."""
    same(lambda m: case(m, pki))


@cases(
    time_empty=lambda m, pki: m.cert_time_to_seconds(""),
    time_of_none=lambda m, pki: m.cert_time_to_seconds(None),
    time_in_another_zone=lambda m, pki: m.cert_time_to_seconds("May  9 00:00:00 2007 CET"),
    time_without_zone=lambda m, pki: m.cert_time_to_seconds("May  9 00:00:00 2007"),
    time_of_no_month=lambda m, pki: m.cert_time_to_seconds("Foo  9 00:00:00 2007 GMT"),
    time_of_no_day=lambda m, pki: m.cert_time_to_seconds("Feb 30 00:00:00 2007 GMT"),
    time_of_day_zero=lambda m, pki: m.cert_time_to_seconds("Feb  0 00:00:00 2007 GMT"),
    time_of_no_hour=lambda m, pki: m.cert_time_to_seconds("Feb  9 25:00:00 2007 GMT"),
    time_of_leap_second=lambda m, pki: m.cert_time_to_seconds("Dec 31 23:59:60 2008 GMT"),
    time_in_other_case=lambda m, pki: m.cert_time_to_seconds("fEB  9 00:00:00 2007 gmt"),
    time_with_space_around=lambda m, pki: m.cert_time_to_seconds(" Feb  9 00:00:00 2007 GMT "),
    time_far_off=lambda m, pki: m.cert_time_to_seconds("Dec 31 23:59:59 9999 GMT"),
    pem_from_text=lambda m, pki: m.DER_cert_to_PEM_cert("text"),
    pem_from_none=lambda m, pki: m.DER_cert_to_PEM_cert(None),
    pem_from_nothing=lambda m, pki: m.DER_cert_to_PEM_cert(b""),
    der_from_nothing=lambda m, pki: m.PEM_cert_to_DER_cert(""),
    der_from_bytes=lambda m, pki: m.PEM_cert_to_DER_cert(b"-----BEGIN CERTIFICATE-----"),
    der_from_none=lambda m, pki: m.PEM_cert_to_DER_cert(None),
    der_without_footer=lambda m, pki: m.PEM_cert_to_DER_cert("-----BEGIN CERTIFICATE-----\nAA=="),
    der_without_header=lambda m, pki: m.PEM_cert_to_DER_cert("AA==\n-----END CERTIFICATE-----"),
    der_of_bad_base64=lambda m, pki: m.PEM_cert_to_DER_cert(
        "-----BEGIN CERTIFICATE-----\nA\n-----END CERTIFICATE-----"
    ),
    der_of_no_base64=lambda m, pki: m.PEM_cert_to_DER_cert(
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----"
    ),
    der_with_space_around=lambda m, pki: m.PEM_cert_to_DER_cert(
        "\n  -----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n\n"
    ),
    fetching_from_no_port=lambda m, pki: m.get_server_certificate((LOOPBACK, 1)),
    fetching_from_no_address=lambda m, pki: m.get_server_certificate(LOOPBACK),
    fetching_from_a_number=lambda m, pki: m.get_server_certificate(443),
    since={"pem_from_nothing": (3, 15)},
)
def test_certificates_and_times(case: Case, pki: Pki) -> None:
    """Texts that are no date, no PEM, no address."""
    same(lambda m: case(m, pki))


@cases(
    socket=lambda m, pki: m.SSLSocket(),
    socket_with_arguments=lambda m, pki: m.SSLSocket(socket.AF_INET, socket.SOCK_STREAM),
    object=lambda m, pki: m.SSLObject(),
    session=lambda m, pki: m.SSLSession(),
)
def test_what_only_a_context_makes(case: Case, pki: Pki) -> None:
    """Classes without a public constructor."""
    assert isinstance(same(lambda m: case(m, pki)), Raised)


# MemoryBIO


@cases(
    write_text=lambda m, pki: m.MemoryBIO().write("text"),
    write_none=lambda m, pki: m.MemoryBIO().write(None),
    write_a_number=lambda m, pki: m.MemoryBIO().write(1),
    write_nothing=lambda m, pki: m.MemoryBIO().write(b""),
    read_text=lambda m, pki: m.MemoryBIO().read("1"),
    read_none=lambda m, pki: m.MemoryBIO().read(None),
    read_empty=lambda m, pki: m.MemoryBIO().read(),
    read_negative=lambda m, pki: m.MemoryBIO().read(-5),
    read_huge=lambda m, pki: m.MemoryBIO().read(1 << 40),
    constructor_with_argument=lambda m, pki: m.MemoryBIO(1),
    set_pending=lambda m, pki: setattr(m.MemoryBIO(), "pending", 1),
)
def test_a_memory_bio(case: Case, pki: Pki) -> None:
    """What is no buffer and what is no size."""
    same(lambda m: case(m, pki))


def test_a_memory_bio_takes_nothing_after_its_end(pki: Pki) -> None:
    """write() after write_eof() is an SSLError."""

    def case(m: ModuleType) -> Any:
        bio = m.MemoryBIO()
        bio.write(b"before")
        bio.write_eof()
        bio.write(b"after")

    assert isinstance(same(case), Raised)


# Settings of a context


@cases(
    verify_mode_is_3=setting("verify_mode", 3),
    verify_mode_is_negative=setting("verify_mode", -1),
    verify_mode_is_text=setting("verify_mode", "CERT_NONE"),
    verify_mode_is_none=setting("verify_mode", None),
    verify_mode_is_huge=setting("verify_mode", 1 << 40),
    verify_mode_is_a_number=setting("verify_mode", 1, server),
    verify_mode_is_true=setting("verify_mode", True, server),
    verify_none_though_names_are_checked=setting("verify_mode", 0),
    check_hostname_without_verifying=setting("check_hostname", True, server),
    check_hostname_is_text=setting("check_hostname", "yes"),
    check_hostname_is_none=setting("check_hostname", None),
    options_are_text=setting("options", "OP_ALL"),
    options_are_none=setting("options", None),
    options_are_zero=setting("options", 0),
    options_are_huge=setting("options", 1 << 70),
    options_are_a_float=setting("options", 1.0),
    verify_flags_are_text=setting("verify_flags", "x"),
    verify_flags_are_none=setting("verify_flags", None),
    verify_flags_are_zero=setting("verify_flags", 0),
    verify_flags_are_crl=setting("verify_flags", 4),
    minimum_is_text=setting("minimum_version", "TLSv1.2"),
    minimum_is_none=setting("minimum_version", None),
    minimum_is_5=setting("minimum_version", 5),
    minimum_is_negative=setting("minimum_version", -7),
    minimum_is_the_least=setting("minimum_version", -2),
    minimum_is_the_most=setting("minimum_version", -1),
    minimum_is_a_number=setting("minimum_version", 0x303),
    maximum_is_text=setting("maximum_version", "TLSv1.2"),
    maximum_is_none=setting("maximum_version", None),
    maximum_is_5=setting("maximum_version", 5),
    maximum_is_the_least=setting("maximum_version", -2),
    maximum_is_a_number=setting("maximum_version", 0x303),
    tickets_are_text=setting("num_tickets", "2", server),
    tickets_are_none=setting("num_tickets", None, server),
    tickets_are_negative=setting("num_tickets", -1, server),
    tickets_are_many=setting("num_tickets", 1000, server),
    tickets_of_a_client=setting("num_tickets", 2),
    sni_callback_is_a_number=setting("sni_callback", 5, server),
    sni_callback_is_none=setting("sni_callback", None, server),
    sni_callback_of_a_client=setting("sni_callback", print),
    keylog_nowhere=setting("keylog_filename", "/nowhere/keys.log"),
    keylog_is_a_number=setting("keylog_filename", 1.5),
    keylog_is_a_folder=setting("keylog_filename", "/"),
    post_handshake_auth_is_text=setting("post_handshake_auth", "yes"),
    common_names_is_text=setting("hostname_checks_common_name", "yes"),
    protocol_is_read_only=setting("protocol", 2),
    security_level_is_read_only=setting("security_level", 0),
    any_other_name=setting("no_such_setting", 1),
    delete_verify_mode=deleting("verify_mode"),
    delete_options=deleting("options"),
    delete_protocol=deleting("protocol"),
    negative_options=setting("options", -1),
    since={
        "security_level_is_read_only": (3, 10),
        "options_are_huge": (3, 12),
        "negative_options": (3, 12),
    },
)
def test_settings(case: Case, pki: Pki) -> None:
    """Values that an attribute of a context does not take, or takes for something else."""
    same(lambda m: case(m, pki))


@cases(
    ciphers_empty=lambda m, pki: client(m).set_ciphers(""),
    ciphers_unknown=lambda m, pki: client(m).set_ciphers("NO-SUCH-CIPHER"),
    ciphers_none_left=lambda m, pki: client(m).set_ciphers("ALL:!ALL"),
    ciphers_none=lambda m, pki: client(m).set_ciphers(None),
    ciphers_number=lambda m, pki: client(m).set_ciphers(5),
    ciphers_bytes=lambda m, pki: client(m).set_ciphers(b"ALL"),
    ciphers_with_null=lambda m, pki: client(m).set_ciphers("ALL\0"),
    ciphers_not_ascii=lambda m, pki: client(m).set_ciphers("ÄLL"),
    ciphers_partly_unknown=lambda m, pki: client(m).set_ciphers("NO-SUCH:ECDHE+AESGCM"),
    curve_unknown=lambda m, pki: server(m).set_ecdh_curve("no-such-curve"),
    curve_known=lambda m, pki: server(m).set_ecdh_curve("prime256v1"),
    curve_bytes=lambda m, pki: server(m).set_ecdh_curve(b"prime256v1"),
    curve_none=lambda m, pki: server(m).set_ecdh_curve(None),
    curve_number=lambda m, pki: server(m).set_ecdh_curve(415),
    curve_missing=lambda m, pki: server(m).set_ecdh_curve(),
    alpn_none=lambda m, pki: client(m).set_alpn_protocols(None),
    alpn_text=lambda m, pki: client(m).set_alpn_protocols("h2"),
    alpn_bytes=lambda m, pki: client(m).set_alpn_protocols([b"h2"]),
    alpn_number=lambda m, pki: client(m).set_alpn_protocols(5),
    alpn_nothing=lambda m, pki: client(m).set_alpn_protocols([]),
    alpn_empty_name=lambda m, pki: client(m).set_alpn_protocols([""]),
    alpn_name_of_256=lambda m, pki: client(m).set_alpn_protocols(["x" * 256]),
    alpn_not_ascii=lambda m, pki: client(m).set_alpn_protocols(["ä"]),
    dh_missing_file=lambda m, pki: server(m).load_dh_params("/nowhere.pem"),
    dh_none=lambda m, pki: server(m).load_dh_params(None),
    dh_not_pem=lambda m, pki: server(m).load_dh_params(pki.ca),
    stats_with_argument=lambda m, pki: client(m).session_stats(1),
    store_with_argument=lambda m, pki: client(m).cert_store_stats(1),
    default_paths_with_argument=lambda m, pki: client(m).set_default_verify_paths(1),
    default_certs_of_text=lambda m, pki: client(m).load_default_certs("server"),
    ca_certs_of_text=lambda m, pki: client(m).get_ca_certs("yes"),
    sni_not_callable=lambda m, pki: server(m).set_servername_callback(5),
)
def test_calls_of_a_context(case: Case, pki: Pki) -> None:
    """Arguments that a method of a context does not take."""
    same(lambda m: case(m, pki))


# Files


EMPTY, GARBAGE = b"", b"nothing that OpenSSL knows\n" * 3
BROKEN = b"-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"
TRUNCATED = b"-----BEGIN CERTIFICATE-----\nMIIB\n"
NOT_A_CERTIFICATE = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture(scope="module", autouse=True)
def bad_files(pki: Pki) -> None:
    """Files that are almost what they should be."""
    for name, content in [
        ("empty", EMPTY),
        ("garbage", GARBAGE),
        ("broken", BROKEN),
        ("truncated", TRUNCATED),
        ("no-certificate", NOT_A_CERTIFICATE),
        ("good-then-broken", Path(pki.ca).read_bytes() + BROKEN),
        ("good-then-garbage", Path(pki.ca).read_bytes() + GARBAGE),
        ("ca.der", Path(pki.ca).read_bytes()),
    ]:
        pki.file(name, content)


FILES = ["empty", "garbage", "broken", "truncated", "no-certificate", "good-then-broken"]
FILES += ["good-then-garbage", "absent", "."]


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_authorities(pki: Pki, name: str) -> None:
    """load_verify_locations(cafile) of a file that is absent, a folder, empty or broken."""

    def case(m: ModuleType) -> Any:
        context = client(m)
        context.load_verify_locations(os.path.join(pki.folder, name))
        return len(context.get_ca_certs())

    same(case)


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_certificate(pki: Pki, name: str) -> None:
    """load_cert_chain(certfile) likewise."""
    same(lambda m: server(m).load_cert_chain(os.path.join(pki.folder, name)))


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_a_key(pki: Pki, name: str) -> None:
    """load_cert_chain(certfile, keyfile) with such a file for the key."""
    path = os.path.join(pki.folder, name)
    assert isinstance(same(lambda m: server(m).load_cert_chain(pki.server.chain, path)), Raised)


DATA = {
    "empty-text": "",
    "empty-bytes": b"",
    "garbage-text": GARBAGE.decode(),
    "garbage-bytes": GARBAGE,
    "broken": BROKEN.decode(),
    "truncated": TRUNCATED.decode(),
    "no-certificate": NOT_A_CERTIFICATE.decode(),
    "der-garbage": b"\x30\x03\x02\x01\x01",
    "not-ascii": "é",
    "number": 5,
    "list": [],
    "pem-as-bytes": b"-----BEGIN CERTIFICATE-----\n",
}


@pytest.mark.parametrize("data", DATA.values(), ids=list(DATA))
def test_authorities_in_memory(data: Any) -> None:
    """load_verify_locations(cadata) of what is no certificate."""
    assert isinstance(same(lambda m: client(m).load_verify_locations(cadata=data)), Raised)


def test_authorities_in_memory_end_with_garbage(pki: Pki) -> None:
    """A certificate, and something else after it."""
    good = Path(pki.ca).read_text()
    der = same(lambda m: m.PEM_cert_to_DER_cert(good)).value

    for data in good + BROKEN.decode(), good + "text", der + b"\x30\x03", der + b"text", good * 2:

        def case(m: ModuleType, data: Any = data) -> Any:
            context = client(m)
            context.load_verify_locations(cadata=data)
            return context.cert_store_stats()

        same(case)


@cases(
    nothing=lambda m, pki: client(m).load_verify_locations(),
    all_none=lambda m, pki: client(m).load_verify_locations(None, None, None),
    cafile_number=lambda m, pki: client(m).load_verify_locations(1.5),
    cafile_with_null=lambda m, pki: client(m).load_verify_locations("a\0b"),
    cafile_bytes=lambda m, pki: client(m).load_verify_locations(os.fsencode(pki.ca)),
    cafile_path=lambda m, pki: client(m).load_verify_locations(Path(pki.ca)),
    capath_absent=lambda m, pki: client(m).load_verify_locations(capath="/nowhere"),
    capath_number=lambda m, pki: client(m).load_verify_locations(capath=1.5),
    capath_bytes=lambda m, pki: client(m).load_verify_locations(capath=os.fsencode(pki.ca_folder)),
    unknown_keyword=lambda m, pki: client(m).load_verify_locations(folder="x"),
)
def test_places_of_authorities(case: Case, pki: Pki) -> None:
    """load_verify_locations() without any, and with what is no path."""
    same(lambda m: case(m, pki))


# Keys and passwords


def wrongly() -> str:
    """A callable for a password, which fails."""
    raise ZeroDivisionError("no password for you")


def loads(**options: Any) -> Case:
    """Loading the key that PASSWORD unlocks."""
    return lambda m, pki: server(m).load_cert_chain(pki.server.chain, pki.locked_key, **options)


@cases(
    right_text=loads(password=PASSWORD),
    right_bytes=loads(password=PASSWORD.encode()),
    right_bytearray=loads(password=bytearray(PASSWORD.encode())),
    right_from_callable=loads(password=lambda: PASSWORD),
    right_bytes_from_callable=loads(password=PASSWORD.encode),
    right_bytearray_from_callable=loads(password=lambda: bytearray(PASSWORD.encode())),
    wrong=loads(password="wrong"),
    wrong_from_callable=loads(password=lambda: "wrong"),
    empty=loads(password=""),
    long=loads(password="x" * 1025),
    nearly_long=loads(password="x" * 1023),
    very_long=loads(password=b"x" * 102400),
    long_from_callable=loads(password=lambda: b"x" * 102400),
    number=loads(password=9),
    number_from_callable=loads(password=lambda: 9),
    none_from_callable=loads(password=lambda: None),
    callable_with_argument=loads(password=lambda argument: "x"),
    callable_fails=loads(password=wrongly),
    memoryview_of_it=loads(password=memoryview(PASSWORD.encode())),
    needless=lambda m, pki: server(m).load_cert_chain(pki.server.both, password="needless"),
    needless_and_failing=lambda m, pki: server(m).load_cert_chain(
        pki.server.both, password=wrongly
    ),
)
def test_passwords(case: Case, pki: Pki) -> None:
    """The right one, the wrong one, and what is none, as a value and from a callable."""
    same(lambda m: case(m, pki))


@cases(
    no_arguments=lambda m, pki: server(m).load_cert_chain(),
    certificate_none=lambda m, pki: server(m).load_cert_chain(None),
    certificate_number=lambda m, pki: server(m).load_cert_chain(1.5),
    key_number=lambda m, pki: server(m).load_cert_chain(pki.server.both, 1.5),
    key_none=lambda m, pki: server(m).load_cert_chain(pki.server.both, None),
    key_only=lambda m, pki: server(m).load_cert_chain(keyfile=pki.server.key),
    key_of_another=lambda m, pki: server(m).load_cert_chain(pki.server.chain, pki.second.key),
    key_missing_in_file=lambda m, pki: server(m).load_cert_chain(pki.server.chain),
    key_is_a_certificate=lambda m, pki: server(m).load_cert_chain(pki.server.chain, pki.ca),
    swapped=lambda m, pki: server(m).load_cert_chain(pki.server.key, pki.server.chain),
    bytes_for_paths=lambda m, pki: server(m).load_cert_chain(os.fsencode(pki.server.both)),
    path_for_paths=lambda m, pki: server(m).load_cert_chain(Path(pki.server.both)),
    null_in_path=lambda m, pki: server(m).load_cert_chain("a\0b"),
    the_key_of_another_after_a_good_one=lambda m, pki: [
        context.load_cert_chain(*files)
        for context in [server(m)]
        for files in [(pki.server.both,), (pki.server.chain, pki.second.key)]
    ],
)
def test_a_certificate_and_its_key(case: Case, pki: Pki) -> None:
    """Pairs that do not belong together, and paths that are none."""
    same(lambda m: case(m, pki))
