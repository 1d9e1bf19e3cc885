"""What the tests expect of the OpenSSL that pytls has loaded: the one place that asks for it.

It reads `pytls._features`. A test `needs` what not every release has, and is skipped without it:
the reason says which release lacks what. That pytls then refuses, and how, is held by
test_versions.py.
"""

from __future__ import annotations

import ssl
import sys
import sysconfig
from typing import Any

import pytest

import pytls
from pytls import _features as features

#: what is spoken unless one asks for something older
VERSIONS = ["TLSv1.2", "TLSv1.3"] if features.HAS_TLSv1_3 else ["TLSv1.2"]
NEWEST = VERSIONS[-1]

#: a list of all ciphers; 1.0.2 has no levels that would forbid some
EVERY_CIPHER = features.cipher_list("ALL:@SECLEVEL=0").decode()

#: how many certificates of the trust store a verified chain is told with
ROOTS = int(features.HAS_VERIFIED_CHAIN)

#: with VERIFY_X509_STRICT a certificate must name the key that signed it. RFC 5280 §4.2.1.1
STRICT_WANTS_AKID = features.NEW_ERROR_CODES

#: the other end, where a test is of one alone. PyPy's own `ssl` stumbles over alerts that it has no
#: words for.
PEER = pytls if sys.implementation.name == "pypy" else ssl

#: the reasons that are told of a record that was changed on its way: from 3.2 on, another layer's
BAD_MAC = ("DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "RECORD_LAYER_FAILURE")

#: what is unusual in a certificate is printed otherwise: 0 before 1.1.0, 1 before 3.0, 2 since
PRINTS_AS = features.HAS_VERSION_BOUNDS + features.NEW_ERROR_CODES

#: what is no host's name is refused before there is a peer, if it is to be checked
REFUSES_NAMES = features.BOUNDS_INSTEAD_OF_METHODS

#: what the running `ssl` has; where it has another OpenSSL, less can be compared
SAME_LIBRARY = ssl.OPENSSL_VERSION_NUMBER == pytls.OPENSSL_VERSION_NUMBER
#: 1.0.2 does not ask that of whom it trusts, where chains may be partial
ISSUERS_MUST_BE_AUTHORITIES = features.HAS_VERSION_BOUNDS

#: 1.0.2 writes a handshake in other pieces, and looks at what it reads in another order
SAME_FLIGHTS = SAME_LIBRARY or features.HAS_VERSION_BOUNDS
NEWER_SSL = ssl.OPENSSL_VERSION_NUMBER > pytls.OPENSSL_VERSION_NUMBER

#: the like for a write after the peer has gone: from OpenSSL 3.2 on the error queue has the errno,
#: where `ssl` does not look before Python 3.13
WRITE_AFTER_END = (3, 8) if SAME_LIBRARY else (3, 13)

#: what pytls itself does not ask for
_MORE = {"ED25519": features.HAS_TLSv1_3, "LOCKS": features.HAS_VERSION_BOUNDS}


#: whether the running `ssl` has the ciphers and the lowest version of a Python built as it comes:
#: a distributor may have chosen others
PLAIN_SSL = "--with-ssl-default-suites" not in (sysconfig.get_config_var("CONFIG_ARGS") or "")

#: the Python whose answers the running `ssl` gives. An early 3.11, as Debian 12 has it, still takes
#: an unexpected end for an orderly one, and what came with that, as 3.9 does.
_FORGIVES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).options & pytls.OP_IGNORE_UNEXPECTED_EOF
ANSWERS_AS = min(sys.version_info[:2], (3, 9)) if _FORGIVES else sys.version_info[:2]
EARLY_SSL = sys.version_info[:2] != ANSWERS_AS

#: for the `since` of what depends on the library: `ssl` is asked where it has the same, and is new
WITH_THE_SAME = (3, 8) if SAME_LIBRARY and not EARLY_SSL else (99, 0)

#: PyPy's `ssl` is another one: what it answers to bad input is its own
CPYTHON = sys.implementation.name == "cpython"
if not CPYTHON:
    ANSWERS_AS = (0, 0)

#: X25519 can be asked for, of which any 32 bytes are a key: another group refuses some by chance
ANY_KEY_WILL_DO = features.HAS_TLSv1_3 and ANSWERS_AS >= (3, 11)


def has(name: str) -> bool:
    """Whether the library has a feature: a flag of `_features` without its HAS_."""
    return bool(_MORE[name] if name in _MORE else getattr(features, f"HAS_{name}"))


def needs(name: str) -> pytest.MarkDecorator:
    """Skip a test where the library lacks a feature."""
    return pytest.mark.skipif(not has(name), reason=f"{features.OPENSSL_VERSION} has no {name}")


def lacks(name: str) -> pytest.MarkDecorator:
    """Skip a test where the library has what the test wants refused."""
    return pytest.mark.skipif(has(name), reason=f"{features.OPENSSL_VERSION} has {name}")


def lowest_and_highest(m: Any) -> list[Any]:
    """The bounds of the versions that the OpenSSL of `m`, pytls or ssl, was built with."""
    there = [v for v in m.TLSVersion if v > 0 and getattr(m, f"HAS_{v.name}")]
    return [there[0], there[-1]]


def cipher(end: Any) -> Any:
    """`end.cipher()` in the words of today: 1.0.2 tells no versions of ciphers apart."""
    name, version, bits = end.cipher()
    if version == "TLSv1/SSLv3" and not features.HAS_VERSION_BOUNDS:
        version = "TLSv1.2"
    return name, version, bits
