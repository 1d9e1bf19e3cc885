"""What the peer and the process under test do alike when they start."""

from __future__ import annotations

import os
from contextlib import suppress

PLAIN = 64
"""A connection begins with so many bytes in plain text: what the peer is to do."""


def prepare(core: str) -> None:
    """Stay on one core, so that nothing depends on where the scheduler puts whom; ``any``: do not.

    And allow for a thousand connections.
    """
    if core != "any" and hasattr(os, "sched_setaffinity"):
        with suppress(OSError):
            os.sched_setaffinity(0, {int(core)})
    with suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 8192), most))
