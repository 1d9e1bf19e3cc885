"""nginx as a server, http.client and urllib over pytls as its clients."""

from __future__ import annotations

import hashlib
import http.client
import os
import socket
import urllib.request
from typing import Any, Iterator

import pytest
from peers import DEADLINE, client_context, receive_all
from pki import HOSTNAME, LOOPBACK, Pki
from programs import free_port, program, running

import pytls

BODY = os.urandom(1 << 20)
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body-temp;
    proxy_temp_path {folder}/proxy-temp;
    fastcgi_temp_path {folder}/fastcgi-temp;
    uwsgi_temp_path {folder}/uwsgi-temp;
    scgi_temp_path {folder}/scgi-temp;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_session_cache shared:all:1m;
    ssl_certificate {chain};
    ssl_certificate_key {key};
    ssl_client_certificate {ca};
    ssl_verify_client optional;
    server {{
        listen {host}:{port} ssl;
        root {folder}/site;
        location /who {{
            return 200 "$ssl_protocol|$ssl_session_reused|$ssl_client_verify|$ssl_client_s_dn";
        }}
    }}
}}
"""


@pytest.fixture(scope="module")
def nginx(pki: Pki, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Nginx on a port of the loopback interface."""
    executable = program("nginx")
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    (folder / "site").mkdir()
    (folder / "site" / "body").write_bytes(BODY)
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(
        CONFIGURATION.format(
            folder=folder,
            host=LOOPBACK,
            port=port,
            chain=pki.server.chain,
            key=pki.server.key,
            ca=pki.ca,
        )
    )
    with running(executable, "-e", "stderr", "-p", str(folder), "-c", str(configuration)) as server:
        server.wait_for_port(port)
        yield port


def asked(context: Any, port: int, path: str) -> bytes:
    """The body of an answer, by http.client."""
    connection = http.client.HTTPSConnection(LOOPBACK, port, context=context, timeout=DEADLINE)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read()
    finally:
        connection.close()


def test_http_client_gets_a_megabyte(pki: Pki, nginx: int, tls_version: str) -> None:
    """http.client takes a context of pytls as one of its own."""
    body = asked(client_context(pytls, pki, tls_version), nginx, "/body")

    assert hashlib.sha256(body).digest() == hashlib.sha256(BODY).digest()


def test_urllib_gets_a_megabyte(pki: Pki, nginx: int, tls_version: str) -> None:
    """urllib.request does so too."""
    context = client_context(pytls, pki, tls_version)
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    with opener.open(f"https://{LOOPBACK}:{nginx}/body", timeout=DEADLINE) as answer:
        body = answer.read()

    assert hashlib.sha256(body).digest() == hashlib.sha256(BODY).digest()


def test_many_requests_go_over_one_connection(pki: Pki, nginx: int, tls_version: str) -> None:
    """Keep-alive."""
    context = client_context(pytls, pki, tls_version)
    connection = http.client.HTTPSConnection(LOOPBACK, nginx, context=context, timeout=DEADLINE)
    for _ in range(20):
        connection.request("GET", "/who")
        assert connection.getresponse().read().startswith(tls_version.encode())
    sock = connection.sock
    connection.request("GET", "/body")
    assert connection.getresponse().read() == BODY
    assert connection.sock is sock
    connection.close()


def test_nginx_sees_the_clients_certificate(pki: Pki, nginx: int, tls_version: str) -> None:
    """It verifies whose it is; without one it says NONE."""
    context = client_context(pytls, pki, tls_version)
    assert asked(context, nginx, "/who").split(b"|")[2:] == [b"NONE", b""]

    context.load_cert_chain(pki.client.both)
    _, _, verdict, name = asked(context, nginx, "/who").split(b"|")

    assert verdict == b"SUCCESS"
    assert b"CN=A client" in name


def test_a_session_of_nginx_is_resumed(pki: Pki, nginx: int, tls_version: str) -> None:
    """The second connection is reused, as both ends say; nginx ends with close_notify."""
    context = client_context(pytls, pki, tls_version)
    request = b"GET /who HTTP/1.0\r\n\r\n"
    session, answers = None, []
    for _ in range(2):
        with context.wrap_socket(
            socket.create_connection((LOOPBACK, nginx), DEADLINE),
            server_hostname=HOSTNAME,
            session=session,
            suppress_ragged_eofs=False,
        ) as client:
            client.sendall(request)
            reused = receive_all(client).rpartition(b"\r\n\r\n")[2].split(b"|")[1]
            answers.append((reused, client.session_reused))
            session = client.session

    assert answers == [(b".", False), (b"r", True)]


def test_the_certificate_of_nginx_is_fetched(pki: Pki, nginx: int) -> None:
    """get_server_certificate(), verified and not."""
    for options in {}, {"ca_certs": pki.ca}:
        pem = pytls.get_server_certificate((LOOPBACK, nginx), **options)
        assert pytls.PEM_cert_to_DER_cert(pem) == pki.server.der


def test_nginx_is_refused_under_another_name(pki: Pki, nginx: int, tls_version: str) -> None:
    """The certificate is not for that name."""
    context = client_context(pytls, pki, tls_version)
    with pytest.raises(pytls.SSLCertVerificationError, match="Hostname mismatch"):
        context.wrap_socket(
            socket.create_connection((LOOPBACK, nginx), DEADLINE), server_hostname="other.test"
        )
