"""Taking the place of `ssl`, each time in a process of its own."""

from __future__ import annotations

import sys

import pytest
from child import WITHOUT_SSL, python
from pki import Pki

EARLIER = """
import asyncio.sslproto, ftplib, http.client, imaplib, poplib, smtplib, urllib.request
import ssl as before
import pytls
"""
"""A program that has looked at `ssl` before pytls comes."""

SERVER = """
import http.server, threading

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(type(self.request).__module__.encode())

    def log_message(self, *_):
        pass

context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain({both!r})
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f"https://localhost:{{server.server_port}}/"
"""
"""A web server, with the certificate in the file `both`, that tells what its sockets are."""


@pytest.mark.difference(
    "more",
    "**`inject_into_ssl` and `extract_from_ssl`** take the place of `ssl` in a running "
    "program, and give it back.",
)
def test_whoever_imports_ssl_gets_pytls() -> None:
    """By each of the ways there are to import."""
    python(
        "import pytls; pytls.inject_into_ssl()\n"
        "import importlib, ssl; from ssl import SSLContext\n"
        "assert ssl is pytls is importlib.import_module('ssl') is __import__('ssl')\n"
        "assert SSLContext is pytls.SSLContext\n"
    )


def test_whoever_has_imported_it_before_follows() -> None:
    """The modules of the standard library make their contexts by pytls."""
    python(
        EARLIER + "pytls.inject_into_ssl()\n"
        "assert before.SSLContext is asyncio.sslproto.ssl.SSLContext is pytls.SSLContext\n"
        "assert type(http.client.HTTPSConnection('localhost')._context) is pytls.SSLContext\n"
        "assert type(ftplib.FTP_TLS().context) is pytls.SSLContext\n"
        "assert ftplib._SSLSocket is pytls.SSLSocket\n"
        "for module in (imaplib, poplib, smtplib):\n"
        "    assert type(module.ssl._create_stdlib_context()) is pytls.SSLContext, module\n"
        "assert before.wrap_socket is pytls.wrap_socket, 'what it never had, too'\n"
    )


def test_without_an_extension_module_there_is_one() -> None:
    """For those who look into `_ssl` themselves; it goes with the rest."""
    python(
        WITHOUT_SSL + "import pytls\n"
        "pytls.inject_into_ssl()\n"
        "import _ssl\n"
        "assert (_ssl.ENCODING_PEM, _ssl.ENCODING_DER) == (1, 2)\n"
        "assert _ssl.SSLError is pytls.SSLError and _ssl.MemoryBIO is pytls.MemoryBIO\n"
        "assert type(_ssl.CERT_REQUIRED) is int and _ssl.PROTO_TLSv1_3 == 0x304\n"
        "assert _ssl.HAS_SNI and _ssl.OPENSSL_VERSION == pytls.OPENSSL_VERSION\n"
        "pytls.extract_from_ssl()\n"
        "assert sys.modules['_ssl'] is None\n"
    )


def test_an_extension_module_that_is_there_stays() -> None:
    """The interpreter's own `ssl` goes on to need it."""
    pytest.importorskip("_ssl")
    python(
        "import _ssl as before, pytls\n"
        "pytls.inject_into_ssl()\n"
        "import _ssl\n"
        "assert _ssl is before and _ssl.MemoryBIO is not pytls.MemoryBIO\n"
    )


@pytest.mark.parametrize(
    "name", ["options", "minimum_version", "maximum_version", "verify_flags", "verify_mode"]
)
def test_a_replacement_for_the_context_reaches_its_settings(name: str) -> None:
    """Who puts a subclass in the place of SSLContext goes around it, as truststore does."""
    python(
        "import pytls; pytls.inject_into_ssl()\n"
        "import ssl\n"
        "original = ssl.SSLContext\n"
        "base = super(original, original)\n"
        "ssl.SSLContext = type('SSLContext', (original,), {})\n"
        "context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)\n"
        f"base.{name}.__set__(context, context.{name})\n"
        f"assert base.{name}.__get__(context) == context.{name}\n"
    )


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_page_is_fetched_through_it(pki: Pki, when: str) -> None:
    """urllib, imported before or after, and both ends of the connection are pytls's."""
    early, late = (EARLIER, "") if when == "before" else ("import pytls\n", "import urllib.request")
    answer = python(
        f"{early}pytls.inject_into_ssl()\nimport ssl\n{late}\n"
        + SERVER.format(both=pki.server.both)
        + f"trusting = ssl.create_default_context(cafile={pki.ca!r})\n"
        "print(urllib.request.urlopen(url, context=trusting).read().decode(), end='')\n"
    )
    assert answer == b"pytls.socket"


def test_what_was_made_before_goes_on_as_it_was() -> None:
    """A context of the interpreter's own `ssl` keeps its settings, and takes new ones."""
    python(
        EARLIER + "context = before.create_default_context()\n"
        "options = context.options\n"
        "create = before.create_default_context\n"
        "pytls.inject_into_ssl()\n"
        "context.options |= pytls.OP_NO_TICKET\n"
        "context.minimum_version = pytls.TLSVersion.TLSv1_3\n"
        "context.check_hostname = False\n"
        "context.verify_mode = pytls.CERT_NONE\n"
        "assert context.options == options | pytls.OP_NO_TICKET\n"
        "assert type(context) is type(create()) is not pytls.SSLContext\n"
    )


def test_what_one_sets_all_see() -> None:
    """A program that sets a name in `ssl`, as many do to switch verification off."""
    python(
        EARLIER + "pytls.inject_into_ssl()\n"
        "import ssl\n"
        "ssl._create_default_https_context = ssl._create_unverified_context\n"
        "unverified = http.client.HTTPSConnection('localhost')._context\n"
        "assert unverified.verify_mode == ssl.CERT_NONE\n"
        "before.new = 1\n"
        "assert ssl.new == 1 and pytls.new == 1\n"
        "del before.new\n"
        "assert not hasattr(ssl, 'new')\n"
    )


def test_it_is_undone_without_a_trace() -> None:
    """However often either was called; a second round works like the first."""
    python(
        EARLIER + "import sys\n"
        "names = dict(vars(before))\n"
        "kept = ftplib._SSLSocket\n"
        "for _ in range(2):\n"
        "    pytls.inject_into_ssl(); pytls.inject_into_ssl()\n"
        "    assert sys.modules['ssl'] is pytls\n"
        "    pytls.extract_from_ssl(); pytls.extract_from_ssl()\n"
        "    import ssl\n"
        "    assert ssl is before and type(ssl) is type(sys)\n"
        "    assert vars(ssl) == names and ftplib._SSLSocket is kept\n"
        "    assert type(http.client.HTTPSConnection('localhost')._context) is ssl.SSLContext\n"
    )


def test_undone_before_anybody_imported_ssl() -> None:
    """Then the next import finds the interpreter's own."""
    python(
        "import pytls; pytls.inject_into_ssl(); pytls.extract_from_ssl()\n"
        "import ssl\n"
        "assert ssl is not pytls and ssl.SSLContext is not pytls.SSLContext\n"
    )


def test_undoing_leaves_alone_what_somebody_else_has_put_there() -> None:
    """A third party that took the place in its turn keeps it."""
    python(
        "import sys, types, pytls\n"
        "pytls.inject_into_ssl()\n"
        "other = sys.modules['ssl'] = types.ModuleType('ssl')\n"
        "pytls.extract_from_ssl()\n"
        "assert sys.modules['ssl'] is other\n"
    )


def test_without_ssl_the_standard_library_has_tls(pki: Pki) -> None:
    """On a Python that was built without OpenSSL: HTTPS by urllib, TLS streams by asyncio."""
    answer = python(
        WITHOUT_SSL + "import pytls; pytls.inject_into_ssl()\n"
        "import asyncio, ssl, urllib.request\n"
        + SERVER.format(both=pki.server.both)
        + f"trusting = ssl.create_default_context(cafile={pki.ca!r})\n"
        "assert urllib.request.urlopen(url, context=trusting).read() == b'pytls.socket'\n"
        "async def fetch():\n"
        "    port = server.server_port\n"
        "    reader, writer = await asyncio.open_connection('localhost', port, ssl=trusting)\n"
        "    writer.write(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
        "    return await reader.read()\n"
        "print(asyncio.run(fetch()).decode(), end='')\n"
    )
    assert answer.endswith(b"\r\n\r\npytls.socket")


def test_names_bound_before_stay_what_they_were() -> None:
    """The limit: `from ssl import …` of before."""
    python(
        EARLIER + "from ssl import SSLContext, TLSVersion\n"
        "pytls.inject_into_ssl()\n"
        "context = before.create_default_context()\n"
        "assert isinstance(context, before.SSLContext)\n"
        "assert not isinstance(context, SSLContext)\n"
        "assert TLSVersion.TLSv1_3 == pytls.TLSVersion.TLSv1_3\n"
    )


def test_a_hot_function_that_has_looked_before_follows_too() -> None:
    """The interpreter remembers where it found a module's name; it must look again."""
    python(
        EARLIER + "def find():\n"
        "    return before.SSLContext\n"
        "for _ in range(10000):\n"
        "    found = find()\n"
        "pytls.inject_into_ssl()\n"
        "assert find() is pytls.SSLContext\n"
        "pytls.extract_from_ssl()\n"
        "assert find() is found\n"
    )


EVERYWHERE = """
from pytls import inject

FRAMES = {"inject_into_ssl", "_take_place", "_put"}
ftplib, left, untraced = sys.modules["ftplib"], 0, 0

def trace(frame, event, _):
    global left
    if frame.f_globals is not vars(inject) or frame.f_code.co_name not in FRAMES:
        return None
    frame.f_trace_opcodes = True
    left -= event == "opcode"
    if left == 0:
        raise InterruptedError
    return trace

def place():
    return (
        sys.modules["ssl"] is pytls,
        type(before) is inject._View,
        ftplib._SSLSocket is pytls.SSLSocket,
    )

for at in range(1, 10000):
    left = at
    sys.settrace(trace)
    try:
        pytls.inject_into_ssl()
    except InterruptedError:
        sys.settrace(None)
    else:
        sys.settrace(None)
        if at > 50:
            assert all(place()), at
            break
        untraced += 1  # now and then, 3.12 tells of no bytecode
        assert untraced < 10, at
    assert all(place()) or not any(place()), at
    pytls.extract_from_ssl()
    assert not any(place()), at
    pytls.inject_into_ssl()
    assert all(place()), at
    pytls.extract_from_ssl()
"""


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="PyPy traces no bytecodes")
def test_an_interrupted_injection_is_whole_or_none() -> None:
    """Wherever a signal's exception comes up in it; and it can be had afterwards."""
    python("import sys\n" + EARLIER + EVERYWHERE)
