"""A certificate as a person wants to read it: whose, by whom, until when, with which key."""

from __future__ import annotations

import hashlib
import time
from ctypes import byref, c_size_t, create_string_buffer
from datetime import datetime, timedelta, timezone
from typing import Any

from . import _libcrypto as libcrypto
from ._certificate import printed
from ._handle import Handle
from ._report import Facts, Row, counted
from .bio import BIO
from .errors import SSLError
from .x509 import Certificate, cert_time_to_seconds, decode

_DAY = 86400  # seconds
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_NAMES_SHOWN = 12

# XN_FLAG_RFC2253 with a space after each comma, and text beyond ASCII as it is
_NAME_FLAGS = 0x1120313

_KINDS_BEFORE_3 = {"rsaEncryption": "RSA", "id-ecPublicKey": "EC"}
"""What releases before 3.0 call a kind of key that has another name since."""


class PublicKey(Handle):
    """Own an `EVP_PKEY*`."""

    __slots__ = ()
    _free = staticmethod(libcrypto.EVP_PKEY_free)


def describe(der: bytes) -> Facts:
    """What there is to say about a certificate.

    :param der: of one that OpenSSL has parsed. What it cannot tell is None, and `error` says why.
    """
    facts: Facts = {
        "subject": None,
        "issuer": None,
        "names": [],
        "serial_number": None,
        "not_before": None,
        "not_after": None,
        "days_left": None,
        "key": None,
        "bits": None,
        "sha256": hashlib.sha256(der).hexdigest(),
        "error": None,
    }
    try:
        source = BIO(libcrypto.BIO_new_mem_buf(der, len(der)))
        certificate = Certificate._of(libcrypto.d2i_X509_bio(source.ptr, None))
        x509 = certificate.ptr
        facts["subject"] = _name(libcrypto.X509_get_subject_name(x509))
        facts["issuer"] = _name(libcrypto.X509_get_issuer_name(x509))
        key = PublicKey(libcrypto.X509_get_pubkey(x509))
        facts["key"] = _kind(key.ptr)
        facts["bits"] = libcrypto.EVP_PKEY_get_bits(key.ptr)
        told = decode(der)
        facts["names"] = [_alt_name(*pair) for pair in told.get("subjectAltName", ())]
        facts["serial_number"] = told["serialNumber"]
        not_after = cert_time_to_seconds(told["notAfter"])
        facts["not_before"] = _date(cert_time_to_seconds(told["notBefore"]))
        facts["not_after"] = _date(not_after)
        facts["days_left"] = (not_after - int(time.time())) // _DAY
    except (SSLError, ValueError, OverflowError) as error:
        facts["error"] = str(error)
    return facts


def _name(name: Any) -> str:
    """X509_NAME_print_ex(3); RFC 4514"""
    return printed(libcrypto.X509_NAME_print_ex, name, 0, _NAME_FLAGS).decode(errors="replace")


def _alt_name(kind: str, value: Any) -> str:
    """A host name or address as it is; of any other kind it is told which."""
    return str(value) if kind in ("DNS", "IP Address") else f"{kind}:{value}"


def _date(seconds: int) -> str:
    """In ISO 8601, UTC; gmtime() ends in 2038 where a `time_t` has 32 bits."""
    moment = _EPOCH + timedelta(seconds=seconds)
    return moment.replace(tzinfo=None).isoformat() + "Z"


def _kind(key: Any) -> str:
    """What kind of key it is, and of an elliptic curve its name, where the library tells it."""
    if not libcrypto.EVP_PKEY_get0_type_name:
        kind: str = libcrypto.OBJ_nid2sn(libcrypto.EVP_PKEY_get_base_id(key)).decode()
        return _KINDS_BEFORE_3.get(kind, kind)
    kind = libcrypto.EVP_PKEY_get0_type_name(key).decode()
    room, size = create_string_buffer(80), c_size_t()
    if kind == "EC" and libcrypto.EVP_PKEY_get_group_name(key, room, len(room), byref(size)):
        return f"{kind} {room.value.decode()}"
    return kind


# For people


def rows(facts: Facts) -> list[Row]:
    """All but the subject, which is the heading."""
    names = facts["names"][:_NAMES_SHOWN]
    hidden = len(facts["names"]) - len(names)
    if hidden:
        names.append(f"and {hidden} more")
    told = [
        ("names", ", ".join(names) or None),
        ("issuer", facts["issuer"] if facts["issuer"] != facts["subject"] else "itself"),
        ("valid", _validity(facts)),
        ("key", facts["key"] and f"{facts['key']}, {counted(facts['bits'], 'bit')}"),
        ("SHA-256", facts["sha256"]),
        ("unreadable", facts["error"]),
    ]
    return [(label, text) for label, text in told if text is not None]


def _validity(facts: Facts) -> str | None:
    left: int | None = facts["days_left"]
    if left is None:
        return None
    if facts["not_before"] > _date(int(time.time())):
        state = "NOT YET VALID"
    elif left >= 0:
        state = f"{counted(left, 'day')} left"
    else:
        state = f"EXPIRED {counted(-left - 1, 'day')} ago"
    return f"{facts['not_before'][:10]} to {facts['not_after'][:10]}, {state}"
