"""libssl as a table: one row per C function; below it, the macros that are calls of `ctrl`.

An opaque pointer is a `c_void_p`; NULL is None. `_declare` says what a row may add.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    byref,
    c_char_p,
    c_int,
    c_long,
    c_size_t,
    c_ssize_t,
    c_ubyte,
    c_uint,
    c_uint32,
    c_uint64,
    c_ulong,
)

from ._declare import FOUND, bind, gil, keeping_gil, nogil
from ._libcrypto import BIO, EVP_PKEY, STACK, X509, X509_STORE, X509_VERIFY_PARAM, ptr
from ._loader import PAIR
from ._types import Any

cstr = c_char_p
SSL = SSL_CTX = SSL_METHOD = SSL_CIPHER = SSL_SESSION = ptr

# 64 bits since 3.0, and a function only since 1.1.0
options_t = c_uint64 if FOUND >= (3, 0, 0) else c_ulong

alpn_select_cb = CFUNCTYPE(c_int, SSL, POINTER(ptr), POINTER(c_ubyte), ptr, c_uint, ptr)
keylog_cb = CFUNCTYPE(None, SSL, cstr)
msg_cb = CFUNCTYPE(None, c_int, c_int, c_int, ptr, c_size_t, SSL, ptr)
psk_client_cb = CFUNCTYPE(c_uint, SSL, cstr, ptr, c_uint, ptr, c_uint)
psk_server_cb = CFUNCTYPE(c_uint, SSL, cstr, ptr, c_uint)
psk_use_cb = CFUNCTYPE(c_int, SSL, ptr, POINTER(ptr), POINTER(c_size_t), POINTER(ptr))
psk_session_cb = CFUNCTYPE(c_int, SSL, ptr, c_size_t, POINTER(ptr))
cert_cb = CFUNCTYPE(c_int, SSL, ptr)
servername_cb = CFUNCTYPE(c_int, SSL, POINTER(c_int), ptr)

# fmt: off
#                                    result, arguments
# --- the engine
SSL_new                      = gil  (SSL,     SSL_CTX)
SSL_free                     = nogil(None,    SSL)
SSL_set_fd                   = gil  (c_int,   SSL, c_int)
SSL_set_bio                  = gil  (None,    SSL, BIO, BIO)              # takes both over
SSL_set0_wbio                = gil  (None,    SSL, BIO, since=(1, 1, 0))  # takes it over
SSL_set_connect_state        = gil  (None,    SSL)
SSL_set_accept_state         = gil  (None,    SSL)
SSL_do_handshake             = nogil(c_int,   SSL, hot=True, errno=True)
SSL_read                     = nogil(c_int,   SSL, ptr, c_int, hot=True, errno=True)
SSL_write                    = nogil(c_int,   SSL, ptr, c_int, hot=True, errno=True)
SSL_write_ex                 = nogil(c_int,   SSL, ptr, c_size_t, POINTER(c_size_t),
                                     since=(1, 1, 1), errno=True)
SSL_shutdown                 = nogil(c_int,   SSL, hot=True, errno=True)
SSL_sendfile                 = nogil(c_ssize_t, SSL, c_int, c_long, c_size_t, c_int,
                                     since=(3, 0, 0), errno=True)
SSL_get_error                = gil  (c_int,   SSL, c_int, hot=True)
SSL_pending                  = gil  (c_int,   SSL, hot=True)
SSL_get_quiet_shutdown       = gil  (c_int,   SSL)
SSL_get_shutdown             = gil  (c_int,   SSL)
SSL_set_shutdown             = gil  (None,    SSL, c_int)
SSL_is_init_finished         = gil  (c_int,   SSL, since=(1, 1, 0))
SSL_in_before                = gil  (c_int,   SSL, since=(1, 1, 0))
SSL_want                     = gil  (c_int,   SSL)
SSL_state                    = gil  (c_int,   SSL, until=(1, 1, 0))
SSL_ctrl                     = nogil(c_long,  SSL, c_int, c_long, ptr)
SSL_get_rbio                 = gil  (BIO,     SSL)
SSL_get_wbio                 = gil  (BIO,     SSL)

# --- what was agreed on
SSL_version                  = gil  (c_int,   SSL)
SSL_get_version              = gil  (cstr,    SSL)
SSL_get_current_cipher       = gil  (SSL_CIPHER, SSL)
SSL_get_current_compression  = gil  (ptr,     SSL)
SSL_COMP_get_name            = gil  (cstr,    ptr)
SSL_get_ciphers              = gil  (STACK,   SSL)
SSL_get_client_ciphers       = gil  (STACK,   SSL, since=(1, 1, 0))
SSL_get_shared_ciphers       = gil  (cstr,    SSL, ptr, c_int)
SSL_get0_alpn_selected       = gil  (None,    SSL, POINTER(ptr), POINTER(c_uint))
SSL_get_finished             = gil  (c_size_t, SSL, ptr, c_size_t)
SSL_get_peer_finished        = gil  (c_size_t, SSL, ptr, c_size_t)
SSL_session_reused           = gil  (c_int,   SSL, since=(1, 1, 0))
SSL_get_psk_identity         = gil  (cstr,    SSL, optional=True)
SSL_get_servername           = gil  (cstr,    SSL, c_int)
SSL_get0_group_name          = gil  (cstr,    SSL, since=(3, 2, 0))

# --- ciphers
SSL_CIPHER_find              = gil  (SSL_CIPHER, SSL, cstr)
SSL_CIPHER_get_name          = gil  (cstr,    SSL_CIPHER)
SSL_CIPHER_get_version       = gil  (cstr,    SSL_CIPHER)
SSL_CIPHER_get_bits          = gil  (c_int,   SSL_CIPHER, POINTER(c_int))
SSL_CIPHER_get_id            = gil  (c_uint32 if FOUND >= (1, 1, 0) else c_ulong, SSL_CIPHER)
SSL_CIPHER_description       = gil  (cstr,    SSL_CIPHER, ptr, c_int)
SSL_CIPHER_is_aead           = gil  (c_int,   SSL_CIPHER, since=(1, 1, 0))
SSL_CIPHER_get_cipher_nid    = gil  (c_int,   SSL_CIPHER, since=(1, 1, 0))
SSL_CIPHER_get_digest_nid    = gil  (c_int,   SSL_CIPHER, since=(1, 1, 0))
SSL_CIPHER_get_kx_nid        = gil  (c_int,   SSL_CIPHER, since=(1, 1, 0))
SSL_CIPHER_get_auth_nid      = gil  (c_int,   SSL_CIPHER, since=(1, 1, 0))

# --- the peer
SSL_get1_peer_certificate    = gil  (X509,    SSL, was="SSL_get_peer_certificate")
SSL_get_peer_cert_chain      = gil  (STACK,   SSL)                        # borrowed
SSL_get0_verified_chain      = gil  (STACK,   SSL, since=(1, 1, 0))       # borrowed
SSL_get_verify_result        = gil  (c_long,  SSL)
SSL_get_verify_mode          = gil  (c_int,   SSL)
SSL_set_verify               = gil  (None,    SSL, c_int, ptr)
SSL_get0_param               = gil  (X509_VERIFY_PARAM, SSL)
SSL_set_post_handshake_auth  = gil  (None,    SSL, c_int, since=(1, 1, 1))
SSL_verify_client_post_handshake = gil(c_int, SSL, since=(1, 1, 1))

# --- sessions
SSL_get1_session             = gil  (SSL_SESSION, SSL)
SSL_set_session              = gil  (c_int,   SSL, SSL_SESSION)           # adds a reference
SSL_set_session_id_context   = gil  (c_int,   SSL, cstr, c_uint)
SSL_SESSION_free             = gil  (None,    SSL_SESSION)
SSL_SESSION_new              = gil  (SSL_SESSION)
SSL_SESSION_set1_master_key  = gil  (c_int,   SSL_SESSION, cstr, c_size_t, since=(1, 1, 1))
SSL_SESSION_set_cipher       = gil  (c_int,   SSL_SESSION, SSL_CIPHER, since=(1, 1, 1))
SSL_SESSION_set_protocol_version = gil(c_int, SSL_SESSION, c_int, since=(1, 1, 1))
SSL_SESSION_get_id           = gil  (ptr,     SSL_SESSION, POINTER(c_uint))
SSL_SESSION_get_time         = gil  (c_long,  SSL_SESSION, optional=True)
SSL_SESSION_get_timeout      = gil  (c_long,  SSL_SESSION)
i2d_SSL_SESSION              = gil  (c_int,   SSL_SESSION, POINTER(ptr))
SSL_SESSION_has_ticket       = gil  (c_int,   SSL_SESSION, since=(1, 1, 0))
SSL_SESSION_get_ticket_lifetime_hint = gil(c_ulong, SSL_SESSION, since=(1, 1, 0))
SSL_get1_builtin_sigalgs     = nogil(ptr,     ptr, since=(3, 4, 0))       # caller frees

# --- contexts
TLS_method                   = gil  (SSL_METHOD, was="SSLv23_method")
TLS_client_method            = gil  (SSL_METHOD, was="SSLv23_client_method")
TLS_server_method            = gil  (SSL_METHOD, was="SSLv23_server_method")
SSLv2_method                 = gil  (SSL_METHOD, until=(1, 1, 0), optional=True)
SSLv3_method                 = gil  (SSL_METHOD, until=(4, 0, 0), optional=True)
TLSv1_method                 = gil  (SSL_METHOD, until=(4, 0, 0), optional=True)
TLSv1_1_method               = gil  (SSL_METHOD, until=(4, 0, 0), optional=True)
TLSv1_2_method               = gil  (SSL_METHOD, until=(4, 0, 0), optional=True)
SSL_CTX_new                  = nogil(SSL_CTX, SSL_METHOD)
SSL_CTX_free                 = nogil(None,    SSL_CTX)
SSL_CTX_ctrl                 = nogil(c_long,  SSL_CTX, c_int, c_long, ptr)
SSL_CTX_callback_ctrl        = gil  (c_long,  SSL_CTX, c_int, ptr)
SSL_CTX_get_options          = gil  (options_t, SSL_CTX, since=(1, 1, 0))
SSL_CTX_set_options          = gil  (options_t, SSL_CTX, options_t, since=(1, 1, 0))
SSL_CTX_clear_options        = gil  (options_t, SSL_CTX, options_t, since=(1, 1, 0))
SSL_CTX_get_security_level   = gil  (c_int,   SSL_CTX, since=(1, 1, 0))
SSL_CTX_set_cipher_list      = nogil(c_int,   SSL_CTX, cstr)
SSL_CTX_set_ciphersuites     = nogil(c_int,   SSL_CTX, cstr, since=(1, 1, 1))
SSL_CTX_set_num_tickets      = gil  (c_int,   SSL_CTX, c_size_t, since=(1, 1, 1))
SSL_CTX_get_num_tickets      = gil  (c_size_t, SSL_CTX, since=(1, 1, 1))
SSL_CTX_set_alpn_protos      = gil  (c_int,   SSL_CTX, cstr, c_uint)      # 0 means success
SSL_CTX_set_alpn_select_cb   = gil  (None,    SSL_CTX, ptr, ptr)
SSL_CTX_set_keylog_callback  = gil  (None,    SSL_CTX, ptr, since=(1, 1, 1))
SSL_CTX_set_msg_callback     = gil  (None,    SSL_CTX, ptr)
SSL_CTX_set_psk_client_callback = gil(None,   SSL_CTX, ptr, optional=True)
SSL_CTX_set_psk_server_callback = gil(None,   SSL_CTX, ptr, optional=True)
SSL_CTX_set_psk_find_session_callback = gil(None, SSL_CTX, ptr, since=(1, 1, 1))
SSL_CTX_set_psk_use_session_callback = gil(None, SSL_CTX, ptr, since=(1, 1, 1))
SSL_CTX_set_cert_cb          = gil  (None,    SSL_CTX, ptr, ptr)
SSL_set_psk_server_callback  = gil  (None,    SSL, ptr, optional=True)
SSL_CTX_use_psk_identity_hint = gil (c_int,   SSL_CTX, cstr, optional=True)
SSL_set_SSL_CTX              = gil  (SSL_CTX, SSL, SSL_CTX)

# --- trust and credentials of a context
SSL_CTX_get_verify_mode      = gil  (c_int,   SSL_CTX)
SSL_CTX_set_verify           = gil  (None,    SSL_CTX, c_int, ptr)
SSL_CTX_get0_param           = gil  (X509_VERIFY_PARAM, SSL_CTX)
SSL_CTX_get_cert_store       = gil  (X509_STORE, SSL_CTX)                 # borrowed
SSL_CTX_set_cert_store       = nogil(None,    SSL_CTX, X509_STORE)         # takes it over
SSL_CTX_set1_cert_store      = nogil(None,    SSL_CTX, X509_STORE, since=(1, 1, 1))
SSL_CTX_set_default_verify_dir = nogil(c_int, SSL_CTX, since=(1, 1, 0))
SSL_CTX_set_default_verify_store = nogil(c_int, SSL_CTX, since=(3, 0, 0))
SSL_CTX_set_default_verify_paths = nogil(c_int, SSL_CTX)
SSL_CTX_load_verify_locations = nogil(c_int,  SSL_CTX, cstr, cstr, errno=True)
SSL_CTX_use_certificate_chain_file = nogil(c_int, SSL_CTX, cstr, errno=True)
SSL_CTX_use_PrivateKey_file  = nogil(c_int,   SSL_CTX, cstr, c_int, errno=True)
SSL_CTX_use_certificate      = nogil(c_int,   SSL_CTX, X509)              # adds a reference
SSL_CTX_use_PrivateKey       = nogil(c_int,   SSL_CTX, EVP_PKEY)          # adds a reference
SSL_CTX_check_private_key    = nogil(c_int,   SSL_CTX)
SSL_CTX_set_default_passwd_cb = gil (None,    SSL_CTX, ptr)
# fmt: on

bind(globals(), PAIR.ssl_handle)

SSL_read_short, SSL_write_short = keeping_gil(SSL_read), keeping_gil(SSL_write)

_SSL_CTRL_SET_TMP_DH = 3
_SSL_CTRL_GET_SESSION_REUSED = 8
_SSL_CTRL_OPTIONS = 32
_SSL_CTRL_MODE = 33
_SSL_CTRL_SET_TLSEXT_SERVERNAME_CB = 53
_SSL_CTRL_SET_TLSEXT_HOSTNAME = 55
_SSL_CTRL_CLEAR_OPTIONS = 77
_SSL_CTRL_SET_GROUPS = 91
_SSL_CTRL_SET_GROUPS_LIST = 92
_SSL_CTRL_SET_ECDH_AUTO = 94
_SSL_CTRL_SET_SIGALGS_LIST = 98
_SSL_CTRL_SET_CLIENT_SIGALGS_LIST = 102
_SSL_CTRL_SET_MIN_PROTO_VERSION = 123
_SSL_CTRL_SET_MAX_PROTO_VERSION = 124
_SSL_CTRL_GET_MIN_PROTO_VERSION = 130
_SSL_CTRL_GET_MAX_PROTO_VERSION = 131
_SSL_CTRL_GET0_IMPLEMENTED_GROUPS = 139
_SSL_CTRL_GET_SIGNATURE_NAME = 140
_SSL_CTRL_GET_PEER_SIGNATURE_NAME = 141

_SSL_ST_OK = 0x03  # 1.0.2: the handshake is done
_SSL_ST_BEFORE = 0x4000  # 1.0.2: it has not begun

SSL_MODE_AUTO_RETRY = 0x04
SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER = 0x02
SSL_MODE_RELEASE_BUFFERS = 0x10

SSL_VERIFY_PEER = 0x01
SSL_VERIFY_FAIL_IF_NO_PEER_CERT = 0x02
SSL_VERIFY_POST_HANDSHAKE = 0x08

PSK_MAX_IDENTITY_LEN, PSK_MAX_PSK_LEN = (256, 512) if FOUND >= (3, 0, 0) else (128, 256)

SSL_WRITING = 2
SSL_SENT_SHUTDOWN = 1
SSL_RECEIVED_SHUTDOWN = 2
SSL_TLSEXT_ERR_OK = 0
SSL_TLSEXT_ERR_ALERT_FATAL = 2
SSL_TLSEXT_ERR_NOACK = 3
SSL_FILETYPE_PEM = 1
TLSEXT_NAMETYPE_host_name = 0

# SSL_CTX_sess_number(3): the counters' names in `session_stats` and their ctrl
SESSION_COUNTERS = {
    "number": 20,
    "connect": 21,
    "connect_good": 22,
    "connect_renegotiate": 23,
    "accept": 24,
    "accept_good": 25,
    "accept_renegotiate": 26,
    "hits": 27,
    "misses": 29,
    "timeouts": 30,
    "cache_full": 31,
}

if not SSL_CTX_get_options:  # 1.0.2: macros

    def SSL_CTX_get_options(ctx: Any) -> Any:  # type: ignore[misc]  # the row of later releases
        return SSL_CTX_ctrl(ctx, _SSL_CTRL_OPTIONS, 0, None) & 0xFFFFFFFF

    def SSL_CTX_set_options(ctx: Any, options: int) -> Any:  # type: ignore[misc]  # the row of later releases
        return SSL_CTX_ctrl(ctx, _SSL_CTRL_OPTIONS, c_long(options).value, None)

    def SSL_CTX_clear_options(ctx: Any, options: int) -> Any:  # type: ignore[misc]  # the row of later releases
        return SSL_CTX_ctrl(ctx, _SSL_CTRL_CLEAR_OPTIONS, c_long(options).value, None)


if not SSL_is_init_finished:  # 1.0.2: macros

    def SSL_is_init_finished(ssl: Any) -> Any:  # type: ignore[misc]  # the row of later releases
        return SSL_state(ssl) == _SSL_ST_OK

    def SSL_in_before(ssl: Any) -> Any:  # type: ignore[misc]  # the row of later releases
        return SSL_state(ssl) & _SSL_ST_BEFORE

    def SSL_session_reused(ssl: Any) -> Any:  # type: ignore[misc]  # the row of later releases
        return SSL_ctrl(ssl, _SSL_CTRL_GET_SESSION_REUSED, 0, None)


def SSL_CTX_set_mode(ctx: Any, mode: int) -> None:
    """SSL_CTX_set_mode(3)"""
    SSL_CTX_ctrl(ctx, _SSL_CTRL_MODE, mode, None)


def SSL_set_tlsext_host_name(ssl: Any, name: bytes) -> int:
    """The name that SNI sends. SSL_set_tlsext_host_name(3), RFC 6066 §3"""
    return int(SSL_ctrl(ssl, _SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name))


def SSL_get0_signature_name(ssl: Any, of_peer: bool) -> Any:
    """The algorithm that this side, or the peer, has signed with; None: it has not. Since 3.5.

    SSL_get0_signature_name(3), SSL_get0_peer_signature_name(3)
    """
    name = c_char_p()
    ctrl = _SSL_CTRL_GET_PEER_SIGNATURE_NAME if of_peer else _SSL_CTRL_GET_SIGNATURE_NAME
    return name.value if SSL_ctrl(ssl, ctrl, 0, byref(name)) else None


def SSL_CTX_set_tlsext_servername_callback(ctx: Any, callback: Any) -> None:
    """SSL_CTX_set_tlsext_servername_callback(3)"""
    SSL_CTX_callback_ctrl(ctx, _SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, callback)


def SSL_CTX_set_tmp_dh(ctx: Any, dh: Any) -> int:
    """Copies `dh`. SSL_CTX_set_tmp_dh(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_SET_TMP_DH, 0, dh))


def SSL_CTX_set1_groups(ctx: Any, nid: int) -> int:
    """Allow the one group `nid`. SSL_CTX_set1_groups(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_SET_GROUPS, 1, (c_int * 1)(nid)))


def SSL_CTX_set1_groups_list(ctx: Any, groups: bytes) -> int:
    """SSL_CTX_set1_groups_list(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_SET_GROUPS_LIST, 0, groups))


def SSL_CTX_get0_implemented_groups(ctx: Any, aliases: int, names: Any) -> int:
    """Fill the STACK_OF(OPENSSL_CSTRING) `names`; since 3.5. SSL_CTX_get0_implemented_groups(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_GET0_IMPLEMENTED_GROUPS, aliases, names))


def SSL_CTX_set1_sigalgs_list(ctx: Any, sigalgs: bytes) -> int:
    """SSL_CTX_set1_sigalgs_list(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_SET_SIGALGS_LIST, 0, sigalgs))


def SSL_CTX_set1_client_sigalgs_list(ctx: Any, sigalgs: bytes) -> int:
    """SSL_CTX_set1_client_sigalgs_list(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_SET_CLIENT_SIGALGS_LIST, 0, sigalgs))


def SSL_CTX_set_ecdh_auto(ctx: Any) -> None:
    """Choose a server's ECDH curve by itself; always on since 1.1.0. SSL_CTX_set1_curves(3)"""
    if FOUND < (1, 1, 0):
        SSL_CTX_ctrl(ctx, _SSL_CTRL_SET_ECDH_AUTO, 1, None)


def SSL_CTX_get_min_proto_version(ctx: Any) -> int:
    """0: the lowest there is. SSL_CTX_get_min_proto_version(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_GET_MIN_PROTO_VERSION, 0, None))


def SSL_CTX_get_max_proto_version(ctx: Any) -> int:
    """0: the highest there is. SSL_CTX_get_max_proto_version(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_GET_MAX_PROTO_VERSION, 0, None))


def SSL_CTX_set_min_proto_version(ctx: Any, version: int) -> int:
    """SSL_CTX_set_min_proto_version(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_SET_MIN_PROTO_VERSION, version, None))


def SSL_CTX_set_max_proto_version(ctx: Any, version: int) -> int:
    """SSL_CTX_set_max_proto_version(3)"""
    return int(SSL_CTX_ctrl(ctx, _SSL_CTRL_SET_MAX_PROTO_VERSION, version, None))


def session_counter(ctx: Any, name: str) -> int:
    """One of `SESSION_COUNTERS`. SSL_CTX_sess_number(3)"""
    return int(SSL_CTX_ctrl(ctx, SESSION_COUNTERS[name], 0, None))
