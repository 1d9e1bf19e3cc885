"""The mnemonics of error codes: against each release's headers, and against what `ssl` answers."""

from __future__ import annotations

import ctypes
import ssl
import sys
from typing import Any, Callable, Iterator, Tuple

import macros
import pytest

import pytls
from pytls import _reasons
from pytls._features import NEW_ERROR_CODES
from pytls._libcrypto import ERR_reason_error_string
from pytls._reasons import names

_ssl = pytest.importorskip("_ssl")

SYS, PEM, ASN1, SSL = 2, 9, 13, 20
FIRST_OF_A_PROGRAM = 128  # ERR_LIB_USER: from here on, ERR_get_next_error_library(3) gives them out
REASONS = range(100, 2048)  # below are those that all libraries share, in OpenSSL 1.x
COMMON = 2 << 18  # ERR_RFLAG_COMMON: the mark of those since 3.0

# Where `_ssl` was built for OpenSSL 1.1.1, it still names these as 1.0.2 did, which is wrong:
# PUBLIC_KEY_NO_RSA, KRB5_S_TKT_NYV, ECGROUP_TOO_LARGE_FOR_CIPHER
OUTDATED = {(PEM, 110), (SSL, 294), (SSL, 310)}

Code = Tuple[int, int]


@pytest.fixture
def release(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[tuple[int, ...]], None]]:
    """Make the table answer for another OpenSSL than the one that is loaded."""

    def pretend(version: tuple[int, ...]) -> None:
        monkeypatch.setattr(_reasons, "FOUND", version)
        _reasons._parsed.cache_clear()

    yield pretend
    _reasons._parsed.cache_clear()


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    """tools/reasons.py."""
    monkeypatch.syspath_prepend(str(macros.ROOT / "tools"))
    return pytest.importorskip("reasons")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ((SSL, 134), ("SSL", "CERTIFICATE_VERIFY_FAILED")),
        ((SSL, 267), ("SSL", "WRONG_VERSION_NUMBER")),
        ((PEM, 108), ("PEM", "NO_START_LINE")),
        ((ASN1, 142), ("ASN1", "NOT_ENOUGH_DATA")),
    ],
)
def test_a_code_has_the_name_of_its_macro(code: Code, expected: tuple[str, str]) -> None:
    """SSL_R_CERTIFICATE_VERIFY_FAILED of ERR_LIB_SSL, without what tells it from other macros."""
    assert names(*code) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param((SSL, 9999), ("SSL", None), id="reason"),
        pytest.param((99, 134), (None, None), id="library"),
        pytest.param((SYS, 104), ("SYS", None), id="errno"),
        pytest.param((ASN1, COMMON | 266), ("ASN1", None), id="ERR_R_NESTED_ASN1_ERROR"),
        pytest.param((ASN1, 58), ("ASN1", None), id="ERR_R_NESTED_ASN1_ERROR before 3.0"),
        pytest.param((SSL, COMMON | 16), ("SSL", None), id="ERR_R_EC_LIB"),
        pytest.param((SSL, 16), ("SSL", None), id="ERR_R_EC_LIB before 3.0"),
    ],
)
def test_what_ssl_does_not_name_has_no_name(code: Code, expected: tuple[Any, Any]) -> None:
    """None, so that `SSLError.reason` is."""
    assert names(*code) == expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ((1, 0, 2), "KRB5_S_TKT_NYV"),
        ((1, 1, 1), "OCSP_CALLBACK_FAILURE"),
        ((3, 0, 0), "UNEXPECTED_EOF_WHILE_READING"),
        ((4, 0, 3), "UNEXPECTED_EOF_WHILE_READING"),
    ],
)
def test_a_number_used_again_has_its_names_by_release(
    release: Any, version: tuple[int, ...], expected: str
) -> None:
    """Nearly 200 were."""
    release(version)
    assert names(SSL, 294) == ("SSL", expected)


@pytest.mark.parametrize("version", [(1, 0, 2), (1, 1, 1), (3, 6, 5), (4, 0, 3)])
@pytest.mark.difference(
    "errors",
    "**`reason`** of an alert is `SSLV3_ALERT_…` on every OpenSSL, as programs know it; "
    "OpenSSL 4.0 has renamed the macro.",
)
def test_an_alert_keeps_the_name_that_programs_know(release: Any, version: Any) -> None:
    """OpenSSL 4.0 calls it TLS_ALERT_HANDSHAKE_FAILURE too."""
    release(version)
    assert names(SSL, 1040) == ("SSL", "SSLV3_ALERT_HANDSHAKE_FAILURE")


@pytest.mark.parametrize("which", macros.FOLDERS)
def test_every_macro_of_a_release_is_known(which: str, release: Any, tool: Any) -> None:
    """Read again from the headers, those of the machine included."""
    release(macros.of(which).version)
    found = tool.read(macros.FOLDERS[which])

    libraries = found.pop(tool.LIBRARIES)
    assert len(libraries) > 30
    assert not [n for n, known in libraries.items() if names(n, 0)[0] not in known]
    assert sum(map(len, found.values())) > 1000
    assert not [
        (library, number, known)
        for library, reasons in found.items()
        for number, known in reasons.items()
        if names(library, number)[1] not in known
    ]


@pytest.mark.skipif(sys.maxsize < 1 << 32, reason="the libraries are for 64 bits")
def test_the_table_is_what_its_generator_writes(tool: Any) -> None:
    """Nobody edits it, and no release of the matrix is missing."""
    for which in set(macros.FOLDERS) - {"system"}:
        macros.of(which)
    assert tool.module() == tool.TARGET.read_text(encoding="utf-8")


def test_every_reason_that_the_loaded_openssl_can_tell_has_a_name() -> None:
    """Its own list of texts knows the codes that no header tells, too."""
    pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)  # libssl's texts are not loaded before
    shift = 23 if NEW_ERROR_CODES else 24
    told = [
        (library, reason)
        for library in set(range(FIRST_OF_A_PROGRAM)) - {SYS}
        for reason in REASONS
        if ERR_reason_error_string(library << shift | reason)
    ]
    assert len(told) > 1000
    assert not [code for code in told if None in names(*code)]


# What the interpreter's own `ssl` answers: any error can be put into the queue of its OpenSSL while
# a handshake runs, which then fails with it.


class Interpreter:
    """The OpenSSL that `_ssl` is linked to."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL(_ssl.__file__)
            self._text = self._library.ERR_reason_error_string
        except (AttributeError, OSError):
            pytest.skip("the OpenSSL of this interpreter cannot be called from outside")
        if ssl.OPENSSL_VERSION_INFO >= (4,):
            pytest.skip("SSL_get_error(3) of OpenSSL 4.0 does not look into the queue")
        self._text.restype, self._text.argtypes = ctypes.c_char_p, [ctypes.c_ulong]
        self._since_3 = ssl.OPENSSL_VERSION_INFO >= (3,)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context._msg_callback = self._put  # type: ignore[attr-defined]

    def tells(self, library: int, reason: int) -> bool:
        """Whether it has a text for the code: what it never raises has none."""
        return bool(self._text(library << (23 if self._since_3 else 24) | reason))

    def names(self, library: int, reason: int) -> tuple[Any, Any]:
        """What `ssl` makes of the code."""
        self._code = library, reason
        client = self._context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())
        with pytest.raises(ssl.SSLError) as caught:
            client.do_handshake()
        return caught.value.library, caught.value.reason

    def _put(self, *_message: Any) -> None:
        library, reason = self._code
        if self._since_3:
            self._library.ERR_new()
            self._library.ERR_set_error(library, reason, None)
        else:
            self._library.ERR_put_error(library, 0, reason, b"", 0)


def test_ssl_gives_the_same_names(release: Any) -> None:
    """For every code that its OpenSSL can raise, unless its Python is older than the code."""
    release(ssl.OPENSSL_VERSION_INFO[:3])
    model = Interpreter()
    codes = [
        (library, reason)
        for library in set(range(FIRST_OF_A_PROGRAM)) - {SYS}
        for reason in REASONS
        if model.tells(library, reason)
    ]
    codes += [(SSL, 16), (SSL, 16 | COMMON), (ASN1, 58), (ASN1, 266 | COMMON), (99, 1)]

    answers = {code: model.names(*code) for code in codes}
    differing = {code: said for code, said in answers.items() if said != names(*code)}
    newer = {code for code, (_, reason) in differing.items() if reason is None}
    assert len(answers) > 1000
    assert len(newer) < 50
    assert set(differing) - newer <= (OUTDATED if ssl.OPENSSL_VERSION_INFO < (3,) else set())


@pytest.mark.skipif(not hasattr(_ssl, "err_codes_to_names"), reason="_ssl keeps its tables private")
def test_the_tables_of_ssl_are_part_of_ours(release: Any) -> None:
    """But for what its OpenSSL never raises: numbers kept from older ones, and two no libraries."""
    release(ssl.OPENSSL_VERSION_INFO[:3])
    model = Interpreter()

    reasons = {
        code: name
        for code, name in _ssl.err_codes_to_names.items()
        if name != names(*code)[1] and model.tells(*code)
    }
    libraries = {
        number: name
        for number, name in _ssl.lib_codes_to_names.items()
        if name != names(number, 0)[0]
    }
    assert not reasons
    assert set(libraries.values()) == {"MASK", "OFFSET"}  # ERR_LIB_MASK, which is no library
