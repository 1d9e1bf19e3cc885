"""What the library has: versions, groups and ciphers, and the roots that it trusts.

The first three are told in two parts: what today's programs use, and what else there is. Where the
library has no function that tells, it is tried out.
"""

from __future__ import annotations

import os
import re
import socket
import warnings

from ._features import HAS_GET_GROUPS, HAS_SSLv3, cipher_list
from ._loopback import connected, contexts
from ._report import Facts
from ._throwaway import Throwaway
from .constants import PROTOCOL_TLS_CLIENT, TLSVersion
from .context import SSLContext
from .defaults import get_default_verify_paths
from .errors import SSLError

EVERYTHING = "ALL:COMPLEMENTOFALL"
"""Every cipher, those without encryption or certificate too. openssl-ciphers(1)"""

LEGACY = cipher_list("DEFAULT:@SECLEVEL=0").decode()
"""What versions below TLS 1.2 need since OpenSSL 3.0. SSL_CTX_set_security_level(3)"""

_MORE_SUITES = (
    "TLS_AES_128_CCM_SHA256",
    "TLS_AES_128_CCM_8_SHA256",
    "TLS_SHA256_SHA256",
    "TLS_SHA384_SHA384",
)
"""Suites of TLS 1.3 that are off by default. RFC 8446 §B.4, RFC 9150"""

# Groups to try where nothing lists them, by the names that later releases give them
_GROUPS = (
    "x25519 secp256r1 x448 secp384r1 secp521r1 "
    "brainpoolP256r1tls13 brainpoolP384r1tls13 brainpoolP512r1tls13 "
    "ffdhe2048 ffdhe3072 ffdhe4096 ffdhe6144 ffdhe8192"
).split()
_OLD_GROUPS = (
    "brainpoolP256r1 brainpoolP384r1 brainpoolP512r1 "
    "secp160k1 secp160r1 secp160r2 secp192k1 secp192r1 secp224k1 secp224r1 secp256k1 "
    "sect163k1 sect163r1 sect163r2 sect193r1 sect193r2 sect233k1 sect233r1 sect239k1 "
    "sect283k1 sect283r1 sect409k1 sect409r1 sect571k1 sect571r1"
).split()
_NAMES_BEFORE_3 = {
    "x25519": "X25519",
    "x448": "X448",
    "secp256r1": "prime256v1",
    "secp192r1": "prime192v1",
}

# Where systems keep their roots, for a library that looks elsewhere
_USUAL_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, Red Hat
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # macOS, BSD
)
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")
"""What openssl-rehash(1) calls a certificate's file."""


def versions() -> Facts:
    """The protocol versions that a handshake succeeds with.

    Those below TLS 1.2 are never on by default, and most releases speak them only at security
    level 0. SSLv3 knows no certificate like ours: there the library's word must do.
    """
    throwaway = Throwaway()
    newer = TLSVersion.TLSv1_2, TLSVersion.TLSv1_3
    older = TLSVersion.TLSv1, TLSVersion.TLSv1_1
    default = [_name(version) for version in newer if _speaks(throwaway, version)]
    others = [_name(version) for version in older if _speaks(throwaway, version, LEGACY)]
    return {"default": default, "others": ["SSLv3", *others] if HAS_SSLv3 else others}


def _name(version: TLSVersion) -> str:
    """As `SSLSocket.version` tells it."""
    return version.name.replace("_", ".")


def _speaks(throwaway: Throwaway, version: TLSVersion, ciphers: str = "") -> bool:
    client, server = contexts(throwaway)
    try:
        for context in client, server:
            if ciphers:
                context.set_ciphers(ciphers)
            bound(context, version, version)
        with connected(client, server, socket.socketpair()):
            return True
    except (SSLError, ValueError):
        return False


def bound(context: SSLContext, lowest: TLSVersion | None, highest: TLSVersion | None) -> None:
    """Set a context's bounds, old versions without a warning: they were asked for.

    :raises ValueError: the library does not have the version.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        if lowest is not None:
            context.minimum_version = lowest
        if highest is not None:
            context.maximum_version = highest


def groups() -> Facts:
    """The groups for key agreement: those for TLS 1.3, and those for older versions alone."""
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    if not HAS_GET_GROUPS:
        return {
            "tls1.3": [name for name in _GROUPS if _knows(context, name)],
            "others": [name for name in _OLD_GROUPS if _knows(context, name)],
        }
    every = context.get_groups()
    context.minimum_version = TLSVersion.TLSv1_3
    newest = context.get_groups()
    return {"tls1.3": newest, "others": [name for name in every if name not in newest]}


def _knows(context: SSLContext, group: str) -> bool:
    for name in group, _NAMES_BEFORE_3.get(group):
        if name is not None:
            try:
                context.set_groups(name)
            except SSLError:
                continue
            return True
    return False


def ciphers() -> Facts:
    """The cipher suites, the preferred first."""
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    default = _names(context)
    context.set_ciphers(EVERYTHING)
    every = _names(context)
    for suite in _MORE_SUITES:
        try:
            context.set_ciphersuites(suite)
        except (SSLError, NotImplementedError):
            continue
        every += _names(context)
    return {
        "default": default,
        "others": [name for name in dict.fromkeys(every) if name not in default],
    }


def _names(context: SSLContext) -> list[str]:
    return [cipher["name"] for cipher in context.get_ciphers()]


def trust() -> Facts:
    """The default file and folder of authorities, how many there are, and what cannot be read.

    A folder's files are read as a verification would: those named by their hash.
    """
    paths = get_default_verify_paths()
    file = os.environ.get(paths.openssl_cafile_env, paths.openssl_cafile)
    folder = os.environ.get(paths.openssl_capath_env, paths.openssl_capath)
    context = SSLContext(PROTOCOL_TLS_CLIENT)
    unreadable = []
    for path in _files(file, folder):
        try:
            context.load_verify_locations(path)
        except OSError:  # an SSLError is one too: no certificate in it
            unreadable.append(path)
    roots = context.cert_store_stats()["x509_ca"]
    return {
        "file": _place(file, paths.openssl_cafile_env, os.path.isfile(file)),
        "folder": _place(
            folder,
            paths.openssl_capath_env,
            any(map(os.path.isdir, folder.split(os.pathsep))),
        ),
        "roots": roots,
        "unreadable": unreadable,
        "usual_file": None if roots else next(filter(os.path.isfile, _USUAL_FILES), None),
    }


def _place(path: str, variable: str, there: bool) -> Facts:
    return {"path": path, "there": there, "variable": variable, "set": variable in os.environ}


def _files(file: str, folder: str) -> list[str]:
    files = [file] if os.path.isfile(file) else []
    for part in folder.split(os.pathsep):
        if os.path.isdir(part):
            names = sorted(filter(_HASHED.fullmatch, os.listdir(part)))
            files += [os.path.join(part, name) for name in names]
    return files
