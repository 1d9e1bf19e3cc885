"""Whether a certificate, decoded to a dict, was issued for a host: pure text, no OpenSSL.

pytls itself has OpenSSL compare the names during the handshake; this is for programs that do it
themselves afterwards, as they did before Python 3.7.
"""

from __future__ import annotations

import socket

from ._types import Any, Mapping
from .errors import CertificateError


def match_hostname(cert: Mapping[str, Any], hostname: str) -> None:
    """Return when `cert` was issued for `hostname`, raise when not.

    An IP address is compared with the certificate's IP addresses and any other name with its
    DNS names. The common name counts only when the certificate has neither of the two kinds.

    >>> cert = {"subject": ((("commonName", "example.com"),),)}
    >>> match_hostname(cert, "example.com")
    >>> match_hostname(cert, "example.org")
    Traceback (most recent call last):
    ssl.SSLCertVerificationError: ("hostname 'example.org' doesn't match 'example.com'",)

    :param cert: what `SSLSocket.getpeercert()` returned.
    :param hostname: a host name with its labels in ASCII (``xn--...``), or an IP address.
    :raises CertificateError: another host's certificate, or a wildcard where none may be.
    :raises ValueError: `cert` is empty, as of a peer that was not verified; or a name in it that
        is said to be an IP address is none.

    Source: `ssl.match_hostname` of Python 3.7 to 3.11, where it ended; RFC 6125 §6.
    """
    if not cert:
        raise ValueError(
            "empty or no certificate, match_hostname needs a SSL socket or SSL context with "
            "either CERT_OPTIONAL or CERT_REQUIRED"
        )
    try:
        address = _inet_paton(hostname)
    except ValueError:
        address = None

    names: list[str] = []
    for kind, value in cert.get("subjectAltName", ()):
        if kind == "DNS":
            if address is None and _dnsname_match(value, hostname):
                return
        elif kind == "IP Address":
            if address is not None and _ipaddress_match(value, address):
                return
        else:
            continue
        names.append(value)

    if not names:
        for rdn in cert.get("subject", ()):
            for kind, value in rdn:
                if kind == "commonName":
                    if _dnsname_match(value, hostname):
                        return
                    names.append(value)

    if not names:
        raise CertificateError("no appropriate commonName or subjectAltName fields were found")
    either = "either of " if len(names) > 1 else ""
    raise CertificateError(
        f"hostname {hostname!r} doesn't match {either}{', '.join(map(repr, names))}"
    )


def _dnsname_match(dn: str, hostname: str) -> bool:
    """Compare a DNS name of a certificate with a host name, both in ASCII.

    Case does not matter. A wildcard stands for one whole label, the leftmost, of at least one
    character; anything else with an asterisk in it is refused: RFC 6125 §6.4.3, §7.2.
    """
    if not dn:
        return False
    if "*" not in dn:
        return dn.lower() == hostname.lower()

    label, dot, parent = dn.partition(".")
    if dn.count("*") > 1:
        fault = "too many wildcards in certificate DNS name"
    elif "*" in parent:
        fault = "wildcard can only be present in the leftmost label"
    elif not dot:
        fault = "sole wildcard without additional labels are not support"
    elif label != "*":
        fault = "partial wildcards in leftmost label are not supported"
    else:
        host_label, host_dot, host_parent = hostname.partition(".")
        return bool(host_label and host_dot) and parent.lower() == host_parent.lower()
    raise CertificateError(f"{fault}: {dn!r}.")


def _ipaddress_match(cert_ipaddress: str, host_ip: bytes) -> bool:
    """Compare an IP address of a certificate, as text, with a packed one.

    OpenSSL's text for an IPv6 address may end in a newline.
    """
    return _inet_paton(cert_ipaddress.rstrip()) == host_ip


def _inet_paton(ipname: str) -> bytes:
    """Pack an IP address: 4 or 16 bytes, or ValueError when it is none."""
    try:
        packed = socket.inet_aton(ipname)
    except OSError:
        pass
    else:
        # inet_aton also takes "127.1", "2130706433" and, in glibc, "127.0.0.1 and more".
        if socket.inet_ntoa(packed) != ipname:
            raise ValueError(f"{ipname!r} is not a quad-dotted IPv4 address.")
        return packed

    try:
        return socket.inet_pton(socket.AF_INET6, ipname)
    except OSError:
        raise ValueError(f"{ipname!r} is neither an IPv4 nor an IP6 address.") from None
    except AttributeError:  # a platform without IPv6
        raise ValueError(f"{ipname!r} is not an IPv4 address.") from None
