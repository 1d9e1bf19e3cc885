"""libcrypto as a table: one row per C function; below it, the macros that are calls of `ctrl`.

An opaque pointer is a `c_void_p`; NULL is None. `_declare` says what a row may add.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    c_char_p,
    c_double,
    c_int,
    c_long,
    c_size_t,
    c_uint,
    c_ulong,
    c_void_p,
    string_at,
)

from ._declare import FOUND, bind, gil, nogil
from ._loader import PAIR
from ._types import Any

ptr = c_void_p
cstr = c_char_p
BIO = BIO_METHOD = EVP_PKEY = DH = ptr
X509 = X509_CRL = X509_STORE = X509_OBJECT = X509_VERIFY_PARAM = X509_NAME = STACK = ptr
ASN1_OBJECT = EVP_PKEY_CTX = EVP_MD = X509_EXTENSION = ptr

pem_password_cb = CFUNCTYPE(c_int, ptr, c_int, c_int, ptr)

# fmt: off
#                                    result, arguments
# --- the library
OpenSSL_version_num          = gil  (c_ulong, was="SSLeay")
OpenSSL_version              = gil  (cstr,    c_int, was="SSLeay_version")
CRYPTO_free                  = (gil(None, ptr, cstr, c_int) if FOUND >= (1, 1, 0)
                                else gil(None, ptr))
EVP_default_properties_is_fips_enabled = gil(c_int, ptr, since=(3, 0, 0))
FIPS_mode                    = gil  (c_int, until=(3, 0, 0))

# --- errors: a queue a thread
ERR_clear_error              = gil  (None)
ERR_peek_error               = gil  (c_ulong)
ERR_peek_last_error          = gil  (c_ulong)
ERR_reason_error_string      = gil  (cstr,    c_ulong)

# --- random numbers
RAND_status                  = nogil(c_int)
RAND_bytes                   = nogil(c_int,   ptr, c_int)
RAND_add                     = nogil(None,    ptr, c_int, c_double)
RAND_query_egd_bytes         = nogil(c_int,   cstr, ptr, c_int, until=(1, 1, 0), alone=True)

# --- BIO; a memory BIO never waits
BIO_s_mem                    = gil  (BIO_METHOD)
BIO_new                      = gil  (BIO,     BIO_METHOD)
BIO_new_mem_buf              = gil  (BIO,     ptr, c_int)                 # borrows the bytes
BIO_free                     = gil  (c_int,   BIO)
BIO_free_all                 = gil  (None,    BIO)                        # as far as it is the last
BIO_up_ref                   = gil  (c_int,   BIO, since=(1, 1, 0))
BIO_f_buffer                 = gil  (BIO_METHOD)
BIO_push                     = gil  (BIO,     BIO, BIO)                   # takes the second over
BIO_test_flags               = gil  (c_int,   BIO, c_int)
BIO_int_ctrl                 = gil  (c_long,  BIO, c_int, c_long, c_int)
BIO_ctrl                     = nogil(c_long,  BIO, c_int, c_long, ptr, errno=True)
BIO_read                     = gil  (c_int,   BIO, ptr, c_int, hot=True)
BIO_write                    = gil  (c_int,   BIO, ptr, c_int, hot=True)
BIO_ctrl_pending             = gil  (c_size_t, BIO, hot=True)

# --- object identifiers
OBJ_txt2obj                  = gil  (ASN1_OBJECT, cstr, c_int)
OBJ_obj2txt                  = gil  (c_int,   ptr, c_int, ASN1_OBJECT, c_int)
OBJ_obj2nid                  = gil  (c_int,   ASN1_OBJECT)
OBJ_nid2obj                  = gil  (ASN1_OBJECT, c_int)                  # static, not freed
OBJ_nid2ln                   = gil  (cstr,    c_int)
OBJ_nid2sn                   = gil  (cstr,    c_int)
OBJ_sn2nid                   = gil  (c_int,   cstr)
d2i_ASN1_OBJECT              = gil  (ASN1_OBJECT, ptr, POINTER(cstr), c_long)
ASN1_OBJECT_free             = gil  (None,    ASN1_OBJECT)

# --- strings
a2i_IPADDRESS                = gil  (ptr,     cstr)                       # caller frees
ASN1_OCTET_STRING_free       = gil  (None,    ptr)
ASN1_STRING_get0_data        = gil  (ptr,     ptr, was="ASN1_STRING_data")
ASN1_STRING_length           = gil  (c_int,   ptr)
ASN1_STRING_type_new         = gil  (ptr,     c_int)
ASN1_STRING_set              = gil  (c_int,   ptr, ptr, c_int)
ASN1_STRING_free             = gil  (None,    ptr)
ASN1_TIME_print              = gil  (c_int,   BIO, ptr)
ASN1_TIME_free               = gil  (None,    ptr)
ASN1_INTEGER_set             = gil  (c_int,   ptr, c_long)

# --- keys
EVP_PKEY_free                = gil  (None,    EVP_PKEY)
EVP_PKEY_get_base_id         = gil  (c_int,   EVP_PKEY, was="EVP_PKEY_base_id")
EVP_PKEY_get0_type_name      = gil  (cstr,    EVP_PKEY, since=(3, 0, 0))
EVP_PKEY_get_group_name      = gil  (c_int,   EVP_PKEY, ptr, c_size_t, POINTER(c_size_t),
                                     since=(3, 0, 0))
EVP_PKEY_get_bits            = gil  (c_int,   EVP_PKEY, was="EVP_PKEY_bits")
EVP_PKEY_CTX_new_id          = nogil(EVP_PKEY_CTX, c_int, ptr)
EVP_PKEY_CTX_free            = gil  (None,    EVP_PKEY_CTX)
EVP_PKEY_CTX_ctrl_str        = nogil(c_int,   EVP_PKEY_CTX, cstr, cstr)
EVP_PKEY_keygen_init         = nogil(c_int,   EVP_PKEY_CTX)
EVP_PKEY_keygen              = nogil(c_int,   EVP_PKEY_CTX, POINTER(EVP_PKEY))
EVP_sha256                   = gil  (EVP_MD)

# --- certificates
d2i_X509                     = nogil(X509,    POINTER(X509), POINTER(ptr), c_long)
d2i_X509_bio                 = nogil(X509,    BIO, POINTER(X509))
i2d_X509                     = gil  (c_int,   X509, POINTER(ptr))
PEM_read_bio_X509            = nogil(X509,    BIO, POINTER(X509), ptr, ptr)
X509_free                    = gil  (None,    X509)
X509_up_ref                  = gil  (c_int,   X509, since=(1, 1, 0))
X509_dup                     = nogil(X509,    X509)                        # decodes the key anew
X509_check_ca                = nogil(c_int,   X509)
X509_get_default_cert_file   = gil  (cstr)
X509_get_default_cert_dir    = gil  (cstr)
X509_get_default_cert_file_env = gil(cstr)
X509_get_default_cert_dir_env = gil (cstr)
X509_get_subject_name        = gil  (X509_NAME, X509)
X509_get_issuer_name         = gil  (X509_NAME, X509)
X509_subject_name_hash       = nogil(c_ulong, X509)                       # fetches SHA-1
X509_NAME_print_ex           = gil  (c_int,   BIO, X509_NAME, c_int, c_ulong)
X509_verify_cert_error_string = gil (cstr,    c_long)
X509_get_pubkey              = nogil(EVP_PKEY, X509)                      # a new reference

# --- making one
X509_new                     = gil  (X509)
X509_set_version             = gil  (c_int,   X509, c_long)
X509_get_serialNumber        = gil  (ptr,     X509)                       # borrowed
X509_gmtime_adj              = gil  (ptr,     ptr, c_long)
X509_set1_notBefore          = gil  (c_int,   X509, ptr, was="X509_set_notBefore")
X509_set1_notAfter           = gil  (c_int,   X509, ptr, was="X509_set_notAfter")
X509_NAME_new                = gil  (X509_NAME)
X509_NAME_free               = gil  (None,    X509_NAME)
X509_NAME_add_entry_by_txt   = gil  (c_int,   X509_NAME, cstr, c_int, cstr, c_int, c_int, c_int)
X509_set_subject_name        = gil  (c_int,   X509, X509_NAME)            # copies
X509_set_issuer_name         = gil  (c_int,   X509, X509_NAME)            # copies
X509_set_pubkey              = nogil(c_int,   X509, EVP_PKEY)             # fetches an encoder
X509V3_EXT_nconf_nid         = gil  (X509_EXTENSION, ptr, ptr, c_int, cstr)
X509_EXTENSION_free          = gil  (None,    X509_EXTENSION)
X509_add_ext                 = gil  (c_int,   X509, X509_EXTENSION, c_int)  # copies
X509_sign                    = nogil(c_int,   X509, EVP_PKEY, EVP_MD)

# --- what a certificate's extensions hold
d2i_GENERAL_NAME             = gil  (ptr,     ptr, POINTER(cstr), c_long)
GENERAL_NAME_print           = gil  (c_int,   BIO, ptr)
GENERAL_NAME_free            = gil  (None,    ptr)
d2i_GENERAL_NAMES            = gil  (ptr,     ptr, POINTER(cstr), c_long)
i2d_GENERAL_NAMES            = gil  (c_int,   ptr, POINTER(ptr))
GENERAL_NAMES_free           = gil  (None,    ptr)
d2i_AUTHORITY_INFO_ACCESS    = gil  (ptr,     ptr, POINTER(cstr), c_long)
i2d_AUTHORITY_INFO_ACCESS    = gil  (c_int,   ptr, POINTER(ptr))
AUTHORITY_INFO_ACCESS_free   = gil  (None,    ptr)
d2i_CRL_DIST_POINTS          = gil  (ptr,     ptr, POINTER(cstr), c_long)
i2d_CRL_DIST_POINTS          = gil  (c_int,   ptr, POINTER(ptr))
CRL_DIST_POINTS_free         = gil  (None,    ptr)

# --- the trust store
X509_STORE_new               = gil  (X509_STORE)
X509_STORE_free              = nogil(None,    X509_STORE)
X509_STORE_up_ref            = gil  (c_int,   X509_STORE, since=(1, 1, 0))
X509_STORE_load_locations    = nogil(c_int,   X509_STORE, cstr, cstr)
X509_STORE_set_default_paths = nogil(c_int,   X509_STORE)
X509_STORE_add_crl           = nogil(c_int,   X509_STORE, X509_CRL)       # adds a reference
X509_STORE_add_cert          = nogil(c_int,   X509_STORE, X509)           # adds a reference
X509_STORE_lock              = nogil(c_int,   X509_STORE, since=(1, 1, 0))
X509_STORE_unlock            = gil  (c_int,   X509_STORE, since=(1, 1, 0))
X509_STORE_get0_objects      = gil  (STACK,   X509_STORE, since=(1, 1, 0), optional=True)
X509_STORE_get1_objects      = nogil(STACK,   X509_STORE, since=(3, 3, 0))
X509_OBJECT_get_type         = gil  (c_int,   X509_OBJECT, since=(1, 1, 0))
X509_OBJECT_get0_X509        = gil  (X509,    X509_OBJECT, since=(1, 1, 0))
X509_OBJECT_get0_X509_CRL    = gil  (X509_CRL, X509_OBJECT, since=(1, 1, 0))
X509_OBJECT_free             = gil  (None,    X509_OBJECT, since=(1, 1, 0))

# --- what a verification demands
X509_VERIFY_PARAM_get_flags  = gil  (c_ulong, X509_VERIFY_PARAM)
X509_VERIFY_PARAM_set_flags  = gil  (c_int,   X509_VERIFY_PARAM, c_ulong)
X509_VERIFY_PARAM_clear_flags = gil (c_int,   X509_VERIFY_PARAM, c_ulong)
X509_VERIFY_PARAM_set_hostflags = gil(None,   X509_VERIFY_PARAM, c_uint)
X509_VERIFY_PARAM_set1_host  = gil  (c_int,   X509_VERIFY_PARAM, cstr, c_size_t)
X509_VERIFY_PARAM_set1_ip    = gil  (c_int,   X509_VERIFY_PARAM, cstr, c_size_t)

# --- Diffie-Hellman parameters
PEM_read_bio_DHparams        = nogil(DH,      BIO, ptr, ptr, ptr, optional=True)
DH_free                      = gil  (None,    DH, optional=True)

# --- stacks
OPENSSL_sk_num               = gil  (c_int,   STACK, was="sk_num")
OPENSSL_sk_value             = gil  (ptr,     STACK, c_int, was="sk_value")
OPENSSL_sk_new_null          = gil  (STACK,   was="sk_new_null")
OPENSSL_sk_free              = gil  (None,    STACK, was="sk_free")
# fmt: on

bind(globals(), PAIR.crypto_handle)

if not BIO_up_ref:  # 1.0.2: fields of structs
    from ._openssl102 import (  # type: ignore[assignment]  # noqa: F401  # the rows of later ones
        BIO_up_ref,
        X509_OBJECT_get0_X509,
        X509_OBJECT_get_type,
        X509_STORE_get0_objects,
    )

_BIO_CTRL_FLUSH = 11
_BIO_C_SET_BUFF_SIZE = 117
_BIO_C_SET_BUF_MEM_EOF_RETURN = 130
_BIO_FLAGS_SHOULD_RETRY = 0x08
_FOR_WRITING = 1
_BIO_CTRL_GET_KTLS_SEND = 73
_BIO_CTRL_GET_KTLS_RECV = 76


def BIO_flush(bio: Any) -> bool:
    """Whether all has gone that was gathered. BIO_flush(3)"""
    return bool(BIO_ctrl(bio, _BIO_CTRL_FLUSH, 0, None) > 0)


def BIO_should_retry(bio: Any) -> bool:
    """Whether what it could not do may be done later. BIO_should_retry(3)"""
    return bool(BIO_test_flags(bio, _BIO_FLAGS_SHOULD_RETRY))


def BIO_set_write_buffer_size(bio: Any, size: int) -> bool:
    """Whether there is room for `size` bytes. BIO_f_buffer(3)"""
    return bool(BIO_int_ctrl(bio, _BIO_C_SET_BUFF_SIZE, size, _FOR_WRITING) > 0)


def BIO_set_mem_eof_return(bio: Any, value: int) -> None:
    """What reading from an empty memory BIO returns; at first -1, to be tried again.

    BIO_s_mem(3)
    """
    BIO_ctrl(bio, _BIO_C_SET_BUF_MEM_EOF_RETURN, value, None)


def BIO_get_ktls_send(bio: Any) -> bool:
    """Whether the kernel encrypts for this BIO; since 3.0. BIO_get_ktls_send(3)"""
    return FOUND >= (3, 0, 0) and BIO_ctrl(bio, _BIO_CTRL_GET_KTLS_SEND, 0, None) > 0


def BIO_get_ktls_recv(bio: Any) -> bool:
    """Whether the kernel decrypts for this BIO; since 3.0. BIO_get_ktls_recv(3)"""
    return FOUND >= (3, 0, 0) and BIO_ctrl(bio, _BIO_CTRL_GET_KTLS_RECV, 0, None) > 0


def OPENSSL_free(address: Any) -> None:
    """Free what OpenSSL allocated for the caller. OPENSSL_malloc(3)"""
    if FOUND >= (1, 1, 0):
        CRYPTO_free(address, b"", 0)
    else:
        CRYPTO_free(address)


def asn1_string(address: Any) -> bytes:
    """The bytes of an `ASN1_STRING*`. ASN1_STRING_get0_data(3)"""
    return string_at(ASN1_STRING_get0_data(address), ASN1_STRING_length(address))
