"""What OpenSSL 1.0.2 has in structs and macros where later releases have functions.

Its layouts are frozen: there will be no other 1.0.2. Each function bears the later one's name and
takes the same arguments.
"""

from __future__ import annotations

from ctypes import POINTER, Structure, c_int, c_void_p, cast

from ._der import content, elements, whole
from ._types import Any


class _BIO(Structure):
    """Struct bio_st, as far as `references`."""

    _fields_ = (
        ("method", c_void_p),
        ("callback", c_void_p),
        ("cb_arg", c_void_p),
        ("init", c_int),
        ("shutdown", c_int),
        ("flags", c_int),
        ("retry_reason", c_int),
        ("num", c_int),
        ("ptr", c_void_p),
        ("next_bio", c_void_p),
        ("prev_bio", c_void_p),
        ("references", c_int),
    )


class _Store(Structure):
    """Struct x509_store_st, as far as `objs`."""

    _fields_ = (("cache", c_int), ("objs", c_void_p))


class _Object(Structure):
    """Struct x509_object_st."""

    _fields_ = (("type", c_int), ("data", c_void_p))


def BIO_up_ref(bio: Any) -> int:
    """BIO_up_ref(3): the interpreter's lock is held, here as in every call of 1.0.2."""
    cast(bio, POINTER(_BIO)).contents.references += 1
    return 1


def X509_STORE_get0_objects(store: Any) -> Any:
    """X509_STORE_get0_objects(3)"""
    return cast(store, POINTER(_Store)).contents.objs


def X509_OBJECT_get_type(obj: Any) -> int:
    """X509_OBJECT_get_type(3)"""
    return int(cast(obj, POINTER(_Object)).contents.type)


def X509_OBJECT_get0_X509(obj: Any) -> Any:
    """X509_OBJECT_get0_X509(3), for an object that is a certificate."""
    return cast(obj, POINTER(_Object)).contents.data


def ticket_of(session: bytes) -> tuple[bool, int]:
    """Whether a session has a ticket, and the ticket's lifetime hint in seconds.

    :param session: its DER, where they are the context tags 10 and 9. d2i_SSL_SESSION(3)
    """
    (outer,) = elements(session, whole(session))
    hint, has_ticket = 0, False
    for element in elements(session, outer):
        if element[0] == 0xA9:
            (number,) = elements(session, element)
            hint = int.from_bytes(content(session, number), "big")
        elif element[0] == 0xAA:
            has_ticket = True
    return has_ticket, hint
