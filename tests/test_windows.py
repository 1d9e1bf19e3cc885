"""The certificate stores of Windows. Windows itself was never run: a stand-in answers for it.

It is what the documentation of crypt32 says, in Python, behind C functions that ctypes calls with
the declared prototypes. What this cannot hold is that crypt32 is as its documentation says.
"""

from __future__ import annotations

import ctypes
import subprocess
import sys
from ctypes import CFUNCTYPE, POINTER, addressof, byref, c_char_p, c_uint32, c_void_p
from typing import Any, Iterator, NamedTuple

import pytest
from pki import Pki

import pytls
from pytls import _windows

SYSTEM, COLLECTION = 10, 11
CURRENT_USER, LOCAL_MACHINE = 1 << 16, 2 << 16
PROPERTY, EXTENSION = 4, 2
NOT_FOUND, DENIED, BAD = 0x80092004, 5, 0x80092002
SERVER, CLIENT = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"


class Entry(NamedTuple):
    """What is stored; purposes: None where there is no such property or extension."""

    encoded: bytes
    by_property: list[str] | None = None
    by_extension: list[str] | None = None
    encoding: int = 1
    error: int = NOT_FOUND


class StandIn:
    """Not crypt32: stores in a dict, with what is open and what is not yet freed."""

    def __init__(self) -> None:
        self.stores: dict[tuple[int, str], list[Entry]] = {}
        self.error = 0
        self.open: dict[int, list[Entry]] = {}
        self.contexts: dict[int, tuple[Any, int, Entry]] = {}
        self._kept: list[Any] = []
        for name, (result, *arguments) in {
            "CertOpenStore": (c_void_p, c_void_p, c_uint32, c_void_p, c_uint32, c_void_p),
            "CertAddStoreToCollection": (c_uint32, c_void_p, c_void_p, c_uint32, c_uint32),
            "CertCloseStore": (c_uint32, c_void_p, c_uint32),
            "CertEnumCertificatesInStore": (c_void_p, c_void_p, c_void_p),
            "CertEnumCRLsInStore": (c_void_p, c_void_p, c_void_p),
            "CertFreeCertificateContext": (c_uint32, c_void_p),
            "CertFreeCRLContext": (c_uint32, c_void_p),
            "CertGetEnhancedKeyUsage": (c_uint32, c_void_p, c_uint32, c_void_p, POINTER(c_uint32)),
        }.items():
            setattr(self, name, CFUNCTYPE(result, *arguments)(getattr(self, "_" + name)))

    def _CertOpenStore(self, kind: int, _: int, __: Any, flags: int, name: int) -> int:
        found: list[Entry] | None = []
        if kind == SYSTEM:
            found = self.stores.get((flags & 0xFF0000, ctypes.wstring_at(name)))
        if found is None:
            self.error = self.error or 2  # no such file
            return 0
        handle = 1000 + len(self._kept)
        self._kept.append(handle)
        self.open[handle] = list(found)
        return handle

    def _CertAddStoreToCollection(self, collection: int, store: int, _: int, __: int) -> int:
        self.open[collection] += self.open[store]
        return 1

    def _CertCloseStore(self, store: int, _: int) -> int:
        del self.open[store]
        return 1

    def _CertEnumCertificatesInStore(self, store: int, previous: int | None) -> int:
        place = 0
        if previous:
            place = self.contexts.pop(previous)[1] + 1
        if place == len(self.open[store]):
            return 0
        entry = self.open[store][place]
        text = ctypes.create_string_buffer(entry.encoded, len(entry.encoded))
        context = _windows._Context(entry.encoding, addressof(text), len(entry.encoded))
        self.contexts[addressof(context)] = ((context, text), place, entry)
        return addressof(context)

    _CertEnumCRLsInStore = _CertEnumCertificatesInStore

    def _CertFreeCertificateContext(self, context: int) -> int:
        del self.contexts[context]
        return 1

    _CertFreeCRLContext = _CertFreeCertificateContext

    def _CertGetEnhancedKeyUsage(self, context: int, flag: int, room: Any, size: Any) -> int:
        entry = self.contexts[context][2]
        oids = {PROPERTY: entry.by_property, EXTENSION: entry.by_extension}[flag]
        if oids is None:
            self.error = entry.error
            return 0
        names = (c_char_p * len(oids))(*(oid.encode() for oid in oids))
        self._kept.append(names)
        usage = _windows._Usage(len(oids), names)
        size[0] = ctypes.sizeof(usage)
        if room:
            ctypes.memmove(room, byref(usage), ctypes.sizeof(usage))
        return 1


class NumberedError(OSError):
    """With the number that `OSError` has on Windows alone."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "as Windows says")
        self.winerror = number


@pytest.fixture
def crypt32(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in in its place; afterwards nothing is left open, and all is freed."""
    library = StandIn()

    def error(number: int) -> OSError:
        return PermissionError(13, "denied") if number == DENIED else NumberedError(number)

    monkeypatch.setattr(ctypes, "WinDLL", lambda *_, **__: library, raising=False)
    monkeypatch.setattr(ctypes, "get_last_error", lambda: library.error, raising=False)
    monkeypatch.setattr(ctypes, "WinError", error, raising=False)
    yield library
    assert library.open == {}
    assert library.contexts == {}


def test_certificates_of_all_places_are_told_once(crypt32: StandIn) -> None:
    """With their purposes: by a property, else by the extension, else all."""
    crypt32.stores = {
        (CURRENT_USER, "ROOT"): [Entry(b"mine"), Entry(b"both")],
        (LOCAL_MACHINE, "ROOT"): [
            Entry(b"both"),
            Entry(b"property", by_property=[SERVER, CLIENT], by_extension=[]),
            Entry(b"extension", by_extension=[CLIENT], encoding=0x10000),
            Entry(b"none", by_extension=[], encoding=7),
        ],
        (CURRENT_USER, "CA"): [Entry(b"other")],
    }
    found = _windows.enum_certificates("ROOT")
    assert sorted(found, key=lambda one: one[0]) == [
        (b"both", "x509_asn", True),
        (b"extension", "pkcs_7_asn", frozenset({CLIENT})),
        (b"mine", "x509_asn", True),
        (b"none", 7, frozenset()),
        (b"property", "x509_asn", frozenset({SERVER, CLIENT})),
    ]


def test_revocation_lists_are_told_once(crypt32: StandIn) -> None:
    crypt32.stores = {
        (CURRENT_USER, "CA"): [Entry(b"list")],
        (LOCAL_MACHINE, "CA"): [Entry(b"list"), Entry(b"more")],
    }
    assert sorted(_windows.enum_crls("CA")) == [(b"list", "x509_asn"), (b"more", "x509_asn")]


def test_a_store_that_is_not_there(crypt32: StandIn) -> None:
    for ask in _windows.enum_certificates, _windows.enum_crls:
        with pytest.raises(OSError, match="as Windows says"):
            ask("NONE")


def test_a_certificate_whose_purposes_cannot_be_told(crypt32: StandIn) -> None:
    """It must not pass for one that is good for all."""
    crypt32.stores = {(CURRENT_USER, "ROOT"): [Entry(b"one", error=BAD), Entry(b"two")]}
    with pytest.raises(OSError, match="as Windows says") as caught:
        _windows.enum_certificates("ROOT")
    assert caught.value.errno == BAD


@pytest.mark.difference(
    "contexts",
    "**On Windows** pytls was never run. What reads the certificate stores there is held "
    "to a stand-in for crypt32 alone.",
)
def test_default_certificates(
    crypt32: StandIn, pki: Pki, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """Those of both stores that are for the purpose; what cannot be read is warned of."""
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    with open(pki.ca, encoding="ascii") as file:
        authority = pytls.PEM_cert_to_DER_cert(file.read())
    crypt32.stores = {
        (CURRENT_USER, "CA"): [Entry(authority, by_extension=[CLIENT]), Entry(b"x", encoding=9)],
        (LOCAL_MACHINE, "ROOT"): [Entry(b"broken", by_extension=[SERVER])],
    }

    def loaded(purpose: Any) -> list[bytes]:
        context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
        context.load_default_certs(purpose)
        return context.get_ca_certs(binary_form=True)

    assert loaded(pytls.Purpose.CLIENT_AUTH) == [authority]
    with pytest.warns(UserWarning, match="Bad certificate in Windows certificate store"):
        assert loaded(pytls.Purpose.SERVER_AUTH) == []
    crypt32.stores, crypt32.error = {}, DENIED
    with pytest.warns(UserWarning, match="unable to enumerate Windows certificate store"):
        assert loaded(pytls.Purpose.CLIENT_AUTH) == []


def test_they_are_names_of_the_package_there_alone() -> None:
    """As with `ssl`, so that `hasattr` tells."""
    code = "import pytls; print({'enum_certificates', 'enum_crls'} <= set(dir(pytls)))"
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    assert done.stdout == f"{sys.platform == 'win32'}\n"
