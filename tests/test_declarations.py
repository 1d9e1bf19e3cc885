"""The tables of C functions, and private numbers, against the headers and libraries of OpenSSL."""

from __future__ import annotations

import ast
import ctypes
import functools
import re
from types import FunctionType
from typing import Any, Callable, Iterator, NamedTuple

import macros
import pytest
from declared import PACKAGE, TABLES, Function, Pointer, callbacks, tables, written
from exports import exports
from prototypes import Headers

from pytls import _libcrypto, _libssl
from pytls._declare import FOUND, Release
from pytls._loader import PAIR
from pytls._openssl102 import _BIO, _Object, _Store

HEADERS = list(macros.FOLDERS)
LIBRARIES = HEADERS[1:]

# Where C is given each callback: the function, and which of its arguments, from 0.
CALLBACKS = {
    "alpn_select_cb": ("SSL_CTX_set_alpn_select_cb", 1),
    "keylog_cb": ("SSL_CTX_set_keylog_callback", 1),
    "msg_cb": ("SSL_CTX_set_msg_callback", 1),
    "pem_password_cb": ("SSL_CTX_set_default_passwd_cb", 1),
    "psk_client_cb": ("SSL_CTX_set_psk_client_callback", 1),
    "psk_server_cb": ("SSL_CTX_set_psk_server_callback", 1),
    "psk_session_cb": ("SSL_CTX_set_psk_find_session_callback", 1),
    "psk_use_cb": ("SSL_CTX_set_psk_use_session_callback", 1),
    "cert_cb": ("SSL_CTX_set_cert_cb", 1),
}

# What distributions tell Configure to leave out ("no-psk"), and headers then do not declare.
LEFT_OUT = (
    "COMP DEPRECATED DH EGD ENGINE OCSP PSK SRP "
    "SSL2_METHOD SSL3_METHOD TLS1_METHOD TLS1_1_METHOD TLS1_2_METHOD"
).split()

# Functions that read files, shake hands, compute with keys, look into what threads share, or fetch
# algorithms, which may mean to load a provider.
RELEASING = r"""
    RAND_\w+ PEM_read_\w+ d2i_X509\w*
    X509_(check_ca|dup|get_pubkey|set_pubkey|sign|subject_name_hash)
    X509_STORE_(add_c|get1|load|lock|set_default)\w* EVP_PKEY_(keygen\w*|CTX_(new|ctrl)\w*)
    SSL_(do_handshake|read|write|write_ex|shutdown|sendfile|free) SSL_get1_builtin_sigalgs
    SSL_CTX_(new|free|ctrl|check_private_key|load_\w+|set_cipher\w+|set_default_verify_paths)
    SSL_CTX_use_(certificate|PrivateKey)\w*
"""

CALLED_BY_MACROS = (
    "BIO_ctrl BIO_int_ctrl BIO_test_flags SSL_ctrl SSL_CTX_ctrl SSL_CTX_callback_ctrl SSL_state"
).split()

# Functions that do more or less than the macro, and take other arguments.
OWN_ARGUMENTS = {"SSL_CTX_set1_groups", "SSL_CTX_set_ecdh_auto", "SSL_get0_signature_name"}

STRUCTS: dict[str, Any] = {"bio_st": _BIO, "x509_store_st": _Store, "x509_object_st": _Object}


def numbers() -> dict[str, int]:
    """The numbers of OpenSSL's that modules of the package have for themselves."""
    of_openssl = r"_?((?:ASN1|BIO|ERR|MBSTRING|OPENSSL|PEM|SSL\d?|TLS|TLSEXT|X509|XN)_\w+)"
    found: dict[str, int] = {}
    for path in PACKAGE.glob("*.py"):
        for each in ast.parse(path.read_text("utf-8")).body:
            if isinstance(each, ast.Assign) and isinstance(each.value, ast.Constant):
                name = re.fullmatch(of_openssl, getattr(each.targets[0], "id", ""))
                if name and isinstance(each.value.value, int):
                    assert found.setdefault(name[1], each.value.value) == each.value.value
    for counter, number in _libssl.SESSION_COUNTERS.items():
        found["SSL_CTRL_SESS_" + ("HIT" if counter == "hits" else counter.upper())] = number
    return found


NUMBERS = numbers()


def rows(release: Release) -> Iterator[tuple[str, str, Any]]:
    """The library, name and row of each function, whether `release` has it or not."""
    for library, table in tables(release).items():
        for name, row in table.items():
            yield library, name, row


@functools.lru_cache(maxsize=None)
def read(openssl: str) -> Headers:
    """The headers of one of `macros.FOLDERS`."""
    return Headers(openssl, numbers=NUMBERS)


@pytest.fixture(params=HEADERS)
def headers(request: pytest.FixtureRequest) -> Headers:
    """What one OpenSSL declares."""
    return read(request.param)


@functools.lru_cache(maxsize=None)
def left_out(openssl: str) -> set[str]:
    """The functions that this OpenSSL has, but not a smaller build of it."""
    whole, rest = read(openssl), Headers(openssl, without=LEFT_OUT)
    return {
        name
        for _, name, row in rows(whole.version)
        if row.in_range(whole.version) and rest.function(name, row.was) is None
    }


class Library(NamedTuple):
    """An OpenSSL as it was built."""

    release: Release
    exports: dict[str, dict[str, str]]
    """For libcrypto and for libssl: each symbol and its version."""


@functools.lru_cache(maxsize=None)
def built(openssl: str) -> Library:
    """One of the matrix; the test is skipped where it was not fetched."""
    folder = macros.CACHE.parent / "libs" / openssl
    if not folder.exists():
        pytest.skip("no libraries: tools/matrix.py libs")
    major, minor, patch = map(int, re.findall(r"\d+", (folder / "VERSION").read_text()))
    return Library((major, minor, patch), {each: exports(folder / f"{each}.so") for each in TABLES})


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Library:
    """An OpenSSL of the matrix."""
    return built(request.param)


# --- the headers


def test_a_function_is_declared_once() -> None:
    names = sorted(name for module in TABLES.values() for name in written(module))

    assert names == sorted(set(names))


def test_a_row_is_the_prototype(headers: Headers) -> None:
    """As many arguments, each of the same type on every machine, and the same result."""
    wrong = {}
    for _, name, row in rows(headers.version):
        ours, theirs = Function(row.result, row.arguments), headers.function(name, row.was)
        if row.in_range(headers.version) and not headers.fits(ours, theirs):
            wrong[name] = (ours, theirs)

    assert wrong == {}


def test_a_callback_is_what_c_calls(headers: Headers) -> None:
    """As the function declares it that takes it or, behind a macro, as the struct that keeps it."""
    ours = callbacks(headers.version)
    theirs = {"servername_cb": headers.member("ssl_ctx_st", "tlsext_servername_callback")}
    for name, (taker, argument) in CALLBACKS.items():
        prototype = headers.function(taker)
        theirs[name] = prototype and prototype.arguments[argument]

    assert theirs.keys() == ours.keys()
    assert {
        name: (ours[name], there)
        for name, there in theirs.items()
        if there is not None and not headers.fits(Pointer(ours[name]), there)
    } == {}


@pytest.mark.parametrize("openssl", HEADERS)
def test_what_a_build_may_leave_out_is_optional(openssl: str) -> None:
    optional = {name for _, name, row in rows(read(openssl).version) if row.optional}

    assert left_out(openssl) - optional == set()


def test_what_is_optional_may_be_left_out_of_some_build() -> None:
    optional = {name for _, name, row in rows(FOUND) if row.optional}

    assert optional - set().union(*map(left_out, HEADERS)) == set()


def test_a_number_is_the_headers(headers: Headers) -> None:
    there = headers.numbers

    assert {name: there.get(name, number) for name, number in NUMBERS.items()} == NUMBERS


def test_every_number_is_that_of_some_headers() -> None:
    assert NUMBERS.keys() - {name for openssl in HEADERS for name in read(openssl).numbers} == set()


@pytest.mark.parametrize("openssl", HEADERS)
def test_a_macro_calls_what_it_calls_in_c(openssl: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same function, with the same number, and its own arguments in the same places."""
    there = macros.of(openssl)
    calls: list[tuple[Any, ...]] = []

    def recorder(name: str) -> Callable[..., int]:
        return lambda *arguments: calls.append((name, *arguments)) or 1

    recorders = {name: recorder(name) for name in CALLED_BY_MACROS}
    ours, theirs = {}, {}
    for module in (_libcrypto, _libssl):
        for name in recorders.keys() & vars(module).keys():
            monkeypatch.setattr(module, name, recorders[name])
        for name, function in vars(module).items():
            arguments = range(1000, 1000 + len(there.parameters(name)))
            if isinstance(function, FunctionType) and arguments and name not in OWN_ARGUMENTS:
                there.do(name, arguments, recorders)
                function(*arguments)
                theirs[name], ours[name] = calls
                calls.clear()

    assert ours
    assert ours == theirs


@pytest.mark.parametrize("struct", STRUCTS)
def test_a_struct_of_1_0_2_is_laid_out_as_there(struct: str) -> None:
    """Each member at the same place, and of the same size."""
    there, own = read("ossl102").layout(struct), STRUCTS[struct]
    ours = {name: (getattr(own, name).offset, getattr(own, name).size) for name, _ in own._fields_}

    assert {name: there.get(name) for name in ours} == ours


@pytest.mark.parametrize("functions", RELEASING.split())
def test_what_may_take_long_or_call_back_releases_the_interpreter(functions: str) -> None:
    """Else other threads stand still, or wait for a lock whose holder waits for the interpreter."""
    found = {name: row for _, name, row in rows(FOUND) if re.fullmatch(functions, name)}

    assert found
    assert [name for name, row in found.items() if row.keeps_gil] == []


# --- the libraries


def test_the_loaded_pair_has_what_its_rows_say() -> None:
    handles = {"libcrypto": PAIR.crypto_handle, "libssl": PAIR.ssl_handle}
    wrong = []
    for kind, name, row in rows(FOUND):
        opened = ctypes.CDLL(None, handle=handles[kind])
        there = hasattr(opened, name) or hasattr(opened, row.was or name)
        if there != row.in_range() and (there or not row.optional):
            wrong.append(name)

    assert wrong == []


def test_a_library_exports_what_its_rows_say(library: Library) -> None:
    """Everything from `since` to `until`, and nothing before and after."""
    wrong = []
    for kind, name, row in rows(library.release):
        exported = not library.exports[kind].keys().isdisjoint({name, row.was or name})
        if exported != row.in_range(library.release) and (exported or not row.optional):
            wrong.append(name)

    assert wrong == []


def test_since_is_the_release_that_symbols_bear(library: Library) -> None:
    """A symbol bears the release that brought it, or the first one of the library's soname."""
    first = {1: (1, 1, 0), 3: (3, 0, 0), 4: (4, 0, 0)}[library.release[0]]
    wrong = {}
    for kind, name, row in rows(library.release):
        version = library.exports[kind].get(name, "")
        brought = tuple(map(int, re.findall(r"\d+", version)))
        # A row cannot tell 1.1.0a from 1.1.0
        right = row.since == brought if brought > first else row.since <= first
        if version and not row.was and (version[-1].isalpha() or not right):
            wrong[name] = version

    assert wrong == {}


def test_an_older_name_is_all_that_some_library_has() -> None:
    libraries = [built(openssl).exports for openssl in LIBRARIES]

    assert [
        name
        for kind, name, row in rows(FOUND)
        if row.was
        if not any(name not in each[kind] and row.was in each[kind] for each in libraries)
    ] == []
