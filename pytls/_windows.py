"""The certificate stores of Windows, read through crypt32. For Windows only; never run there."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, byref, c_char_p, c_uint32, c_void_p, c_wchar_p, string_at

from ._types import Any, Callable, FrozenSet, Union

_CERT_STORE_PROV_SYSTEM_W = 10
_CERT_STORE_PROV_COLLECTION = 11
_CERT_STORE_READONLY_FLAG = 0x8000
_CERT_STORE_OPEN_EXISTING_FLAG = 0x4000
_CERT_FIND_EXT_ONLY_ENHKEY_USAGE_FLAG = 0x2
_CERT_FIND_PROP_ONLY_ENHKEY_USAGE_FLAG = 0x4
_CRYPT_E_NOT_FOUND = 0x80092004
# local machine, its enterprise and its policy; current user and their policy
_LOCATIONS = [number << 16 for number in (2, 9, 8, 1, 7)]
_ENCODINGS = {0x1: "x509_asn", 0x10000: "pkcs_7_asn"}

Trust = Union[bool, FrozenSet[str]]  # True: for every purpose


class _Context(Structure):
    """CERT_CONTEXT or CRL_CONTEXT: they begin alike."""

    _fields_ = (
        ("dwEncodingType", c_uint32),
        ("pbEncoded", c_void_p),
        ("cbEncoded", c_uint32),
    )


class _Usage(Structure):
    """CERT_ENHKEY_USAGE."""

    _fields_ = (("cUsageIdentifier", c_uint32), ("rgpszUsageIdentifier", POINTER(c_char_p)))


def enum_certificates(store_name: str) -> list[tuple[bytes, Any, Trust]]:
    """Every certificate of a store once: ``(encoded, encoding, trust)``.

    :param store_name: such as ``"ROOT"`` or ``"CA"``.
    :returns: the trust is True for every purpose, or the purposes' OIDs.
    :raises OSError: there is no such store, or it cannot be read.

    Source: `ssl.enum_certificates`; CertEnumCertificatesInStore.
    """
    crypt32 = _crypt32()
    with _Store(crypt32, store_name) as store:
        return _all(
            store,
            crypt32.CertEnumCertificatesInStore,
            crypt32.CertFreeCertificateContext,
            lambda context: (*_encoded(context), _trust(crypt32, context)),
        )


def enum_crls(store_name: str) -> list[tuple[bytes, Any]]:
    """Every revocation list of a store once: ``(encoded, encoding)``.

    :raises OSError: there is no such store, or it cannot be read.

    Source: `ssl.enum_crls`; CertEnumCRLsInStore.
    """
    crypt32 = _crypt32()
    with _Store(crypt32, store_name) as store:
        return _all(store, crypt32.CertEnumCRLsInStore, crypt32.CertFreeCRLContext, _encoded)


def _crypt32() -> Any:
    library = ctypes.WinDLL("crypt32", use_last_error=True)  # type: ignore[attr-defined]  # there only
    context = POINTER(_Context)
    for name, result, arguments in (
        ("CertOpenStore", c_void_p, (c_void_p, c_uint32, c_void_p, c_uint32, c_wchar_p)),
        ("CertAddStoreToCollection", c_uint32, (c_void_p, c_void_p, c_uint32, c_uint32)),
        ("CertCloseStore", c_uint32, (c_void_p, c_uint32)),
        ("CertEnumCertificatesInStore", context, (c_void_p, context)),
        ("CertEnumCRLsInStore", context, (c_void_p, context)),
        ("CertFreeCertificateContext", c_uint32, (context,)),
        ("CertFreeCRLContext", c_uint32, (context,)),
        ("CertGetEnhancedKeyUsage", c_uint32, (context, c_uint32, c_void_p, POINTER(c_uint32))),
    ):
        function = getattr(library, name)
        function.restype = result
        function.argtypes = arguments
    return library


class _Store:
    """A collection of the store called `name` in every location, open within a with statement."""

    def __init__(self, crypt32: Any, name: str) -> None:
        self._crypt32 = crypt32
        self._name = name
        self._open: list[Any] = []

    def __enter__(self) -> Any:
        collection = self._crypt32.CertOpenStore(_CERT_STORE_PROV_COLLECTION, 0, None, 0, None)
        if not collection:
            raise _last_error()
        self._open.append(collection)
        flags = _CERT_STORE_READONLY_FLAG | _CERT_STORE_OPEN_EXISTING_FLAG
        for location in _LOCATIONS:
            store = self._crypt32.CertOpenStore(
                _CERT_STORE_PROV_SYSTEM_W, 0, None, flags | location, self._name
            )
            if store:
                self._open.append(store)
                self._crypt32.CertAddStoreToCollection(collection, store, 0, 0)
        if len(self._open) == 1:
            error = _last_error()
            self.__exit__()
            raise error
        return collection

    def __exit__(self, *_: object) -> None:
        while self._open:
            self._crypt32.CertCloseStore(self._open.pop(), 0)


def _all(store: Any, step: Any, free: Any, tell: Callable[[Any], Any]) -> list[Any]:
    """What `tell` says of each context in a store, each once."""
    found: dict[Any, None] = {}
    context = step(store, None)
    try:
        while context:
            found[tell(context)] = None
            context = step(store, context)  # frees the one before
    finally:
        if context:
            free(context)
    return list(found)


def _encoded(context: Any) -> tuple[bytes, Any]:
    fields = context.contents
    encoding = fields.dwEncodingType
    return string_at(fields.pbEncoded, fields.cbEncoded), _ENCODINGS.get(encoding, encoding)


def _trust(crypt32: Any, context: Any) -> Trust:
    """What the store's owner has decided, or else the certificate says of itself."""
    for flag in (_CERT_FIND_PROP_ONLY_ENHKEY_USAGE_FLAG, _CERT_FIND_EXT_ONLY_ENHKEY_USAGE_FLAG):
        size = c_uint32()
        if crypt32.CertGetEnhancedKeyUsage(context, flag, None, byref(size)):
            room = ctypes.create_string_buffer(size.value)
            if crypt32.CertGetEnhancedKeyUsage(context, flag, room, byref(size)):
                usage = _Usage.from_buffer(room)
                names = usage.rgpszUsageIdentifier[: usage.cUsageIdentifier]
                return frozenset(name.decode("ascii") for name in names)
        error = _last_error()
        if error.winerror & 0xFFFFFFFF != _CRYPT_E_NOT_FOUND:
            raise error  # not to be taken for every purpose
    return True


def _last_error() -> Any:
    return ctypes.WinError(ctypes.get_last_error())  # type: ignore[attr-defined]  # there only
