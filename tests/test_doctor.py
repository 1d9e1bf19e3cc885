"""`python -m pytls doctor`: what it tells is so, on every OpenSSL; what is broken, it finds."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import macros
import pytest
from pki import Pki

import pytls
from pytls import _doctor, _inventory, _loopback
from pytls.__main__ import main
from pytls._throwaway import Throwaway

#: What tools/matrix.py has fetched, for 64 bits: none on a clean machine, and then its own is all
#: there is.
FETCHED = (macros.CACHE.parent / "libs").glob("*/VERSION") if sys.maxsize > 1 << 32 else ()
LIBRARIES = sorted(path.parent for path in FETCHED)


def command(*arguments: str, **variables: str | Path) -> Any:
    """The command in a process of its own, in which nothing but `variables` chooses a library."""
    scrubbed = {name: os.environ[name] for name in os.environ if not name.startswith("PYTLS_")}
    chosen = {name: str(value) for name, value in variables.items()}
    return subprocess.run(
        [sys.executable, *arguments],
        env={**scrubbed, "PYTHONPATH": str(macros.ROOT), "OPENSSL_CONF": os.devnull, **chosen},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


@pytest.fixture
def doctor(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run it in this process: the exit code, and the text or the facts."""

    def run(*arguments: str) -> tuple[int, Any]:
        code = main(["doctor", *arguments])
        output, errors = capsys.readouterr()
        assert not errors
        return code, json.loads(output) if arguments else output

    return run


# What it tells


def test_it_ends_with_the_verdict(doctor: Any) -> None:
    """In a table that fits a terminal, but for paths."""
    code, text = doctor()

    assert code == 0
    assert text.endswith("\n\nTLS works.\n")
    assert re.search(f"^OpenSSL +{pytls.OPENSSL_VERSION}$", text, re.MULTILINE)
    assert all(len(line) <= 80 or "/" in line for line in text.splitlines())


def test_it_tells_what_the_modules_say(doctor: Any) -> None:
    """The library, what it can, and the interpreter's own."""
    _, facts = doctor("--json")

    assert facts["ok"]
    folder = str(Path(pytls.__file__).parent)
    assert facts["pytls"] == {"version": pytls.__version__, "path": folder}
    assert facts["python"]["version"] in sys.version
    assert facts["python"]["ssl"]["version"] == ssl.OPENSSL_VERSION
    assert facts["openssl"]["version"] == pytls.OPENSSL_VERSION
    assert facts["openssl"]["number"] == pytls.OPENSSL_VERSION_NUMBER
    assert os.path.isfile(facts["openssl"]["libssl"])
    assert os.path.isfile(facts["openssl"]["libcrypto"])
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    assert facts["ciphers"]["default"] == [cipher["name"] for cipher in context.get_ciphers()]
    assert not set(facts["ciphers"]["default"]) & set(facts["ciphers"]["others"])
    assert ("TLSv1.3" in facts["versions"]["default"]) == pytls.HAS_TLSv1_3
    assert facts["handshake"]["version"] == facts["versions"]["default"][-1]
    assert facts["handshake"]["cipher"] in facts["ciphers"]["default"]
    assert 0 < facts["handshake"]["milliseconds"] < 10000


@pytest.mark.parametrize("folder", LIBRARIES, ids=lambda folder: folder.name)
def test_it_is_well_on_every_openssl(folder: Path) -> None:
    """It shows the library that was chosen, in a table and in JSON."""
    text = command("-m", "pytls", "doctor", PYTLS_LIBDIR=folder)
    machine = command("-m", "pytls", "doctor", "--json", PYTLS_LIBDIR=folder)
    facts = json.loads(machine.stdout)
    version = (folder / "VERSION").read_text().strip()

    assert (text.returncode, text.stderr) == (0, "")
    assert (machine.returncode, machine.stderr) == (0, "")
    assert f"PYTLS_LIBDIR={folder}" in text.stdout
    assert facts["openssl"]["version"].startswith(f"OpenSSL {version} ")
    assert Path(facts["openssl"]["libssl"]).parent == folder.resolve()
    assert "TLSv1.2" in facts["versions"]["default"]
    assert "secp256r1" in facts["groups"]["tls1.3"]
    assert set(facts["groups"]["tls1.3"]).isdisjoint(facts["groups"]["others"])
    assert len(facts["ciphers"]["others"]) > 50
    assert facts["openssl"]["fips"] is False
    if not version.startswith("1.0"):
        assert facts["versions"] == {
            "default": ["TLSv1.2", "TLSv1.3"],
            "others": ["TLSv1", "TLSv1.1"],
        }
        assert facts["handshake"]["version"] == "TLSv1.3"
        assert {"x25519", "secp384r1"} < set(facts["groups"]["tls1.3"])
        assert "TLS_AES_128_CCM_SHA256" in facts["ciphers"]["others"]


COMPARE = """
from pytls import _inventory
listed = _inventory.groups()
_inventory.HAS_GET_GROUPS = False
tried = _inventory.groups()
print([
    set(tried[kind]) ^ (set(listed[kind]) & set(names))
    for kind, names in (("tls1.3", _inventory._GROUPS), ("others", _inventory._OLD_GROUPS))
])
"""


@pytest.mark.parametrize(
    "folder",
    [folder for folder in LIBRARIES if folder.name >= "ossl35"],
    ids=lambda folder: folder.name,
)
def test_trying_groups_finds_what_is_listed(folder: Path) -> None:
    """Where the library lists them, and so tells whether the trial of the older ones is right."""
    assert command("-c", COMPARE, PYTLS_LIBDIR=folder).stdout == "[set(), set()]\n"


def test_tls_1_2_will_do(tmp_path: Path) -> None:
    """Where openssl.cnf forbids more, and so a handshake makes do with less."""
    settings = tmp_path / "openssl.cnf"
    settings.write_text(
        "openssl_conf = a\n[a]\nssl_conf = b\n[b]\nsystem_default = c\n[c]\nMaxProtocol = TLSv1.2\n"
    )
    done = command("-m", "pytls", "doctor", "--json", OPENSSL_CONF=settings)

    assert json.loads(done.stdout)["handshake"]["version"] == "TLSv1.2"
    assert done.returncode == 0


def test_what_was_tried_before_is_told(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with its reason."""
    attempts = (("libssl.so.9", "no such file"), ("libssl.so.8", "too new"))
    monkeypatch.setattr(_doctor.PAIR, "tried", attempts)

    assert (
        "tried before  libssl.so.9: no such file\n              libssl.so.8: too new\n"
        in doctor()[1]
    )
    assert doctor("--json")[1]["openssl"]["tried"][1] == {
        "name": "libssl.so.8",
        "reason": "too new",
    }


# The trust store


def test_roots_are_counted_once(doctor: Any, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same one in the file and in the folder, as many systems have it."""
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)
    monkeypatch.setenv("SSL_CERT_DIR", pki.ca_folder)

    text = doctor()[1]
    assert f"{pki.ca} (set by SSL_CERT_FILE)\n" in text
    assert f"{pki.ca_folder} (set by SSL_CERT_DIR)\n" in text
    assert " 1 root\n" in text


def test_a_folder_alone_is_counted(doctor: Any, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL reads it only when it needs to; several can be named."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    monkeypatch.setenv("SSL_CERT_DIR", f"/nowhere{os.pathsep}{pki.ca_folder}")
    trust = doctor("--json")[1]["trust"]

    assert trust["roots"] == 1
    assert not trust["file"]["there"]
    assert trust["folder"]["there"]


def test_an_empty_trust_store_is_told(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS works all the same; the verdict says what does not, and the table what would help."""
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    monkeypatch.setattr(_inventory, "_USUAL_FILES", ("/nowhere/else", __file__))

    code, text = doctor()
    assert code == 0
    assert "/nowhere (set by SSL_CERT_DIR, not there)\n" in text
    assert text.endswith("\nTLS works, but no server can be verified: the trust store is empty.\n")
    assert f"but there is {__file__}: set SSL_CERT_FILE to it" in " ".join(text.split())


def test_files_that_cannot_be_read_are_told(
    doctor: Any, pki: Pki, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link to nowhere, a file without a certificate; others in the folder are not read at all."""
    (tmp_path / "01234567.0").symlink_to("/nowhere/ca.pem")
    (tmp_path / "89abcdef.0").write_text("no certificate")
    (tmp_path / "README").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", pki.ca)
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    trust = doctor("--json")[1]["trust"]

    assert trust["unreadable"] == [str(tmp_path / "01234567.0"), str(tmp_path / "89abcdef.0")]
    assert trust["roots"] == 1


# What is broken


def test_no_loopback(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason stands in the table and in the verdict; the rest is told all the same."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "create_server", refuse)
    code, text = doctor()

    assert code == 1
    assert re.search("^versions +TLSv1.2", text, re.MULTILINE)
    assert text.endswith(
        "\nTLS does not work: no connection over loopback: Network is unreachable\n"
    )
    facts = doctor("--json")[1]
    assert (facts["ok"], facts["reason"]) == (False, facts["handshake"]["error"])


@pytest.mark.parametrize("part", ["versions", "groups", "ciphers", "trust"])
def test_a_part_that_cannot_be_told(
    part: str, doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its place says why; TLS works all the same."""

    def fail() -> Any:
        raise NotImplementedError("takes a newer OpenSSL")

    trials = {**_doctor._TRIALS, part: (fail, _doctor._TRIALS[part][1])}
    monkeypatch.setattr(_doctor, "_TRIALS", trials)
    code, text = doctor()

    assert code == 0
    assert "takes a newer OpenSSL\n" in text
    assert text.endswith("\nTLS works.\n")


def unverifying() -> Any:
    """A client that believes everybody."""
    context = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = pytls.CERT_NONE
    return context


def test_a_name_that_is_not_checked_is_found(doctor: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handshake that succeeds is not enough."""

    def contexts(throwaway: Throwaway) -> Any:
        return unverifying(), _loopback.contexts(throwaway)[1]

    monkeypatch.setattr(_doctor, "contexts", contexts)
    code, text = doctor()

    assert code == 1
    assert text.endswith("TLS does not work: a certificate for another host name was accepted\n")


def test_an_issuer_that_is_not_checked_is_found(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor is one that checks the name alone."""
    monkeypatch.setattr(_doctor, "SSLContext", lambda _: unverifying())
    code, text = doctor()

    assert code == 1
    assert text.endswith("TLS does not work: a certificate from an unknown issuer was accepted\n")


def test_octets_that_change_on_the_way_are_found(
    doctor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is received is compared."""
    monkeypatch.setattr(pytls.SSLSocket, "recv", lambda *_: b"something else")

    assert doctor()[1].endswith("TLS does not work: what was sent is not what was received\n")


# The connection with oneself


class Silent:
    """An end whose handshake never ends."""

    def __init__(self, sock: socket.socket) -> None:
        self.fileno = sock.fileno

    def do_handshake(self) -> None:
        """Always wait."""
        raise pytls.SSLWantReadError


def test_a_handshake_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while."""
    monkeypatch.setattr(_loopback, "PATIENCE", 0.05)
    near, far = socket.socketpair()
    with near, far, pytest.raises(socket.timeout, match="did not end within"):
        _loopback._shake_hands([Silent(near), Silent(far)])


def test_ipv6_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a host without IPv4."""
    create_server = socket.create_server

    def without_ipv4(address: Any, **options: Any) -> Any:
        if address[0] == "127.0.0.1":
            raise OSError(99, "Cannot assign requested address")
        return create_server(address, **options)

    try:
        create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    monkeypatch.setattr(socket, "create_server", without_ipv4)
    near, far = _loopback.tcp()
    with near, far:
        assert near.getpeername()[0] == "::1"


def test_nothing_stays_open_when_a_handshake_fails() -> None:
    """Neither of the sockets."""
    client, server = _loopback.contexts(Throwaway())
    sockets = socket.socketpair()
    numbers = [sock.fileno() for sock in sockets]

    with pytest.raises(pytls.SSLCertVerificationError), _loopback.connected(
        client, server, sockets, "other.invalid"
    ):
        pass
    for number in numbers:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)
