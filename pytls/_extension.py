"""`_ssl` for a Python that has none: what programs import of it beside `ssl`.

pip is one of them: its truststore wants to know ENCODING_DER.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag
from types import ModuleType

from . import _features as features
from . import constants, errors, rand
from ._types import Any
from .bio import MemoryBIO
from .session import SSLSession
from .x509 import Certificate, nid2obj, txt2obj

_KINDS = ("ENCODING_", "HAS_", "HOSTFLAG_", "OPENSSL_", "RAND_", "_DEFAULT_CIPHERS", "_OPENSSL_")


def module() -> ModuleType:
    """A new module of that name; its constants are plain integers, as there."""
    made = ModuleType("_ssl", __doc__)
    names: dict[str, Any] = vars(made)
    names.update({cls.__name__: cls for cls in (Certificate, MemoryBIO, SSLSession)})
    names.update(nid2obj=nid2obj, txt2obj=txt2obj)
    names.update({name: getattr(errors, name) for name in errors.__all__ if name[:3] == "SSL"})
    for source in (constants, features, rand):
        for name, value in vars(source).items():
            if isinstance(value, (IntEnum, IntFlag)):
                names[name] = int(value)
            elif name.startswith(_KINDS):
                names[name] = value
    names.update({f"PROTO_{version.name}": int(version) for version in constants.TLSVersion})
    return made
