"""A Python that was built without OpenSSL, on a machine that has one."""

from __future__ import annotations

import re

import pytest
from bare import BarePython
from pki import Pki

LOOP = """
import asyncio, sys, warnings
import ssl

async def echo(reader, writer):
    writer.write(await reader.readline())
    writer.close()

async def main(both, ca):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(both)
    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=context)
    reader, writer = await asyncio.open_connection(
        "localhost", server.sockets[0].getsockname()[1], ssl=ssl.create_default_context(cafile=ca)
    )
    writer.write(b"hello\\n")
    print(await reader.read(), type(writer.get_extra_info("ssl_object")).__module__)
    writer.close()
    server.close()

asyncio.run(main(*sys.argv[1:]))
"""

HTTPS = """
import http.client, http.server, ssl, sys, threading, urllib.request

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
    def log_message(self, *_):
        pass

context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(sys.argv[1])
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()

url = f"https://localhost:{server.server_port}/"
context = ssl.create_default_context(cafile=sys.argv[2])
with urllib.request.urlopen(url, context=context) as response:
    print(response.read())
connection = http.client.HTTPSConnection("localhost", server.server_port)
try:
    connection.request("GET", "/")
except ssl.SSLCertVerificationError as error:
    print(error.verify_message)
server.shutdown()
"""

HASHES = """
import hashlib
print(sorted(hashlib.algorithms_available), hashlib.sha256(b"").hexdigest()[:8])
print(hasattr(hashlib, "pbkdf2_hmac"), hasattr(hashlib, "scrypt"))
"""

OTHERS = """
import ftplib, imaplib, poplib, smtplib, ssl
for maker in ftplib.FTP_TLS, imaplib.IMAP4_SSL, poplib.POP3_SSL, smtplib.SMTP_SSL:
    print(maker.__name__)
print(type(ftplib.FTP_TLS().context) is ssl.SSLContext, ssl.__name__)
"""


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> BarePython:
    """The interpreter that runs the tests, without what was linked to OpenSSL."""
    return BarePython(tmp_path_factory.mktemp("bare"))


def test_it_has_no_ssl(bare: BarePython) -> None:
    """Or nothing here would tell anything."""
    done = bare.run("-c", "import ssl")
    assert done.returncode == 1
    assert re.search("(?:No|library) module (?:named )?'_ssl'", done.stderr)

    done = bare.run("-c", "import http.client; http.client.HTTPSConnection")
    assert done.returncode == 1


@pytest.mark.parametrize(
    ("code", "printed"),
    [
        (LOOP, "b'hello\\n' pytls.object\n"),
        (HTTPS, "b'hello'\nunable to get local issuer certificate\n"),
        (OTHERS, "FTP_TLS\nIMAP4_SSL\nPOP3_SSL\nSMTP_SSL\nTrue pytls\n"),
    ],
    ids=["asyncio", "http.client", "others"],
)
def test_run_gives_it_tls(code: str, printed: str, bare: BarePython, pki: Pki) -> None:
    """The standard library finds `ssl` when it looks for it."""
    (bare.home / "program.py").write_text(code)

    done = bare.run("-m", "pytls", "run", "program.py", pki.server.both, pki.ca)

    assert (done.stdout, done.stderr) == (printed, "")


def test_hashes_stay_as_they_are(bare: BarePython) -> None:
    """They were of the same OpenSSL; `hashlib` does without, and is not touched."""
    alone = bare.run("-c", HASHES)
    injected = bare.run("-c", f"import pytls; pytls.inject_into_ssl(); import ssl{HASHES}")

    assert "'sha256'" in alone.stdout
    assert (injected.stdout, injected.stderr) == (alone.stdout, "")


def test_the_doctor_tells_that_all_is_well(bare: BarePython) -> None:
    """And that pytls is all there is."""
    done = bare.run("-m", "pytls", "doctor")

    assert done.returncode == 0, done.stdout
    assert re.search("(?:No|library) module (?:named )?'_ssl'", done.stdout)
