"""`python -m pytls connect`: what a person and a machine are told of a server, good and bad."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import socket
import ssl
import threading
import time
from typing import Any, Callable, Iterator, NamedTuple

import expected
import pytest
from cryptography import x509
from peers import server_context
from pki import HOSTNAME, LOOPBACK, Credentials, Pki

from pytls.__main__ import main
from pytls._connect import Target, target


class Told(NamedTuple):
    """How the command ended."""

    code: int
    output: str
    errors: str

    @property
    def facts(self) -> Any:
        """What was meant for a machine."""
        assert not self.errors
        return json.loads(self.output)

    @property
    def verdict(self) -> str:
        """The last paragraph, in one line."""
        return " ".join(self.output.strip().rpartition("\n\n")[2].split())


Connect = Callable[..., Told]


@pytest.fixture
def connect(capsys: pytest.CaptureFixture[str]) -> Connect:
    """Run the command in this process: whatever it raises fails the test."""

    def run(*arguments: Any) -> Told:
        code = main(["connect", *map(str, arguments)])
        return Told(code, *capsys.readouterr())

    return run


@contextlib.contextmanager
def answering(answer: Callable[[socket.socket], Any], host: str = LOOPBACK) -> Iterator[str]:
    """A server that gives each connection to `answer`; where it is, as the command wants it."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, 0), family=family)
    stop = threading.Event()

    def serve() -> None:
        while True:
            sock, _ = listener.accept()
            with sock, contextlib.suppress(OSError):
                if stop.is_set():
                    return
                sock.settimeout(5)
                answer(sock)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"{HOSTNAME if host == LOOPBACK else f'[{host}]'}:{listener.getsockname()[1]}"
    finally:
        stop.set()
        socket.create_connection(listener.getsockname()[:2], 5).close()
        thread.join(5)
        listener.close()
    assert not thread.is_alive()


def tls(context: Any) -> Callable[[socket.socket], None]:
    """An answer for `answering`: a handshake, then wait for the end."""

    def answer(sock: socket.socket) -> None:
        with context.wrap_socket(sock, server_side=True) as connection:
            connection.recv(1)

    return answer


@pytest.fixture
def server(pki: Pki) -> Iterator[str]:
    """A server with nothing wrong."""
    with answering(tls(server_context(expected.PEER, pki))) as where:
        yield where


# All is well


def test_a_good_server_is_verified(server: str, pki: Pki, connect: Connect) -> None:
    """Exit code 0, and the table of a chain up to the root."""
    told = connect(server, "--cafile", pki.ca)

    assert told.code == 0
    assert told.verdict == "Verified."
    assert f"server     {server}, at {LOOPBACK}" in told.output
    assert "names    localhost, 127.0.0.1, *.example.test\n" in told.output
    assert "the certificate is for localhost\n" in told.output
    assert told.output.count("(from the trust store)") == expected.ROOTS
    assert not told.errors


def test_a_machine_is_told_the_same(server: str, pki: Pki, connect: Connect) -> None:
    """JSON, with everything that the certificate itself says."""
    facts = connect(server, "--cafile", pki.ca, "--json").facts
    leaf, *root = facts["chain"]
    certificate = x509.load_der_x509_certificate(pki.server.der)

    assert [facts[name] for name in ("ok", "reason", "verified")] == [True, None, True]
    assert facts["verdicts"] == {"chain": "ok", "name": "ok"}
    assert (facts["host"], facts["address"]) == (HOSTNAME, LOOPBACK)
    assert facts["version"] == expected.NEWEST
    assert facts["cipher"]
    assert set(facts["milliseconds"]) == {"connect", "handshake"}
    assert leaf["sha256"] == hashlib.sha256(pki.server.der).hexdigest()
    assert leaf["subject"] == certificate.subject.rfc4514_string().replace(",", ", ")
    assert len(root) == expected.ROOTS
    assert all(leaf["issuer"] == above["subject"] == above["issuer"] for above in root)
    assert leaf["names"] == ["localhost", "127.0.0.1", "*.example.test"]
    assert int(leaf["serial_number"], 16) == certificate.serial_number
    assert leaf["not_before"] == "2000-01-01T00:00:00Z"
    assert leaf["days_left"] > 0
    assert leaf["key"].startswith("EC")
    assert leaf["bits"] == 256
    assert [certificate["sent"] for certificate in facts["chain"]] == [True, False][: 1 + len(root)]
    assert "pem" not in leaf


@expected.needs("VERIFIED_CHAIN")
def test_pem_can_be_read_back(server: str, pki: Pki, connect: Connect, tmp_path: Any) -> None:
    """What is printed serves as a file of authorities as it is."""
    told = connect(server, "--cafile", pki.ca, "--pem")
    file = tmp_path / "chain.pem"
    file.write_text(told.output)

    assert connect(server, "--cafile", file).code == 0
    assert told.output.count("BEGIN CERTIFICATE") == 2
    chain = connect(server, "--cafile", pki.ca, "--pem", "--json").facts["chain"]
    assert ssl.PEM_cert_to_DER_cert(chain[0]["pem"]) == pki.server.der


def test_another_name_can_be_asked_for(pki: Pki, connect: Connect) -> None:
    """It goes to the server by SNI, and is what is verified."""
    asked = []
    context = server_context(expected.PEER, pki, credentials=pki.second)
    context.sni_callback = lambda _, name, __: asked.append(name)
    with answering(tls(context)) as where:
        told = connect(where, "--cafile", pki.ca, "--servername", "second.test")

    assert told.code == 0
    assert asked == ["second.test"]
    assert "the certificate is for second.test\n" in told.output


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_an_address_is_verified_as_one(host: str, pki: Pki, connect: Connect) -> None:
    """Brackets are not part of it."""
    credentials = pki.issue(f"at-{host.replace(':', '-')}", host)
    context = server_context(expected.PEER, pki, credentials=credentials)
    with answering(tls(context), host) as where:
        port = where.rpartition(":")[2]
        told = connect(f"[{host}]:{port}" if ":" in host else f"{host}:{port}", "--cafile", pki.ca)

    assert told.verdict == "Verified."
    assert f"at {host}\n" in told.output


def test_alpn_is_agreed_on(pki: Pki, connect: Connect) -> None:
    """Or not, which is no fault."""
    context = server_context(expected.PEER, pki)
    context.set_alpn_protocols(["http/1.1"])
    with answering(tls(context)) as where:
        agreed = connect(where, "--cafile", pki.ca, "--alpn", "h2,http/1.1")
        without = connect(where, "--cafile", pki.ca, "--json").facts

    assert re.search(r"^ALPN +http/1\.1$", agreed.output, re.MULTILINE)
    assert without["alpn"] is None


@pytest.mark.parametrize(
    ("bounds", "version"),
    [
        (["--max", "1.2"], "TLSv1.2"),
        pytest.param(["--min", "1.3"], "TLSv1.3", marks=expected.needs("TLSv1_3")),
        (["--min", "1.2", "--max", "1.2"], "TLSv1.2"),
    ],
)
def test_versions_can_be_bounded(
    bounds: list[str], version: str, server: str, pki: Pki, connect: Connect
) -> None:
    """Both ways."""
    assert connect(server, "--cafile", pki.ca, "--json", *bounds).facts["version"] == version


@pytest.mark.parametrize("bound", ["--min", "--max"])
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_an_old_version_is_spoken_when_asked_for(bound: str, pki: Pki, connect: Connect) -> None:
    """Though the security level of today would not let it; without a warning of Python's."""
    context = server_context(expected.PEER, pki)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with answering(tls(context)) as where:
        refused = connect(where, "--cafile", pki.ca)
        agreed = connect(where, "--cafile", pki.ca, "--json", bound, "1.1")

    assert refused.code == 1
    assert refused.errors.count("\n") == 1
    assert agreed.facts["version"] == "TLSv1.1"


# The certificate is refused


@pytest.mark.parametrize(
    ("which", "chain", "name", "reason"),
    [
        ("expired", "certificate has expired", "ok", "certificate has expired"),
        ("by_stranger", "unable to get local issuer certificate", "ok", "unable to get local"),
        ("self_signed", r"self.signed certificate", "ok", "self.signed certificate"),
        (
            "second",
            "ok",
            "hostname 'localhost' doesn't match 'second.test'",
            "Hostname mismatch, certificate is not valid for 'localhost'",
        ),
    ],
)
def test_what_is_refused_is_shown_all_the_same(
    which: str, chain: str, name: str, reason: str, pki: Pki, connect: Connect
) -> None:
    """By a second connection, marked as such: each verdict, and the exit code 1."""
    credentials: Credentials = getattr(pki, which)
    with answering(tls(server_context(expected.PEER, pki, credentials=credentials))) as where:
        told = connect(where, "--cafile", pki.ca)
        facts = connect(where, "--cafile", pki.ca, "--json").facts

    assert told.code == 1
    assert "WITHOUT VERIFICATION" in told.output
    assert hashlib.sha256(credentials.der).hexdigest() in told.output
    assert re.match(f"NOT VERIFIED: {reason}", told.verdict)
    assert not told.errors
    assert (facts["ok"], facts["verified"]) == (False, False)
    assert re.match(reason, facts["reason"])
    assert re.fullmatch(chain, facts["verdicts"]["chain"])
    assert facts["verdicts"]["name"] == name
    assert facts["chain"][0]["sha256"] == hashlib.sha256(credentials.der).hexdigest()


def test_how_long_ago_it_expired_is_told(pki: Pki, connect: Connect) -> None:
    """In days, as is how long it lasts."""
    days = (int(time.time()) - 981173106) // 86400  # since 2001-02-03T04:05:06Z
    with answering(tls(server_context(expected.PEER, pki, credentials=pki.expired))) as where:
        told = connect(where, "--cafile", pki.ca)

    assert f"valid    2000-01-01 to 2001-02-03, EXPIRED {days} days ago\n" in told.output


def test_what_is_not_valid_yet_is_told(pki: Pki, connect: Connect) -> None:
    """A wrong clock is the likelier reason."""
    with answering(tls(server_context(expected.PEER, pki, credentials=pki.future))) as where:
        told = connect(where, "--cafile", pki.future.chain)

    assert "2990-01-01 to 3000-01-01, NOT YET VALID\n" in told.output
    assert told.code == 1


def test_nothing_is_demanded_with_insecure(pki: Pki, connect: Connect) -> None:
    """One connection, exit code 0; what is wrong is still told."""
    with answering(tls(server_context(expected.PEER, pki, credentials=pki.expired))) as where:
        told = connect(where, "--cafile", pki.ca, "--insecure")

    assert told.code == 0
    assert "chain  certificate has expired\n" in told.output
    assert "EXPIRED" in told.output
    assert told.verdict == "Not verified, as --insecure demands."


def test_the_reason_remains_when_the_second_look_fails(pki: Pki, connect: Connect) -> None:
    """A server that answers but once."""
    context = server_context(expected.PEER, pki, credentials=pki.expired)
    connections = []

    def answer(sock: socket.socket) -> None:
        connections.append(sock)
        if len(connections) == 1:
            tls(context)(sock)

    with answering(answer) as where:
        told = connect(where, "--cafile", pki.ca)

    assert told == (1, "", "pytls: certificate has expired\n")


# There is no handshake


def silent(sock: socket.socket) -> None:
    """Says nothing until the other end goes."""
    while sock.recv(4096):
        pass


def impolite(sock: socket.socket) -> None:
    """Hears the first words and goes."""
    sock.recv(4096)


def of_another_kind(sock: socket.socket) -> None:
    """Speaks first, and no TLS."""
    sock.sendall(b"220 mail.example ESMTP\r\n")
    sock.recv(4096)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (silent, "timed out while shaking hands, after 0.2 seconds"),
        (impolite, ".*, while shaking hands"),
        (of_another_kind, "this is not TLS: .*"),
    ],
)
def test_what_prevents_a_handshake_is_one_line(
    answer: Callable[[socket.socket], None], complaint: str, connect: Connect
) -> None:
    """On stderr, with the exit code 1; for a machine in JSON."""
    with answering(answer) as where:
        told = connect(where, "--timeout", "0.2")
        facts = connect(where, "--timeout", "0.2", "--json").facts

    assert (told.code, told.output) == (1, "")
    assert re.fullmatch(f"pytls: {where}: {complaint}\n", told.errors)
    assert not facts["ok"]
    assert re.fullmatch(f"{where}: {complaint}", facts["reason"])


def test_nobody_there(connect: Connect) -> None:
    """A port that nobody listens on."""
    with socket.create_server((LOOPBACK, 0)) as listener:
        port = listener.getsockname()[1]

    told = connect(f"{LOOPBACK}:{port}")
    assert told == (1, "", f"pytls: {LOOPBACK}:{port}: Connection refused, while connecting\n")


@pytest.mark.parametrize("error", [socket.gaierror(-2, "Name or service not known"), None])
def test_a_name_that_nobody_knows(
    error: OSError | None, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or that is none at all, which is not even looked up."""

    def look_up(host: str, *_: Any) -> Any:
        if error is not None:
            raise error
        return host.encode("idna")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    name = "nobody.invalid" if error else f"{'a' * 64}.invalid"

    code, output, errors = connect(name)
    complaint = (
        "the name cannot be looked up: Name or .* known" if error else "this is no host name: .*"
    )
    assert (code, output) == (1, "")
    assert re.fullmatch(f"pytls: {name}:443: {complaint}\n", errors)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--cafile", "/nowhere/ca.pem"], "/nowhere/ca.pem: No such file or directory"),
        (["--cafile", __file__], re.escape(__file__) + ": .*"),
        (["--alpn", "h2,,"], "ALPN protocols must be 1 to 255 in length"),
        (["--min", "1.3", "--max", "1.2"], "--min 1.3 is above --max 1.2"),
        (["--servername", ".x"], ".*: this is no host name: .*"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    arguments: list[str], complaint: str, server: str, connect: Connect
) -> None:
    """Files that are missing or hold something else; contradictions."""
    told = connect(server, *arguments)

    assert (told.code, told.output) == (1, "")
    assert re.fullmatch(f"pytls: {complaint}\n", told.errors)


@expected.needs("KEYLOG")
def test_a_key_log_that_cannot_be_written_is_one_line(
    server: str, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment asks for it, and nobody may remember."""
    monkeypatch.setenv("SSLKEYLOGFILE", "/nowhere/keys")

    complaint = "pytls: SSLKEYLOGFILE=/nowhere/keys: No such file or directory\n"
    assert connect(server) == (1, "", complaint)


# Where to


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("example.org", "example.org", 443),
        ("example.org:8443", "example.org", 8443),
        ("example.org:", "example.org", 443),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("::1", "::1", 443),
        ("[::1]", "::1", 443),
        ("[::1]:65535", "::1", 65535),
        ("[fe80::1%eth0]:1", "fe80::1%eth0", 1),
        ("https://example.org", "example.org", 443),
        ("https://[::1]:8443/path?query#part", "::1", 8443),
    ],
)
def test_a_target_is_read(text: str, host: str, port: int) -> None:
    """As people write it, or paste it."""
    assert target(text) == (host, port)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        *((text, "no host name") for text in ["", ":443", "[]:1"]),
        *((text, "is no port") for text in ["a:0", "a:65536", "a:-1", "a:²", "a:x"]),
        *((text, "brackets stand around") for text in ["[::1", "::1]", "[a"]),
        ("http://example.org", "only those with https://"),
    ],
)
def test_what_is_no_target_is_refused(text: str, complaint: str) -> None:
    """It becomes a usage error, which tells what is wrong."""
    with pytest.raises(argparse.ArgumentTypeError, match=complaint):
        target(text)


def test_a_target_is_written_as_it_is_read() -> None:
    """Brackets around colons."""
    assert [str(Target("a", 1)), str(Target("::1", 2))] == ["a:1", "[::1]:2"]
