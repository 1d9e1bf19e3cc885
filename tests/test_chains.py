"""Who gets in: of each odd chain, the verdict that `ssl` gives on the same."""

from __future__ import annotations

import datetime as dt
import ipaddress
import itertools
import logging
import pickle
import ssl
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID as Usage
from expected import ISSUERS_MUST_BE_AUTHORITIES, SAME_LIBRARY, STRICT_WANTS_AKID, has, needs
from outcomes import Raised, Value, outcome, same
from peers import Contexts, connected
from pki import PASSWORD, Pki, pem_of

import pytls

NOW = dt.datetime(2020, 1, 1)
FAR = dt.datetime(3000, 1, 1)
counter = itertools.count(1000)


class Issued:
    """A certificate with its key, and who may be shown above it."""

    def __init__(
        self,
        by: Issued | None = None,
        name: str = "An owner",
        *,
        authority: bool | None = None,
        length: int | None = None,
        since: dt.datetime = NOW,
        until: dt.datetime = FAR,
        names: Any = (),
        usages: Any = (),
        constraints: x509.NameConstraints | None = None,
        identifiers: bool = True,
    ) -> None:
        self.by = by
        self.key = ec.generate_private_key(ec.SECP256R1())
        issuer = by or self
        self.subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = x509.CertificateBuilder(
            issuer.subject, self.subject, self.key.public_key(), next(counter), since, until
        )
        if authority is not None:
            builder = builder.add_extension(x509.BasicConstraints(authority, length), True)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(names)), False)
        if usages:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usages)), False)
        if constraints:
            builder = builder.add_extension(constraints, True)
        if identifiers:
            of = x509.SubjectKeyIdentifier.from_public_key
            above = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.key.public_key())
            builder = builder.add_extension(of(self.key.public_key()), False)
            builder = builder.add_extension(above, False)
        self.certificate = builder.sign(issuer.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)


def dns(*names: str) -> list[x509.GeneralName]:
    return [x509.DNSName(name) for name in names]


def ip(*addresses: str) -> list[x509.GeneralName]:
    return [x509.IPAddress(ipaddress.ip_address(address)) for address in addresses]


ROOT = Issued(name="The root", authority=True)
MIDDLE = Issued(ROOT, "In between", authority=True)
NARROW = Issued(
    ROOT,
    "Narrow",
    authority=True,
    constraints=x509.NameConstraints(dns("inside.test"), dns("not.inside.test")),
)
SHORT = Issued(ROOT, "Short", authority=True, length=0)
BELOW_SHORT = Issued(SHORT, "Below short", authority=True)
NO_AUTHORITY = Issued(ROOT, "No authority", authority=False)
SAYS_NOTHING = Issued(ROOT, "Says nothing")
OLD = Issued(ROOT, "Old", authority=True, until=dt.datetime(2021, 1, 1))
STRANGER = Issued(name="A stranger", authority=True)

HOST = dns("host.test")

#: the end of the chain, what is shown above it, the name asked for
CHAINS: dict[str, tuple[Issued, list[Issued], str]] = {
    "good": (Issued(ROOT, names=HOST), [], "host.test"),
    "good-of-two": (Issued(MIDDLE, names=HOST), [MIDDLE], "host.test"),
    "none-in-between": (Issued(MIDDLE, names=HOST), [], "host.test"),
    "another-in-between": (Issued(MIDDLE, names=HOST), [NARROW], "host.test"),
    "too-many": (Issued(ROOT, names=HOST), [MIDDLE, NARROW, STRANGER], "host.test"),
    "expired": (Issued(ROOT, names=HOST, until=dt.datetime(2021, 1, 1)), [], "host.test"),
    "not-yet": (Issued(ROOT, names=HOST, since=dt.datetime(2999, 1, 1)), [], "host.test"),
    "expired-in-between": (Issued(OLD, names=HOST), [OLD], "host.test"),
    "for-clients": (Issued(ROOT, names=HOST, usages=[Usage.CLIENT_AUTH]), [], "host.test"),
    "for-servers": (Issued(ROOT, names=HOST, usages=[Usage.SERVER_AUTH]), [], "host.test"),
    "for-code": (Issued(ROOT, names=HOST, usages=[Usage.CODE_SIGNING]), [], "host.test"),
    "for-anything": (
        Issued(ROOT, names=HOST, usages=[Usage.ANY_EXTENDED_KEY_USAGE]),
        [],
        "host.test",
    ),
    "self-signed": (Issued(names=HOST), [], "host.test"),
    "self-signed-authority": (Issued(names=HOST, authority=True), [], "host.test"),
    "of-a-stranger": (Issued(STRANGER, names=HOST), [STRANGER], "host.test"),
    "the-root-itself": (ROOT, [], "The root"),
    "path-too-long": (Issued(BELOW_SHORT, names=HOST), [BELOW_SHORT, SHORT], "host.test"),
    "path-just-right": (Issued(SHORT, names=HOST), [SHORT], "host.test"),
    "of-no-authority": (Issued(NO_AUTHORITY, names=HOST), [NO_AUTHORITY], "host.test"),
    "of-who-says-nothing": (Issued(SAYS_NOTHING, names=HOST), [SAYS_NOTHING], "host.test"),
    "says-nothing": (SAYS_NOTHING, [], "Says nothing"),
    "no-identifiers": (Issued(ROOT, names=HOST, identifiers=False), [], "host.test"),
    "inside": (Issued(NARROW, names=dns("a.inside.test")), [NARROW], "a.inside.test"),
    "outside": (Issued(NARROW, names=HOST), [NARROW], "host.test"),
    "excluded": (Issued(NARROW, names=dns("not.inside.test")), [NARROW], "not.inside.test"),
    "inside-and-outside": (
        Issued(NARROW, names=dns("a.inside.test", "host.test")),
        [NARROW],
        "a.inside.test",
    ),
    "outside-by-common-name": (Issued(NARROW, "host.test"), [NARROW], "host.test"),
    "common-name": (Issued(ROOT, "host.test"), [], "host.test"),
    "common-name-beside-others": (
        Issued(ROOT, "host.test", names=dns("other.test")),
        [],
        "host.test",
    ),
    "common-name-beside-address": (
        Issued(ROOT, "host.test", names=ip("127.0.0.1")),
        [],
        "host.test",
    ),
    "wildcard": (Issued(ROOT, names=dns("*.host.test")), [], "a.host.test"),
    "wildcard-empty": (Issued(ROOT, names=dns("*.host.test")), [], "host.test"),
    "wildcard-deep": (Issued(ROOT, names=dns("*.host.test")), [], "a.b.host.test"),
    "wildcard-part": (Issued(ROOT, names=dns("a*.host.test")), [], "ab.host.test"),
    "wildcard-inside": (Issued(ROOT, names=dns("a.*.test")), [], "a.host.test"),
    "wildcard-top": (Issued(ROOT, names=dns("*.test")), [], "host.test"),
    "wildcard-all": (Issued(ROOT, names=dns("*")), [], "host"),
    "wildcard-two": (Issued(ROOT, names=dns("*.*.test")), [], "a.b.test"),
    "wildcard-idna": (Issued(ROOT, names=dns("*.host.test")), [], "xn--bcher-kva.host.test"),
    "idna": (Issued(ROOT, names=dns("xn--bcher-kva.test")), [], "bücher.test"),
    "idna-part": (Issued(ROOT, names=dns("xn--b*.test")), [], "bücher.test"),
    "case": (Issued(ROOT, names=dns("HOST.test")), [], "host.TEST"),
    "trailing-dot": (Issued(ROOT, names=HOST), [], "host.test."),
    "nul": (Issued(ROOT, names=dns("host.test\0.evil.test")), [], "host.test"),
    "nul-in-common-name": (Issued(ROOT, "host.test\0.evil.test"), [], "host.test"),
    "address": (Issued(ROOT, names=ip("127.0.0.1")), [], "127.0.0.1"),
    "address-other": (Issued(ROOT, names=ip("127.0.0.1")), [], "127.0.0.2"),
    "address-as-name": (Issued(ROOT, names=dns("127.0.0.1")), [], "127.0.0.1"),
    "address-as-common-name": (Issued(ROOT, "127.0.0.1"), [], "127.0.0.1"),
    "address-v6": (Issued(ROOT, names=ip("::1")), [], "0:0:0:0:0:0:0:1"),
    "address-mapped": (Issued(ROOT, names=ip("::ffff:127.0.0.1")), [], "127.0.0.1"),
    "name-as-mail": (Issued(ROOT, names=[x509.RFC822Name("a@host.test")]), [], "host.test"),
    "name-as-link": (
        Issued(ROOT, names=[x509.UniformResourceIdentifier("https://host.test/")]),
        [],
        "host.test",
    ),
}

STRICT, PARTIAL = 0x20, 0x80000
SETTINGS = {
    "plain": (0, [ROOT]),
    "strict": (STRICT, [ROOT]),
    "partial": (PARTIAL, [MIDDLE, NARROW, SHORT, NO_AUTHORITY]),
    "default": (STRICT | PARTIAL, [ROOT, MIDDLE]),
    "nobody": (0, []),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Each chain with its key, as a server shows it."""
    folder, found = tmp_path_factory.mktemp("chains"), {}
    for name, (leaf, above, _) in CHAINS.items():
        path = folder / f"{name}.pem"
        key = pem_of(leaf.key, serialization.NoEncryption())
        path.write_bytes(key + leaf.pem + b"".join(one.pem for one in above))
        found[name] = str(path)
    return found


def verdict(m: ModuleType, client: Any, server: Any, name: str) -> Any:
    """What the client says of the server, without a network in between."""
    there, back = m.MemoryBIO(), m.MemoryBIO()
    near = client.wrap_bio(back, there, server_hostname=name)
    far = server.wrap_bio(there, back, server_side=True)
    for _ in range(4):
        try:
            near.do_handshake()
            return near.getpeercert()["serialNumber"]
        except ssl.SSLWantReadError:
            pass
        try:
            far.do_handshake()
        except ssl.SSLWantReadError:
            pass
    raise AssertionError("no verdict")


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=list(SETTINGS))
@pytest.mark.parametrize("name", CHAINS)
def test_a_chain(files: dict[str, str], name: str, setting: Any) -> None:
    """Believed, or refused with the same code and words."""
    flags, trusted = setting

    def case(m: ModuleType) -> Any:
        client = m.SSLContext(m.PROTOCOL_TLS_CLIENT)
        client.verify_flags |= flags
        if trusted:
            client.load_verify_locations(cadata=b"".join(one.pem for one in trusted).decode())
        server = m.SSLContext(m.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(files[name])
        return verdict(m, client, server, CHAINS[name][2])

    # Releases differ in how strict they are; none believes what is refused below
    found = same(case) if SAME_LIBRARY else outcome(case, pytls)
    if name == "of-no-authority" and NO_AUTHORITY in trusted:
        assert isinstance(found, Raised) == ISSUERS_MUST_BE_AUTHORITIES
    elif name in REFUSED or not trusted:
        assert isinstance(found, Raised)


@pytest.mark.parametrize("counts", [True, False], ids=["counts", "does not"])
def test_whether_the_common_name_counts(files: dict[str, str], counts: bool) -> None:
    """As the context says, of its connections too; before 1.1.0 it cannot be left out."""
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    if not (counts or has("NEVER_CHECK_COMMON_NAME")):
        with pytest.raises(NotImplementedError, match=r"1\.1\.0"):
            client.hostname_checks_common_name = False
        assert client.hostname_checks_common_name
        return
    client.hostname_checks_common_name = counts
    client.load_verify_locations(cadata=ROOT.pem.decode())
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files["common-name"])

    found = outcome(verdict, pytls, client, server, "host.test")
    assert isinstance(found, Raised) != counts


@pytest.mark.parametrize("strict", [False, True], ids=["plain", "strict"])
def test_strictness_asks_for_the_identifier_of_the_key_above(
    files: dict[str, str], strict: bool
) -> None:
    """X509_V_ERR_MISSING_AUTHORITY_KEY_IDENTIFIER, which releases before 3.0 do not know."""
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    client.verify_flags |= STRICT if strict else 0
    client.load_verify_locations(cadata=ROOT.pem.decode())
    server = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(files["no-identifiers"])

    found = outcome(verdict, pytls, client, server, "host.test")
    if strict and STRICT_WANTS_AKID:
        assert (found.verify_code, found.verify_message) == (85, "Missing Authority Key Identifier")
    else:
        assert found == Value("str", found.value)


#: whatever `ssl` says
REFUSED = {
    *("expired", "not-yet", "expired-in-between", "for-clients", "for-code", "self-signed"),
    *("of-a-stranger", "of-no-authority", "outside", "excluded", "inside-and-outside"),
    *("wildcard-empty", "wildcard-deep", "wildcard-inside", "wildcard-all", "wildcard-two"),
    *("wildcard-part", "idna-part"),
    *("nul", "nul-in-common-name", "address-other", "address-as-name", "address-as-common-name"),
    *("common-name-beside-others", "name-as-mail", "name-as-link"),
}


# --- downgrade


@pytest.mark.parametrize("bits", [b"DOWNGRD\x01", b"DOWNGRD\x00"], ids=["to 1.2", "to 1.1"])
@needs("TLSv1_3")
def test_a_downgrade_is_noticed(pki: Pki, bits: bytes) -> None:
    """A server of TLS 1.3 that was made to speak 1.2 says so in its random. RFC 8446 §4.1.3"""

    def case(m: ModuleType) -> Any:
        client = m.SSLContext(m.PROTOCOL_TLS_CLIENT)
        client.load_verify_locations(pki.ca)
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(pki.server.both)
        server.maximum_version = ssl.TLSVersion.TLSv1_2
        there, back = m.MemoryBIO(), m.MemoryBIO()
        heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
        near = client.wrap_bio(back, there, server_hostname="localhost")
        far = server.wrap_bio(heard, said, server_side=True)
        with pytest.raises(ssl.SSLWantReadError):
            near.do_handshake()
        heard.write(there.read())
        with pytest.raises(ssl.SSLWantReadError):
            far.do_handshake()
        hello = bytearray(said.read())
        hello[5 + 4 + 2 + 24 : 5 + 4 + 2 + 32] = bits
        back.write(hello)
        near.do_handshake()

    found = same(case)
    assert isinstance(found, Raised)
    assert found.reason == "INAPPROPRIATE_FALLBACK" or not SAME_LIBRARY


# --- secrets


def test_secrets_are_told_to_nobody(pki: Pki, caplog: pytest.LogCaptureFixture) -> None:
    """No key, password, pre-shared key or session in a repr, an exception or a log."""
    caplog.set_level(logging.DEBUG)
    key_text = "".join(Path(pki.server.key).read_text().split("\n")[1:-2])
    psk, wrong = b"a pre-shared secret", "a wrong secret"
    shown = []

    context = pytls.SSLContext(pytls.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pki.server.chain, pki.locked_key, PASSWORD)
    for password in wrong, lambda: wrong, wrong.encode():
        with pytest.raises(OSError) as caught:  # noqa: PT011  # its text is what is looked at
            context.load_cert_chain(pki.server.chain, pki.locked_key, password)
        shown += [str(caught.value), repr(caught.value), repr(caught.value.__context__)]
    client = pytls.SSLContext(pytls.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(pki.ca)
    with connected(Contexts(client, context)) as pair:
        pair.server.sendall(b"!")
        pair.client.recv(1)
        session = pair.client.session
        secret = session._der()
        shown += map(repr, [*pair, session, session._handle, pair.client._sslobj, context, client])
        shown += map(str, [*pair, session])
        with pytest.raises(TypeError) as refused:
            pickle.dumps(session)
        shown.append(str(refused.value))

    ends = [pytls.SSLContext(p) for p in (pytls.PROTOCOL_TLS_CLIENT, pytls.PROTOCOL_TLS_SERVER)]
    ends[0].check_hostname, ends[0].verify_mode = False, pytls.CERT_NONE
    for end in ends:
        end.maximum_version = pytls.TLSVersion.TLSv1_2
        end.set_ciphers("PSK")
    ends[0].set_psk_client_callback(lambda _: ("me", psk))
    ends[1].set_psk_server_callback(lambda _: psk * 100)
    with pytest.raises(pytls.SSLError) as failed:
        verdict(pytls, ends[0], ends[1], "localhost")
    shown += [str(failed.value), repr(failed.value), *map(repr, ends), caplog.text]

    text = "\n".join(shown)
    told = [key_text[:40], PASSWORD, wrong, psk.decode(), secret[-40:].hex(), repr(secret[-20:])]
    assert not [word for word in told if word in text]
