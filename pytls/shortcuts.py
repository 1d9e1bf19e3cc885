"""A context and a socket in one call."""

from __future__ import annotations

import socket as _socket
from socket import AF_INET, SO_TYPE, SOCK_STREAM, SOL_SOCKET, create_connection

from ._types import Any
from .constants import CERT_NONE, CERT_REQUIRED, PROTOCOL_TLS, PROTOCOL_TLS_CLIENT
from .context import SSLContext
from .defaults import _create_stdlib_context
from .x509 import DER_cert_to_PEM_cert

__all__ = [
    # `ssl` has imported these for itself, and programs have come to take them from there
    "AF_INET",
    "SOCK_STREAM",
    "SOL_SOCKET",
    "SO_TYPE",
    "create_connection",
    "get_server_certificate",
    "wrap_socket",
]


def wrap_socket(
    sock: _socket.socket,
    keyfile: Any = None,
    certfile: Any = None,
    server_side: bool = False,
    cert_reqs: int = CERT_NONE,
    ssl_version: int = PROTOCOL_TLS,
    ca_certs: Any = None,
    do_handshake_on_connect: bool = True,
    suppress_ragged_eofs: bool = True,
    ciphers: str | None = None,
) -> Any:
    """Take over `sock` and put TLS on it, with a context of its own.

    It checks no host name and sends none: see `SSLContext.wrap_socket` for more.

    :param keyfile, certfile: as for `SSLContext.load_cert_chain`; a server must have them.
    :param cert_reqs: one of CERT_*: what is demanded of the peer's certificate.
    :param ca_certs: the path of the authorities' PEM file.
    :param ciphers: as for `SSLContext.set_ciphers`.
    :returns: an `SSLSocket`.
    :raises ValueError: a certificate is missing for a server or for `keyfile`.
    :raises SSLError: the handshake failed.

    Source: `ssl.wrap_socket` of Python 3.2 to 3.11.
    """
    if server_side and not certfile:
        raise ValueError("certfile must be specified for server-side operations")
    if keyfile and not certfile:
        raise ValueError("certfile must be specified")
    context = SSLContext._make(ssl_version)
    context.verify_mode = cert_reqs
    if ca_certs:
        context.load_verify_locations(ca_certs)
    if certfile:
        context.load_cert_chain(certfile, keyfile)
    if ciphers:
        context.set_ciphers(ciphers)
    return context.wrap_socket(
        sock,
        server_side=server_side,
        do_handshake_on_connect=do_handshake_on_connect,
        suppress_ragged_eofs=suppress_ragged_eofs,
    )


def get_server_certificate(
    addr: tuple[str, int],
    ssl_version: int = PROTOCOL_TLS_CLIENT,
    ca_certs: Any = None,
    timeout: Any = _socket._GLOBAL_DEFAULT_TIMEOUT,  # type: ignore[attr-defined]  # `ssl`'s default
) -> str:
    """The certificate of the server at `addr`, PEM.

    :param addr: host and port.
    :param ca_certs: the path of the authorities' PEM file; without it, nothing is verified.
    :param timeout: seconds; by default `socket.getdefaulttimeout()`.
    :raises OSError: no connection. SSLError: no handshake, or the certificate was refused.

    Source: `ssl.get_server_certificate`.
    """
    host, _ = addr
    context = _create_stdlib_context(
        ssl_version,  # type: ignore[arg-type]  # an int will do
        cert_reqs=CERT_NONE if ca_certs is None else CERT_REQUIRED,
        cafile=ca_certs,
    )
    sock = _socket.create_connection(addr, timeout=timeout)
    with sock, context.wrap_socket(sock, server_hostname=host) as connection:
        certificate = connection.getpeercert(True)
    return DER_cert_to_PEM_cert(certificate)
