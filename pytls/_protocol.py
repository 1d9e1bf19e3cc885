"""Which versions of the protocol a context speaks: `PROTOCOL_*`, lowest and highest version."""

from __future__ import annotations

import warnings

from . import _features as features
from . import _libcrypto as libcrypto
from . import _libssl as libssl
from . import _python as python
from ._change import Shared
from ._queue import refusal
from ._types import Any
from .constants import Options, TLSVersion, _SSLMethod

#: the general protocols, which can be bounded
GENERAL: dict[int, Any] = {
    _SSLMethod.PROTOCOL_TLS: libssl.TLS_method,
    _SSLMethod.PROTOCOL_TLS_CLIENT: libssl.TLS_client_method,
    _SSLMethod.PROTOCOL_TLS_SERVER: libssl.TLS_server_method,
}

#: one version's protocols: the C function for it, and its number
_FIXED: dict[int, tuple[Any, int]] = {
    _SSLMethod.PROTOCOL_SSLv2: (libssl.SSLv2_method, 0x0002),
    _SSLMethod.PROTOCOL_SSLv3: (libssl.SSLv3_method, TLSVersion.SSLv3),
    _SSLMethod.PROTOCOL_TLSv1: (libssl.TLSv1_method, TLSVersion.TLSv1),
    _SSLMethod.PROTOCOL_TLSv1_1: (libssl.TLSv1_1_method, TLSVersion.TLSv1_1),
    _SSLMethod.PROTOCOL_TLSv1_2: (libssl.TLSv1_2_method, TLSVersion.TLSv1_2),
}

#: all but the two that tell client from server
DEPRECATED = {_SSLMethod.PROTOCOL_TLS, *_FIXED}

_AVAILABLE: dict[int, bool] = {
    TLSVersion.SSLv3: features.HAS_SSLv3,
    TLSVersion.TLSv1: features.HAS_TLSv1,
    TLSVersion.TLSv1_1: features.HAS_TLSv1_1,
    TLSVersion.TLSv1_2: features.HAS_TLSv1_2,
    TLSVersion.TLSv1_3: features.HAS_TLSv1_3,
}

#: without bounds in the library, options forbid what is outside of them
_FORBID = {
    TLSVersion.SSLv3: int(Options.OP_NO_SSLv3),
    TLSVersion.TLSv1: int(Options.OP_NO_TLSv1),
    TLSVersion.TLSv1_1: int(Options.OP_NO_TLSv1_1),
    TLSVersion.TLSv1_2: int(Options.OP_NO_TLSv1_2),
}
_FORBIDDING = sum(_FORBID.values())

#: then there is nothing that this one forbids, and its bit is another's
_NO_TLSv1_3 = int(Options.OP_NO_TLSv1_3)


#: RFC 8996 deprecates what is below
_LOWEST = int(TLSVersion.TLSv1_2)

UNBOUND = {"minimum": TLSVersion.MINIMUM_SUPPORTED, "maximum": TLSVersion.MAXIMUM_SUPPORTED}


class SSL_CTX(Shared):
    """Own a `SSL_CTX*`."""

    __slots__ = ("bounds", "forbidden", "refused")

    #: of 1.0.2, which has none of its own; 0: unbound
    bounds: dict[str, int]
    #: the options that they come to, and those of the same kind that the program has set
    forbidden: int
    refused: int
    _free = staticmethod(libssl.SSL_CTX_free)


#: the names of those that the library was built with
_PROTOCOL_NAMES: dict[int, str] = {
    protocol: protocol.name
    for protocol in _SSLMethod
    if protocol in GENERAL or _AVAILABLE.get(_FIXED[protocol][1], features.HAS_SSLv2)
}


def get_protocol_name(protocol_code: int) -> str:
    """``"PROTOCOL_TLS"`` for its number and so on; ``"<unknown>"`` for what cannot be spoken.

    Source: `ssl.get_protocol_name`.
    """
    return _PROTOCOL_NAMES.get(protocol_code, "<unknown>")


def deprecated(what: str, stacklevel: int = 2, end: str = "") -> None:
    """Warn as the interpreter's own `ssl` does."""
    if python.SIDES:
        warnings.warn(f"{what} deprecated{end}", DeprecationWarning, stacklevel=stacklevel + 1)


def no_npn() -> None:
    """Warn of NPN, as `deprecated` does."""
    deprecated("ssl NPN is", stacklevel=3, end=", use ALPN instead")


def check_side(protocol: Any, server_side: bool) -> None:
    """Refuse a context of the other side.

    Before Python 3.10 `ssl` leaves that to the handshake, which fails too, in OpenSSL's words.

    :raises SSLError: a client's context for a server's connection, or a server's for a client's.
    """
    if not python.SIDES:
        return
    if server_side and protocol == _SSLMethod.PROTOCOL_TLS_CLIENT:
        raise refusal("Cannot create a server socket with a PROTOCOL_TLS_CLIENT context")
    if not server_side and protocol == _SSLMethod.PROTOCOL_TLS_SERVER:
        raise refusal("Cannot create a client socket with a PROTOCOL_TLS_SERVER context")


def new_context(protocol: Any) -> SSL_CTX:
    """A `SSL_CTX` that speaks `protocol`, one of the PROTOCOL_*.

    :raises ValueError: there is no such protocol, or the library was built without it.

    SSL_CTX_new(3)
    """
    libcrypto.ERR_clear_error()
    if protocol in GENERAL:
        handle = SSL_CTX(libssl.SSL_CTX_new(GENERAL[protocol]()))
        if not _set_bound(handle, "minimum", _LOWEST):
            raise ValueError(f"Failed to set minimum protocol 0x{_LOWEST:x}")
        return handle
    if protocol not in _FIXED:
        raise ValueError(f"invalid or unsupported protocol version {protocol}")
    name = _SSLMethod(protocol).name
    missing = ValueError(
        f"invalid or unsupported protocol version {int(protocol)}: "
        f"{name} is not in {features.OPENSSL_VERSION}"
    )
    method, version = _FIXED[protocol]
    if features.BOUNDS_INSTEAD_OF_METHODS:
        if not _AVAILABLE.get(version):
            raise missing
        handle = SSL_CTX(libssl.SSL_CTX_new(libssl.TLS_method()))
        for bound in ("minimum", "maximum"):
            # 4.0 answers 0 for a version that it lacks, and would go on with TLS 1.3
            if not set_bound(handle, bound, version):
                raise missing
        return handle
    address = method() if method else None
    if not address:
        raise missing
    return SSL_CTX(libssl.SSL_CTX_new(address))


def get_bound(handle: SSL_CTX, bound: str) -> int:
    """The ``"minimum"`` or ``"maximum"`` version; negative where there is none.

    SSL_CTX_get_min_proto_version(3)
    """
    if not features.HAS_VERSION_BOUNDS:
        found = _bounds(handle)[bound]
    elif bound == "minimum":
        found = libssl.SSL_CTX_get_min_proto_version(handle.ptr)
    else:
        found = libssl.SSL_CTX_get_max_proto_version(handle.ptr)
    return found or UNBOUND[bound]


def set_bound(handle: SSL_CTX, bound: str, version: int) -> bool:
    """Set the ``"minimum"`` or ``"maximum"`` version; False where the library refuses.

    :raises ValueError: there is no such version.

    SSL_CTX_set_min_proto_version(3)
    """
    try:
        version = TLSVersion(version)
    except ValueError:
        raise ValueError(f"Unsupported TLS/SSL version 0x{version:x}") from None
    if version in (TLSVersion.MINIMUM_SUPPORTED, TLSVersion.MAXIMUM_SUPPORTED):
        there = [number for number, available in _AVAILABLE.items() if available]
        lowest = version == TLSVersion.MINIMUM_SUPPORTED
        unbound = lowest == (bound == "minimum")
        number = 0 if unbound else int(there[0] if lowest else there[-1])
    else:
        number = int(version)
    return _set_bound(handle, bound, number)


def _set_bound(handle: SSL_CTX, bound: str, number: int) -> bool:
    if not features.HAS_VERSION_BOUNDS:
        return _set_bound_by_options(handle, bound, number)
    if bound == "minimum":
        return bool(libssl.SSL_CTX_set_min_proto_version(handle.ptr, number))
    return bool(libssl.SSL_CTX_set_max_proto_version(handle.ptr, number))


def get_options(handle: SSL_CTX) -> int:
    """The OP_* that the program has set, or the library. SSL_CTX_get_options(3)"""
    options: int = libssl.SSL_CTX_get_options(handle.ptr)
    if features.HAS_VERSION_BOUNDS:
        return options
    _bounds(handle)
    return options & ~_FORBIDDING | handle.refused


def set_options(handle: SSL_CTX, options: int) -> None:
    """Set these OP_*, and clear all others. SSL_CTX_set_options(3), SSL_CTX_clear_options(3)"""
    with handle.copying:
        if not features.HAS_VERSION_BOUNDS:
            _bounds(handle)
            handle.refused = options & (_FORBIDDING | _NO_TLSv1_3)
            options = options & ~_NO_TLSv1_3 | handle.forbidden
        present: int = libssl.SSL_CTX_get_options(handle.ptr)
        if options & ~present:
            libssl.SSL_CTX_set_options(handle.ptr, options & ~present)
        if present & ~options:
            libssl.SSL_CTX_clear_options(handle.ptr, present & ~options)


def _bounds(handle: SSL_CTX) -> dict[str, int]:
    if not hasattr(handle, "bounds"):
        handle.refused = libssl.SSL_CTX_get_options(handle.ptr) & _FORBIDDING
        handle.forbidden = 0
        handle.bounds = {"minimum": 0, "maximum": 0}
    return handle.bounds


def _set_bound_by_options(handle: SSL_CTX, bound: str, number: int) -> bool:
    if number and not _AVAILABLE.get(number):
        return False
    with handle.copying:
        bounds = _bounds(handle)
        bounds[bound] = number
        highest = bounds["maximum"] or max(_FORBID)
        handle.forbidden = sum(
            option
            for version, option in _FORBID.items()
            if not bounds["minimum"] <= version <= highest
        )
        # What was forbidden by `options` stays so when the bound goes, and the other way round
        set_options(handle, get_options(handle))
    return True
