"""Which versions of TLS a context speaks, and its options: one part of `SSLContext`."""

from __future__ import annotations

from . import _features as features
from ._arguments import c_int, c_unsigned
from ._protocol import (
    GENERAL,
    UNBOUND,
    deprecated,
    get_bound,
    get_options,
    set_bound,
    set_options,
)
from ._types import Any
from .constants import Options, TLSVersion, _SSLMethod

_OP_NO_VERSIONS = (
    Options.OP_NO_SSLv3
    | Options.OP_NO_TLSv1
    | Options.OP_NO_TLSv1_1
    | Options.OP_NO_TLSv1_2
    | Options.OP_NO_TLSv1_3
)
_OLD_VERSIONS = (TLSVersion.SSLv3, TLSVersion.TLSv1, TLSVersion.TLSv1_1)


class Versions:
    """Protocol, lowest and highest version, options."""

    _handle: Any
    _protocol: int

    @property
    def protocol(self) -> _SSLMethod:
        """The PROTOCOL_* of the constructor. Source: `ssl.SSLContext.protocol`."""
        return _SSLMethod(self._protocol)

    @property
    def options(self) -> Options:
        """OP_* flags; clear one with ``context.options &= ~pytls.OP_…``.

        :raises NotImplementedError: on setting OP_NO_RENEGOTIATION, before OpenSSL 1.1.0h.

        Source: `ssl.SSLContext.options`; SSL_CTX_set_options(3).
        """
        return Options(get_options(self._handle))

    @options.setter
    def options(self, value: int) -> None:
        value = c_unsigned(value, 64)
        if value & Options.OP_NO_RENEGOTIATION and not features.HAS_NO_RENEGOTIATION:
            raise features.needs("OP_NO_RENEGOTIATION", (1, 1, 0))
        if value & ~get_options(self._handle) & _OP_NO_VERSIONS:
            deprecated("ssl.OP_NO_SSL*/ssl.OP_NO_TLS* options are")
        set_options(self._handle, value)

    @property
    def minimum_version(self) -> TLSVersion:
        """The lowest version allowed; TLSVersion.MINIMUM_SUPPORTED: no bound.

        Source: `ssl.SSLContext.minimum_version`; SSL_CTX_set_min_proto_version(3).
        """
        return self._get_bound("minimum")

    @minimum_version.setter
    def minimum_version(self, value: int) -> None:
        if value == TLSVersion.SSLv3:
            set_options(self._handle, get_options(self._handle) & ~int(Options.OP_NO_SSLv3))
        self._set_bound("minimum", value)

    @property
    def maximum_version(self) -> TLSVersion:
        """The highest version allowed; TLSVersion.MAXIMUM_SUPPORTED: no bound.

        Source: `ssl.SSLContext.maximum_version`; SSL_CTX_set_max_proto_version(3).
        """
        return self._get_bound("maximum")

    @maximum_version.setter
    def maximum_version(self, value: int) -> None:
        self._set_bound("maximum", value)

    def _get_bound(self, bound: str) -> TLSVersion:
        if self._protocol not in GENERAL:
            return TLSVersion(UNBOUND[bound])
        return TLSVersion(get_bound(self._handle, bound))

    def _set_bound(self, bound: str, value: int) -> None:
        value = c_int(value)
        if self._protocol not in GENERAL:
            raise ValueError(
                "The context's protocol doesn't support modification of highest and lowest version."
            )
        if value in _OLD_VERSIONS:
            deprecated(f"ssl.TLSVersion.{TLSVersion(value).name} is", stacklevel=3)
        if not set_bound(self._handle, bound, value):
            raise ValueError(f"Unsupported protocol version 0x{value:x}")
