"""The constants, held against the running `ssl` and against the headers of each OpenSSL."""

from __future__ import annotations

import _ssl
import copy
import enum
import operator
import pickle
import re
import ssl
import sys
from typing import Any

import macros
import pytest
from child import WITHOUT_SSL, python

from pytls import constants

ENUMS = [
    "_SSLMethod",
    "TLSVersion",
    "VerifyMode",
    "VerifyFlags",
    "Options",
    "AlertDescription",
    "SSLErrorNumber",
    "_TLSContentType",
    "_TLSAlertType",
    "_TLSMessageType",
]
ALIASED = ENUMS[:1] + ENUMS[2:7]  # those whose members are names of the module too
MEMBERS = [member for name in ENUMS for member in getattr(constants, name).__members__.items()]

PREFIXES = r"(PROTOCOL|CERT|VERIFY|OP|ALERT_DESCRIPTION|SSL_ERROR)_"
NAMES = sorted(name for name in vars(ssl) if re.match(PREFIXES, name))

# What this interpreter's `ssl` may lack, and why.
LACKING = {
    "PROTOCOL_SSLv2",  # no OpenSSL since 1.1.0 has it
    "PROTOCOL_SSLv3",  # nobody builds OpenSSL with it
    "PROTOCOL_SSLv23",  # there it is an attribute of the class, not a member
}
if sys.version_info < (3, 10):
    LACKING |= {"VERIFY_ALLOW_PROXY_CERTS", "VERIFY_X509_PARTIAL_CHAIN"}
if sys.version_info < (3, 12):
    LACKING |= {"OP_LEGACY_SERVER_CONNECT", "OP_ENABLE_KTLS"}
if ssl.OPENSSL_VERSION_INFO < (3,):  # that it was built with
    LACKING |= {"OP_IGNORE_UNEXPECTED_EOF", "OP_ENABLE_KTLS"}


def number(name: str, value: int) -> int:
    """A number of the running `ssl`, but for what its OpenSSL and its platform do to it."""
    if name == "OP_ALL":
        value &= 0xFFFFFFFF  # before Python 3.12, negative where a long has 32 bits
        if ssl.OPENSSL_VERSION_INFO < (3,):
            value &= ~constants.OP_LEGACY_SERVER_CONNECT
    return value


# --- the running ssl


@pytest.mark.parametrize("name", NAMES)
def test_a_name_of_ssl_is_here(name: str) -> None:
    """With the same value, text and representation."""
    ours, theirs = getattr(constants, name), getattr(ssl, name)

    assert ours == number(name, theirs)
    assert ours.name == theirs.name
    assert type(ours).__name__ == type(theirs).__name__
    if theirs == ours:
        assert (repr(ours), str(ours), f"{ours}") == (repr(theirs), str(theirs), f"{theirs}")


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_the_same_bases(name: str) -> None:
    assert getattr(constants, name).__mro__[1:] == getattr(ssl, name).__mro__[1:]


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_the_same_members_in_the_same_order(name: str) -> None:
    ours, theirs = getattr(constants, name).__members__, getattr(ssl, name).__members__

    wanted = [(member, number(member, int(value))) for member, value in theirs.items()]
    if name == "Options" and ssl.OP_ALL < 0:  # it stands first there
        wanted.sort(key=operator.itemgetter(1))
    assert [(member, int(value)) for member, value in ours.items() if member in theirs] == wanted


@pytest.mark.parametrize("name", ENUMS)
def test_an_enum_has_nothing_that_no_ssl_has(name: str) -> None:
    ours, theirs = getattr(constants, name).__members__, getattr(ssl, name).__members__

    assert set(ours) - set(theirs) <= LACKING


@pytest.mark.parametrize("name", ["Options", "VerifyFlags"])
def test_flags_combine_into_flags(name: str) -> None:
    """The rest of the integer is kept, as `ssl` keeps it."""
    flags = getattr(constants, name)
    rest = 1 << 50

    assert type(flags(0x20 | 0x4000)) is flags
    assert flags(rest) | 0x20 == rest | 0x20
    assert type(~flags(0x20) & flags(0x24)) is flags


@pytest.mark.parametrize("name", [n for n in dir(_ssl) if n.startswith(("HOSTFLAG_", "ENCODING_"))])
def test_a_number_of_the_c_extension_is_here(name: str) -> None:
    assert getattr(constants, name) == getattr(_ssl, name)


@pytest.mark.parametrize("name", ["CHANNEL_BINDING_TYPES", "PEM_HEADER", "PEM_FOOTER"])
def test_a_text_of_ssl_is_here(name: str) -> None:
    assert getattr(constants, name) == getattr(ssl, name)


def test_the_ciphers_are_those_of_a_python_built_as_it_comes() -> None:
    theirs = vars(ssl)["_DEFAULT_CIPHERS"]
    if not theirs.startswith("@SECLEVEL"):
        pytest.skip("an older Python, or one built --with-ssl-default-suites")

    assert theirs == constants._DEFAULT_CIPHERS
    assert theirs == constants._RESTRICTED_SERVER_CIPHERS


# --- the module itself


@pytest.mark.parametrize("name", ALIASED)
def test_each_member_is_a_name_of_the_module(name: str) -> None:
    for member, value in getattr(constants, name).__members__.items():
        assert getattr(constants, member) is value


def test_every_name_of_the_module_is_such_a_member() -> None:
    members = {m for name in ALIASED for m in getattr(constants, name).__members__}
    members.add("PROTOCOL_SSLv23")  # in `ssl`, too, a second name and no member

    assert {name for name in vars(constants) if re.match(PREFIXES, name)} == members


@pytest.mark.parametrize(("name", "member"), MEMBERS, ids=[name for name, _ in MEMBERS])
def test_a_member_survives_pickling_and_copying(name: str, member: enum.Enum) -> None:
    again = [pickle.loads(pickle.dumps(member, p)) for p in range(pickle.HIGHEST_PROTOCOL + 1)]

    assert all(other is member for other in [*again, copy.copy(member), copy.deepcopy(member)])


def test_a_combination_survives_pickling() -> None:
    options = constants.OP_ALL | constants.OP_NO_TICKET | 1 << 50

    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(options, protocol))
        assert (again, type(again)) == (options, constants.Options)


def test_a_pickled_member_is_one_of_pytls_where_there_is_no_ssl() -> None:
    members = [constants.PROTOCOL_TLS_CLIENT, constants.OP_ALL, constants.TLSVersion.TLSv1_3]

    python(
        WITHOUT_SSL + "import pickle\n"
        "from pytls import constants as c\n"
        f"members = pickle.loads({pickle.dumps(members)!r})\n"
        "assert list(map(id, members)) == "
        "list(map(id, [c.PROTOCOL_TLS_CLIENT, c.OP_ALL, c.TLSVersion.TLSv1_3])), members\n"
    )


# --- the headers


# How its names begin here, and how in the headers.
PREFIXED = {
    "TLSVersion": ("", ""),
    "VerifyFlags": ("VERIFY_", "X509_V_FLAG_"),
    "Options": ("OP_", "SSL_OP_"),
    "AlertDescription": ("ALERT_DESCRIPTION_", "SSL_AD_"),
    "SSLErrorNumber": ("", ""),
    "_TLSContentType": ("", "SSL3_RT_"),
    "_TLSAlertType": ("", "SSL_AD_"),
    "_TLSMessageType": ("", "SSL3_MT_"),
}
NAMED_OTHERWISE = {
    "SSLv3": "SSL3_VERSION",
    "TLSv1": "TLS1_VERSION",
    "TLSv1_1": "TLS1_1_VERSION",
    "TLSv1_2": "TLS1_2_VERSION",
    "TLSv1_3": "TLS1_3_VERSION",
    "VERIFY_CRL_CHECK_LEAF": "X509_V_FLAG_CRL_CHECK",
    "VERIFY_X509_TRUSTED_FIRST": "X509_V_FLAG_TRUSTED_FIRST",
    "VERIFY_X509_PARTIAL_CHAIN": "X509_V_FLAG_PARTIAL_CHAIN",
    "USER_CANCELED": "SSL_AD_USER_CANCELLED",
    "HELLO_VERIFY_REQUEST": "DTLS1_MT_HELLO_VERIFY_REQUEST",
}
NOT_OPENSSLS = {
    "MINIMUM_SUPPORTED",
    "MAXIMUM_SUPPORTED",
    "VERIFY_DEFAULT",
    "SSL_ERROR_EOF",
    "SSL_ERROR_INVALID_ERROR_CODE",
    "HELLO_RETRY_REQUEST",  # a draft's number; it became a ServerHello
}
COMPOSED = {"OP_ALL", "VERIFY_CRL_CHECK_CHAIN"}  # held by a test of their own

# The first OpenSSL that has a macro; all the others are in 1.0.2.
SINCE = {
    "SSL_OP_ENABLE_KTLS": (3, 0),
    "SSL_OP_IGNORE_UNEXPECTED_EOF": (3, 0),
    "SSL_OP_ENABLE_MIDDLEBOX_COMPAT": (1, 1, 1),
    "SSL_OP_NO_TLSv1_3": (1, 1, 1),
    "SSL_OP_NO_RENEGOTIATION": (1, 1, 1),
    "TLS1_3_VERSION": (1, 1, 1),
    "SSL3_RT_INNER_CONTENT_TYPE": (1, 1, 1),
    "SSL_AD_MISSING_EXTENSION": (1, 1, 1),
    "SSL_AD_CERTIFICATE_REQUIRED": (1, 1, 1),
    "SSL_AD_NO_APPLICATION_PROTOCOL": (1, 1, 1),
    "SSL3_MT_END_OF_EARLY_DATA": (1, 1, 1),
    "SSL3_MT_ENCRYPTED_EXTENSIONS": (1, 1, 1),
    "SSL3_MT_CERTIFICATE_URL": (1, 1, 1),
    "SSL3_MT_SUPPLEMENTAL_DATA": (1, 1, 1),
    "SSL3_MT_KEY_UPDATE": (1, 1, 1),
    "SSL3_MT_MESSAGE_HASH": (1, 1, 1),
    "SSL3_MT_CHANGE_CIPHER_SPEC": (1, 1, 1),
}
# As the comments in constants.py tell.
OTHER_IN_102 = {
    "OP_NO_SSLv2": 0x1000000,
    "OP_SINGLE_DH_USE": 0x100000,
    "OP_SINGLE_ECDH_USE": 0x80000,
}


def macro(cls: str, name: str) -> str:
    """What a member is called in OpenSSL's headers."""
    ours, theirs = PREFIXED[cls]
    return NAMED_OTHERWISE.get(name, theirs + name[len(ours) :])


@pytest.fixture(params=macros.FOLDERS)
def headers(request: pytest.FixtureRequest) -> macros.Macros:
    """The macros of one OpenSSL."""
    return macros.of(request.param)


@pytest.mark.parametrize("cls", PREFIXED)
def test_a_number_is_the_headers(headers: macros.Macros, cls: str) -> None:
    """Or the header lacks it, being too old."""
    there: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for name, value in getattr(constants, cls).__members__.items():
        if name not in NOT_OPENSSLS | COMPOSED:
            defined = macro(cls, name)
            there[name] = headers.get(defined)
            if headers.version < SINCE.get(defined, ()):
                expected[name] = None
            elif headers.version < (1, 1):
                expected[name] = OTHER_IN_102.get(name, int(value))
            else:
                expected[name] = int(value)

    assert there == expected


def test_a_composed_number_is_the_headers(headers: macros.Macros) -> None:
    all_but_one = headers["SSL_OP_ALL"] & ~headers["SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS"]
    more = 0x3AF if headers.version < (1, 1) else 4 if headers.version < (3,) else 0
    check = headers["X509_V_FLAG_CRL_CHECK"] | headers["X509_V_FLAG_CRL_CHECK_ALL"]

    assert all_but_one == constants.OP_ALL | more
    assert check == constants.VERIFY_CRL_CHECK_CHAIN


def test_a_host_flag_is_the_headers(headers: macros.Macros) -> None:
    ours = {n: getattr(constants, n) for n in vars(constants) if n.startswith("HOSTFLAG_")}
    if headers.version < (1, 1):
        del ours["HOSTFLAG_NEVER_CHECK_SUBJECT"]

    assert {n: headers[n.replace("HOSTFLAG", "X509_CHECK_FLAG")] for n in ours} == ours


def test_an_encoding_is_the_headers(headers: macros.Macros) -> None:
    assert headers["X509_FILETYPE_PEM"] == constants.ENCODING_PEM
    assert headers["X509_FILETYPE_ASN1"] == constants.ENCODING_DER
