"""Contexts with today's best settings, and where the library looks for authorities."""

from __future__ import annotations

import os
import sys
from collections import namedtuple

from . import _features as features
from . import _libcrypto as C
from . import _python as python
from ._types import Any
from .constants import (
    CERT_NONE,
    CERT_REQUIRED,
    PROTOCOL_TLS,
    PROTOCOL_TLS_CLIENT,
    PROTOCOL_TLS_SERVER,
    VERIFY_X509_PARTIAL_CHAIN,
    VERIFY_X509_STRICT,
    _SSLMethod,
)
from .context import SSLContext
from .x509 import Purpose, _ASN1Object


class DefaultVerifyPaths(
    namedtuple(
        "DefaultVerifyPaths",
        "cafile capath openssl_cafile_env openssl_cafile openssl_capath_env openssl_capath",
    )
):
    """Where OpenSSL looks for authorities: what there is, and what it was built with.

    Source: `ssl.DefaultVerifyPaths`.
    """

    __slots__ = ()

    cafile: str | None
    capath: str | None
    openssl_cafile_env: str
    openssl_cafile: str
    openssl_capath_env: str
    openssl_capath: str


def get_default_verify_paths() -> DefaultVerifyPaths:
    """The default file and folder of authorities; None where there is none.

    Source: `ssl.get_default_verify_paths`; X509_get_default_cert_file(3).
    """
    file_env, file, folder_env, folder = (
        os.fsdecode(function())
        for function in (
            C.X509_get_default_cert_file_env,
            C.X509_get_default_cert_file,
            C.X509_get_default_cert_dir_env,
            C.X509_get_default_cert_dir,
        )
    )
    cafile = os.environ.get(file_env, file)
    capath = os.environ.get(folder_env, folder)
    return DefaultVerifyPaths(
        cafile if os.path.isfile(cafile) else None,
        capath if os.path.isdir(capath) else None,
        file_env,
        file,
        folder_env,
        folder,
    )


def create_default_context(
    purpose: Any = Purpose.SERVER_AUTH,
    *,
    cafile: Any = None,
    capath: Any = None,
    cadata: Any = None,
) -> SSLContext:
    """A context with the settings that are best today.

    :param purpose: whom to authenticate: Purpose.SERVER_AUTH for clients, which verify the peer
        and its name; Purpose.CLIENT_AUTH for servers.
    :param cafile, capath, cadata: authorities, as for `SSLContext.load_verify_locations`; by
        default the system's.
    :returns: from Python 3.13 on with VERIFY_X509_STRICT and VERIFY_X509_PARTIAL_CHAIN; with a
        key log where the environment's SSLKEYLOGFILE says so.
    :raises TypeError, ValueError: `purpose` is none, or another one.

    Source: `ssl.create_default_context`.
    """
    context = SSLContext(_protocol_for(purpose))
    if purpose == Purpose.SERVER_AUTH:
        context.verify_mode = CERT_REQUIRED
        context.check_hostname = True
    if python.STRICT:
        context.verify_flags |= VERIFY_X509_PARTIAL_CHAIN | VERIFY_X509_STRICT
    _load(context, purpose, cafile, capath, cadata)
    return context


def _create_unverified_context(
    protocol: _SSLMethod | None = None,
    *,
    cert_reqs: int = CERT_NONE,
    check_hostname: bool = False,
    purpose: Any = Purpose.SERVER_AUTH,
    certfile: Any = None,
    keyfile: Any = None,
    cafile: Any = None,
    capath: Any = None,
    cadata: Any = None,
) -> SSLContext:
    """A context that believes everybody unless told otherwise.

    The standard library's modules took it before there were better defaults.

    Source: `ssl._create_unverified_context`.
    """
    by_purpose = _protocol_for(purpose)
    context = SSLContext(by_purpose if protocol is None else protocol)
    context.check_hostname = check_hostname
    if cert_reqs is not None:
        context.verify_mode = cert_reqs
    if check_hostname:
        context.check_hostname = True
    if keyfile and not certfile:
        raise ValueError("certfile must be specified")
    if certfile or keyfile:
        context.load_cert_chain(certfile, keyfile)
    _load(context, purpose, cafile, capath, cadata)
    return context


def _protocol_for(purpose: Any) -> _SSLMethod:
    if not isinstance(purpose, _ASN1Object):
        raise TypeError(purpose)
    if purpose not in (Purpose.SERVER_AUTH, Purpose.CLIENT_AUTH):
        raise ValueError(purpose)
    if not python.SIDES:
        return PROTOCOL_TLS
    return PROTOCOL_TLS_CLIENT if purpose == Purpose.SERVER_AUTH else PROTOCOL_TLS_SERVER


def _load(context: SSLContext, purpose: Any, cafile: Any, capath: Any, cadata: Any) -> None:
    if cafile or capath or cadata:
        context.load_verify_locations(cafile, capath, cadata)
    elif context.verify_mode != CERT_NONE:
        context.load_default_certs(purpose)
    keylog = os.environ.get("SSLKEYLOGFILE")
    if keylog and features.HAS_KEYLOG and not sys.flags.ignore_environment:
        context.keylog_filename = keylog


_create_default_https_context = create_default_context
_create_stdlib_context = _create_unverified_context
