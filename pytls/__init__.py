"""The standard library's `ssl` in pure Python, over the system's OpenSSL.

``import pytls as ssl`` and a program works. The names, arguments, answers and exceptions are those
of `ssl`, of every Python from 3.2 to 3.15.

The way in: `context` has the settings, `socket` and `object` the two kinds of connection,
`connection` the engine below both, `_libssl` and `_libcrypto` the C functions.
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 8):  # noqa: UP036  # a copied folder has nobody else to say so
    raise ImportError(f"pytls needs Python 3.8 or newer; this is {sys.version.split()[0]}")

try:
    from . import _later, _libssl, _types
except ImportError as error:
    # `python -m pytls` comes by here before its `__main__`: the doctor is there to tell why
    from ._interpreter import tell_if_command

    tell_if_command(error)
    raise

from .errors import (
    CertificateError,
    SSLCertVerificationError,
    SSLEOFError,
    SSLError,
    SSLSyscallError,
    SSLWantReadError,
    SSLWantWriteError,
    SSLZeroReturnError,
    socket_error,
)

if _types.TYPE_CHECKING:
    from ._algorithms import (
        get_sigalgs,
    )
    from ._features import (
        _OPENSSL_API_VERSION,
        HAS_ALPN,
        HAS_ECDH,
        HAS_NEVER_CHECK_COMMON_NAME,
        HAS_NPN,
        HAS_PHA,
        HAS_PSK,
        HAS_PSK_TLS13,
        HAS_SNI,
        OPENSSL_VERSION,
        OPENSSL_VERSION_INFO,
        OPENSSL_VERSION_NUMBER,
        HAS_SSLv2,
        HAS_SSLv3,
        HAS_TLSv1,
        HAS_TLSv1_1,
        HAS_TLSv1_2,
        HAS_TLSv1_3,
    )
    from ._protocol import (
        _PROTOCOL_NAMES,
        get_protocol_name,
    )
    from .bio import (
        MemoryBIO,
    )
    from .constants import (
        _DEFAULT_CIPHERS,
        _RESTRICTED_SERVER_CIPHERS,
        ALERT_DESCRIPTION_ACCESS_DENIED,
        ALERT_DESCRIPTION_BAD_CERTIFICATE,
        ALERT_DESCRIPTION_BAD_CERTIFICATE_HASH_VALUE,
        ALERT_DESCRIPTION_BAD_CERTIFICATE_STATUS_RESPONSE,
        ALERT_DESCRIPTION_BAD_RECORD_MAC,
        ALERT_DESCRIPTION_CERTIFICATE_EXPIRED,
        ALERT_DESCRIPTION_CERTIFICATE_REVOKED,
        ALERT_DESCRIPTION_CERTIFICATE_UNKNOWN,
        ALERT_DESCRIPTION_CERTIFICATE_UNOBTAINABLE,
        ALERT_DESCRIPTION_CLOSE_NOTIFY,
        ALERT_DESCRIPTION_DECODE_ERROR,
        ALERT_DESCRIPTION_DECOMPRESSION_FAILURE,
        ALERT_DESCRIPTION_DECRYPT_ERROR,
        ALERT_DESCRIPTION_HANDSHAKE_FAILURE,
        ALERT_DESCRIPTION_ILLEGAL_PARAMETER,
        ALERT_DESCRIPTION_INSUFFICIENT_SECURITY,
        ALERT_DESCRIPTION_INTERNAL_ERROR,
        ALERT_DESCRIPTION_NO_RENEGOTIATION,
        ALERT_DESCRIPTION_PROTOCOL_VERSION,
        ALERT_DESCRIPTION_RECORD_OVERFLOW,
        ALERT_DESCRIPTION_UNEXPECTED_MESSAGE,
        ALERT_DESCRIPTION_UNKNOWN_CA,
        ALERT_DESCRIPTION_UNKNOWN_PSK_IDENTITY,
        ALERT_DESCRIPTION_UNRECOGNIZED_NAME,
        ALERT_DESCRIPTION_UNSUPPORTED_CERTIFICATE,
        ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION,
        ALERT_DESCRIPTION_USER_CANCELLED,
        CERT_NONE,
        CERT_OPTIONAL,
        CERT_REQUIRED,
        CHANNEL_BINDING_TYPES,
        OP_ALL,
        OP_CIPHER_SERVER_PREFERENCE,
        OP_ENABLE_KTLS,
        OP_ENABLE_MIDDLEBOX_COMPAT,
        OP_IGNORE_UNEXPECTED_EOF,
        OP_LEGACY_SERVER_CONNECT,
        OP_NO_COMPRESSION,
        OP_NO_RENEGOTIATION,
        OP_NO_TICKET,
        OP_SINGLE_DH_USE,
        OP_SINGLE_ECDH_USE,
        PEM_FOOTER,
        PEM_HEADER,
        PROTOCOL_TLS,
        PROTOCOL_TLS_CLIENT,
        PROTOCOL_TLS_SERVER,
        SSL_ERROR_EOF,
        SSL_ERROR_INVALID_ERROR_CODE,
        SSL_ERROR_SSL,
        SSL_ERROR_SYSCALL,
        SSL_ERROR_WANT_CONNECT,
        SSL_ERROR_WANT_READ,
        SSL_ERROR_WANT_WRITE,
        SSL_ERROR_WANT_X509_LOOKUP,
        SSL_ERROR_ZERO_RETURN,
        VERIFY_ALLOW_PROXY_CERTS,
        VERIFY_CRL_CHECK_CHAIN,
        VERIFY_CRL_CHECK_LEAF,
        VERIFY_DEFAULT,
        VERIFY_X509_PARTIAL_CHAIN,
        VERIFY_X509_STRICT,
        VERIFY_X509_TRUSTED_FIRST,
        AlertDescription,
        OP_NO_SSLv2,
        OP_NO_SSLv3,
        OP_NO_TLSv1,
        OP_NO_TLSv1_1,
        OP_NO_TLSv1_2,
        OP_NO_TLSv1_3,
        Options,
        PROTOCOL_SSLv2,
        PROTOCOL_SSLv3,
        PROTOCOL_SSLv23,
        PROTOCOL_TLSv1,
        PROTOCOL_TLSv1_1,
        PROTOCOL_TLSv1_2,
        SSLErrorNumber,
        TLSVersion,
        VerifyFlags,
        VerifyMode,
        _SSLMethod,
        _TLSAlertType,
        _TLSContentType,
        _TLSMessageType,
    )
    from .context import (
        SSLContext,
    )
    from .defaults import (
        DefaultVerifyPaths,
        _create_default_https_context,
        _create_stdlib_context,
        _create_unverified_context,
        create_default_context,
        get_default_verify_paths,
    )
    from .hostname import (
        _dnsname_match,
        _inet_paton,
        _ipaddress_match,
        match_hostname,
    )
    from .inject import (
        extract_from_ssl,
        inject_into_ssl,
    )
    from .object import (
        SSLObject,
    )
    from .rand import (
        RAND_add,
        RAND_bytes,
        RAND_egd,
        RAND_pseudo_bytes,
        RAND_status,
    )
    from .session import (
        SSLSession,
    )
    from .shortcuts import (
        AF_INET,
        SO_TYPE,
        SOCK_STREAM,
        SOL_SOCKET,
        create_connection,
        get_server_certificate,
        wrap_socket,
    )
    from .socket import (
        SSLSocket,
    )
    from .x509 import (
        DER_cert_to_PEM_cert,
        PEM_cert_to_DER_cert,
        Purpose,
        _ASN1Object,
        cert_time_to_seconds,
    )

    if sys.platform == "win32":
        from ._windows import (
            enum_certificates,
            enum_crls,
        )

__version__ = "0.1.0"

__all__ = [
    "AF_INET",
    "ALERT_DESCRIPTION_ACCESS_DENIED",
    "ALERT_DESCRIPTION_BAD_CERTIFICATE",
    "ALERT_DESCRIPTION_BAD_CERTIFICATE_HASH_VALUE",
    "ALERT_DESCRIPTION_BAD_CERTIFICATE_STATUS_RESPONSE",
    "ALERT_DESCRIPTION_BAD_RECORD_MAC",
    "ALERT_DESCRIPTION_CERTIFICATE_EXPIRED",
    "ALERT_DESCRIPTION_CERTIFICATE_REVOKED",
    "ALERT_DESCRIPTION_CERTIFICATE_UNKNOWN",
    "ALERT_DESCRIPTION_CERTIFICATE_UNOBTAINABLE",
    "ALERT_DESCRIPTION_CLOSE_NOTIFY",
    "ALERT_DESCRIPTION_DECODE_ERROR",
    "ALERT_DESCRIPTION_DECOMPRESSION_FAILURE",
    "ALERT_DESCRIPTION_DECRYPT_ERROR",
    "ALERT_DESCRIPTION_HANDSHAKE_FAILURE",
    "ALERT_DESCRIPTION_ILLEGAL_PARAMETER",
    "ALERT_DESCRIPTION_INSUFFICIENT_SECURITY",
    "ALERT_DESCRIPTION_INTERNAL_ERROR",
    "ALERT_DESCRIPTION_NO_RENEGOTIATION",
    "ALERT_DESCRIPTION_PROTOCOL_VERSION",
    "ALERT_DESCRIPTION_RECORD_OVERFLOW",
    "ALERT_DESCRIPTION_UNEXPECTED_MESSAGE",
    "ALERT_DESCRIPTION_UNKNOWN_CA",
    "ALERT_DESCRIPTION_UNKNOWN_PSK_IDENTITY",
    "ALERT_DESCRIPTION_UNRECOGNIZED_NAME",
    "ALERT_DESCRIPTION_UNSUPPORTED_CERTIFICATE",
    "ALERT_DESCRIPTION_UNSUPPORTED_EXTENSION",
    "ALERT_DESCRIPTION_USER_CANCELLED",
    "CERT_NONE",
    "CERT_OPTIONAL",
    "CERT_REQUIRED",
    "CHANNEL_BINDING_TYPES",
    "HAS_ALPN",
    "HAS_ECDH",
    "HAS_NEVER_CHECK_COMMON_NAME",
    "HAS_NPN",
    "HAS_PHA",
    "HAS_PSK",
    "HAS_PSK_TLS13",
    "HAS_SNI",
    "OPENSSL_VERSION",
    "OPENSSL_VERSION_INFO",
    "OPENSSL_VERSION_NUMBER",
    "OP_ALL",
    "OP_CIPHER_SERVER_PREFERENCE",
    "OP_ENABLE_KTLS",
    "OP_ENABLE_MIDDLEBOX_COMPAT",
    "OP_IGNORE_UNEXPECTED_EOF",
    "OP_LEGACY_SERVER_CONNECT",
    "OP_NO_COMPRESSION",
    "OP_NO_RENEGOTIATION",
    "OP_NO_TICKET",
    "OP_SINGLE_DH_USE",
    "OP_SINGLE_ECDH_USE",
    "PEM_FOOTER",
    "PEM_HEADER",
    "PROTOCOL_TLS",
    "PROTOCOL_TLS_CLIENT",
    "PROTOCOL_TLS_SERVER",
    "SOCK_STREAM",
    "SOL_SOCKET",
    "SO_TYPE",
    "SSL_ERROR_EOF",
    "SSL_ERROR_INVALID_ERROR_CODE",
    "SSL_ERROR_SSL",
    "SSL_ERROR_SYSCALL",
    "SSL_ERROR_WANT_CONNECT",
    "SSL_ERROR_WANT_READ",
    "SSL_ERROR_WANT_WRITE",
    "SSL_ERROR_WANT_X509_LOOKUP",
    "SSL_ERROR_ZERO_RETURN",
    "VERIFY_ALLOW_PROXY_CERTS",
    "VERIFY_CRL_CHECK_CHAIN",
    "VERIFY_CRL_CHECK_LEAF",
    "VERIFY_DEFAULT",
    "VERIFY_X509_PARTIAL_CHAIN",
    "VERIFY_X509_STRICT",
    "VERIFY_X509_TRUSTED_FIRST",
    "AlertDescription",
    "CertificateError",
    "DER_cert_to_PEM_cert",
    "DefaultVerifyPaths",
    "HAS_SSLv2",
    "HAS_SSLv3",
    "HAS_TLSv1",
    "HAS_TLSv1_1",
    "HAS_TLSv1_2",
    "HAS_TLSv1_3",
    "MemoryBIO",
    "OP_NO_SSLv2",
    "OP_NO_SSLv3",
    "OP_NO_TLSv1",
    "OP_NO_TLSv1_1",
    "OP_NO_TLSv1_2",
    "OP_NO_TLSv1_3",
    "Options",
    "PEM_cert_to_DER_cert",
    "PROTOCOL_SSLv2",
    "PROTOCOL_SSLv3",
    "PROTOCOL_SSLv23",
    "PROTOCOL_TLSv1",
    "PROTOCOL_TLSv1_1",
    "PROTOCOL_TLSv1_2",
    "Purpose",
    "RAND_add",
    "RAND_bytes",
    "RAND_egd",
    "RAND_pseudo_bytes",
    "RAND_status",
    "SSLCertVerificationError",
    "SSLContext",
    "SSLEOFError",
    "SSLError",
    "SSLErrorNumber",
    "SSLObject",
    "SSLSession",
    "SSLSocket",
    "SSLSyscallError",
    "SSLWantReadError",
    "SSLWantWriteError",
    "SSLZeroReturnError",
    "TLSVersion",
    "VerifyFlags",
    "VerifyMode",
    "cert_time_to_seconds",
    "create_connection",
    "create_default_context",
    "extract_from_ssl",
    "get_default_verify_paths",
    "get_protocol_name",
    "get_server_certificate",
    "get_sigalgs",
    "inject_into_ssl",
    "match_hostname",
    "socket_error",
    "wrap_socket",
]

#: which module has a name; those of `errors` are here, the rest are constants
_HOMES = dict.fromkeys((name for name in __all__ if name not in globals()), "constants")
_HOMES.update(
    (name, home)
    for home, names in {
        "_algorithms": "get_sigalgs",
        "_features": """
            _OPENSSL_API_VERSION HAS_ALPN HAS_ECDH HAS_NEVER_CHECK_COMMON_NAME HAS_NPN HAS_PHA
            HAS_PSK HAS_PSK_TLS13 HAS_SNI OPENSSL_VERSION OPENSSL_VERSION_INFO
            OPENSSL_VERSION_NUMBER HAS_SSLv2 HAS_SSLv3 HAS_TLSv1 HAS_TLSv1_1 HAS_TLSv1_2 HAS_TLSv1_3
        """,
        "_protocol": "_PROTOCOL_NAMES get_protocol_name",
        "bio": "MemoryBIO",
        "constants": """
            _DEFAULT_CIPHERS _RESTRICTED_SERVER_CIPHERS _SSLMethod _TLSAlertType _TLSContentType
            _TLSMessageType
        """,
        "context": "SSLContext",
        "defaults": """
            DefaultVerifyPaths _create_default_https_context _create_stdlib_context
            _create_unverified_context create_default_context get_default_verify_paths
        """,
        "hostname": "_dnsname_match _inet_paton _ipaddress_match match_hostname",
        "inject": "extract_from_ssl inject_into_ssl",
        "object": "SSLObject",
        "rand": "RAND_add RAND_bytes RAND_egd RAND_pseudo_bytes RAND_status",
        "session": "SSLSession",
        "shortcuts": """
            AF_INET SOCK_STREAM SOL_SOCKET SO_TYPE create_connection get_server_certificate
            wrap_socket
        """,
        "socket": "SSLSocket",
        "x509": """
            DER_cert_to_PEM_cert PEM_cert_to_DER_cert Purpose _ASN1Object cert_time_to_seconds
        """,
    }.items()
    for name in names.split()
)
if sys.platform == "win32":
    __all__ += ["enum_certificates", "enum_crls"]
    _HOMES.update(enum_certificates="_windows", enum_crls="_windows")

if not _types.TYPE_CHECKING:  # a type checker would believe in any name

    def __getattr__(name: str) -> object:
        """A name that is asked for the first time: see `_later`."""
        names = globals()
        home = _HOMES.get(name)
        if home is not None:
            names.setdefault(name, _later.fetch(home, name))
            _HOMES.pop(name, None)  # who deletes it will not see it again
        if name not in names:  # else another thread has been here
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return names[name]


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
