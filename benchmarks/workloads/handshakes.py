"""Handshakes: full and resumed, verified, the host name checked, ECDSA on P-256."""

from __future__ import annotations

import socket
from typing import Any

from benchmarks import credentials

from .registry import Run, Site, workload


def _full_client(site: Site, version: str) -> Run:
    context = site.tls.client_context(version)

    def run(turns: int) -> None:
        for _ in range(turns):
            site.tls.connect(context, site.plain("greet", version=version)).close()

    return run


@workload("handshake13-client", "handshake, TLS 1.3, client", unit="/s", reach=1.0)
def client13(site: Site) -> Run:
    return _full_client(site, "1.3")


@workload("handshake12-client", "handshake, TLS 1.2, client", unit="/s", reach=1.0)
def client12(site: Site) -> Run:
    return _full_client(site, "1.2")


def _full_server(site: Site, version: str) -> Run:
    context = site.tls.server_context(version)
    listener = socket.create_server((credentials.LOOPBACK, 0), backlog=128)
    control = site.plain("connect", listener.getsockname()[1], version)

    def run(turns: int) -> None:
        control.sendall(b"%8d" % turns)
        for _ in range(turns):
            sock, _ = listener.accept()
            site.tls.accept(context, sock).close()

    return run


@workload("handshake13-server", "handshake, TLS 1.3, server", unit="/s", reach=1.0)
def server13(site: Site) -> Run:
    return _full_server(site, "1.3")


@workload("handshake12-server", "handshake, TLS 1.2, server", unit="/s", reach=1.0)
def server12(site: Site) -> Run:
    return _full_server(site, "1.2")


def _resumed(site: Site, version: str) -> Run:
    context = site.tls.client_context(version)

    def connect(session: Any) -> Any:
        connection = site.tls.connect(context, site.plain("greet", 1, version), session)
        connection.recv(1)  # TLS 1.3's tickets come before it
        return connection

    with_session = connect(None)
    first = site.tls.session(with_session)
    with_session.close()

    def run(turns: int) -> None:
        session = first
        for _ in range(turns):
            connection = connect(session)
            if not site.tls.reused(connection):
                raise RuntimeError("the session was not resumed")
            session = site.tls.session(connection)
            connection.close()

    return run


@workload("resume13", "resumed handshake, TLS 1.3, client", unit="/s", reach=1.3)
def resumed13(site: Site) -> Run:
    return _resumed(site, "1.3")


@workload("resume12", "resumed handshake, TLS 1.2, client", unit="/s", reach=1.8)
def resumed12(site: Site) -> Run:
    return _resumed(site, "1.2")
