"""What the loaded OpenSSL can do, and the quirks of its release: the one place that compares it.

Rows of the tables tell which functions there are; here stands what follows from it.
"""

from __future__ import annotations

from ctypes import c_long, sizeof

from . import _libcrypto as libcrypto
from . import _libssl as libssl
from ._declare import FOUND, Release, dotted
from ._loader import PAIR

# Flags of `ssl`
HAS_SNI = True
HAS_ECDH = True
HAS_ALPN = True
HAS_NPN = False
HAS_NEVER_CHECK_COMMON_NAME = FOUND >= (1, 1, 0)
HAS_SSLv2 = bool(libssl.SSLv2_method) and bool(libssl.SSLv2_method())
HAS_SSLv3 = bool(libssl.SSLv3_method)
# 4.0 has no function for one version's method; the versions are there all the same
HAS_TLSv1 = HAS_TLSv1_1 = bool(libssl.TLSv1_method) or FOUND >= (4, 0, 0)
HAS_TLSv1_2 = True
HAS_TLSv1_3 = FOUND >= (1, 1, 1)
HAS_PSK = bool(libssl.SSL_CTX_set_psk_client_callback)
HAS_PSK_TLS13 = HAS_PSK and HAS_TLSv1_3
HAS_PHA = bool(libssl.SSL_verify_client_post_handshake)

# Flags that `ssl` has not
HAS_KEYLOG = bool(libssl.SSL_CTX_set_keylog_callback)
HAS_VERIFIED_CHAIN = bool(libssl.SSL_get0_verified_chain)
HAS_GROUP_NAME = bool(libssl.SSL_get0_group_name)
HAS_EGD = bool(libcrypto.RAND_query_egd_bytes)

OPENSSL_VERSION: str = PAIR.text
OPENSSL_VERSION_NUMBER: int = PAIR.version


def _version_info(number: int) -> tuple[int, int, int, int, int]:
    """Five fields as `ssl` cuts them, which are those of 1.x even for 3.0 and later."""
    return (
        number >> 28 & 0xFF,
        number >> 20 & 0xFF,
        number >> 12 & 0xFF,
        number >> 4 & 0xFF,
        number & 0xF,
    )


OPENSSL_VERSION_INFO = _version_info(PAIR.version)
# The interpreter's headers stand behind this name in `ssl`; here the library is all there is.
_OPENSSL_API_VERSION = OPENSSL_VERSION_INFO

# An error code: 1.x has 8 bits of library above 12 of function above 12 of reason
NEW_ERROR_CODES = FOUND >= (3, 0, 0)

# SSL_get_error(3) reads the error queue before 4.0: a stale entry makes it lie
GET_ERROR_READS_QUEUE = FOUND < (4, 0, 0)

# One version's method is gone: the general one is bounded instead
BOUNDS_INSTEAD_OF_METHODS = FOUND >= (4, 0, 0)

# 1.0.2 has OP_NO_* only
HAS_VERSION_BOUNDS = FOUND >= (1, 1, 0)

# What is in a store is told as copies, which are the caller's: X509_STORE_get1_objects(3)
STORE_OBJECTS_ARE_COPIES = bool(libcrypto.X509_STORE_get1_objects)

# 1.0.2 is called by one thread at a time (`_declare`): who waits in it stops every other
MAY_WAIT = FOUND >= (1, 1, 0)

# A connection does not get them from its context (python/cpython#87688)
LOSES_HOST_FLAGS = PAIR.version < 0x101010CF  # 1.1.1l

# OP_NO_RENEGOTIATION; its bit means something else before
HAS_NO_RENEGOTIATION = PAIR.version >= 0x1010008F  # 1.1.0h

# After a fatal error, a connection goes on with what it finds: CVE-2017-3737 is of this kind
ENDS_UNNOTICED = FOUND < (1, 1, 0)

# Waiting for the peer's close_notify, data that nobody has read is an error
SHUTDOWN_REFUSES_DATA = FOUND >= (1, 1, 1)

# Two contexts may have the same store of authorities, and it is cheap to see how many it holds
SHARES_STORES = bool(libssl.SSL_CTX_set1_cert_store and libcrypto.X509_STORE_get0_objects)

# SSL_CTX_get0_implemented_groups(3) and SSL_get0_signature_name(3) are calls of ctrl
HAS_GET_GROUPS = HAS_SIGNATURE_NAMES = FOUND >= (3, 5, 0)

# SSL_R_UNEXPECTED_EOF_WHILE_READING; its number means something else before
HAS_EOF_REASON = FOUND >= (3, 0, 0)

# SSL_sendfile(3); its off_t is taken for a long
HAS_SENDFILE = bool(libssl.SSL_sendfile) and sizeof(c_long) == 8

# From 1.1.0 on there is no SSLv2 that could be forbidden
OP_NO_SSLv2 = 0x01000000 if FOUND < (1, 1, 0) else 0

SIZEOF_LONG = sizeof(c_long)


def cipher_list(ciphers: str) -> bytes:
    """`ciphers` in words that the library knows: 1.0.2 has no security levels."""
    if FOUND < (1, 1, 0):
        ciphers = ":".join(word for word in ciphers.split(":") if not word.startswith("@SECLEVEL"))
    return ciphers.encode("ascii")


def needs(what: str, since: Release) -> NotImplementedError:
    """The error for `what`, which takes a newer OpenSSL: name it, the release, and what is here."""
    return NotImplementedError(
        f"{what} requires OpenSSL {dotted(since)} or later; found {OPENSSL_VERSION}"
    )


def fips_enabled() -> bool:
    """Whether libcrypto runs in FIPS mode by default.

    EVP_default_properties_is_fips_enabled(3) since 3.0; FIPS_mode before.
    """
    if libcrypto.EVP_default_properties_is_fips_enabled:
        return bool(libcrypto.EVP_default_properties_is_fips_enabled(None))
    return bool(libcrypto.FIPS_mode())
