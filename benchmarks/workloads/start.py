"""Beginning: importing, contexts, what a certificate says, and what an idle connection keeps."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import Any

from .registry import COMPLETE, COMPLETE_MODULES, Run, Site, workload

DONT_KEEP = "PYTHONDONTWRITEBYTECODE"
TIMED = "from time import process_time as now; t = now(); {}; print(now() - t)"


@workload("import", "import", unit="s", reach=1.0, figure="own", who=COMPLETE)
def importing(site: Site) -> Run:
    return _fresh(f"import {site.tls.module.__name__}")


@workload(
    "import-context",
    "import and a first SSLContext()",
    unit="s",
    figure="own",
    who=COMPLETE_MODULES,
)
def importing_in_earnest(site: Site) -> Run:
    name = site.tls.module.__name__
    return _fresh(f"import {name} as m; m.SSLContext(m.PROTOCOL_TLS_CLIENT)")


def _fresh(code: str) -> Run:
    """What `code` takes in a process of its own."""
    program = [sys.executable, "-c", TIMED.format(code)]
    # With the bytecode kept, as on everybody's machine
    environment = {key: value for key, value in os.environ.items() if key != DONT_KEEP}

    def run(turns: int) -> float:
        return sum(float(subprocess.check_output(program, env=environment)) for _ in range(turns))

    run(1)  # from then on the bytecode is there
    return run


@workload("context", "SSLContext()", unit="/s", who=COMPLETE)
def context(site: Site) -> Run:
    def run(turns: int) -> None:
        for _ in range(turns):
            site.tls.context()

    return run


def _default_context(site: Site, cafile: Any) -> Run:
    site.tls.default_context(cafile)

    def run(turns: int) -> None:
        for _ in range(turns):
            site.tls.default_context(cafile)

    return run


@workload("default-context", "create_default_context()", unit="/s", reach=50, who=COMPLETE)
def default_context(site: Site) -> Run:
    return _default_context(site, None)


@workload(
    "default-context-cafile", "create_default_context(cafile=…)", unit="/s", reach=50, who=COMPLETE
)
def default_context_cafile(site: Site) -> Run:
    import ssl

    return _default_context(site, ssl.get_default_verify_paths().cafile)


@workload("getpeercert", "getpeercert()", unit="/s", reach=10, who=COMPLETE_MODULES)
def getpeercert(site: Site) -> Run:
    connection = site.connect("greet")

    def run(turns: int) -> None:
        for _ in range(turns):
            connection.getpeercert()

    return run


@workload(
    "memory",
    "memory of an idle connection",
    unit="B",
    reach=1.0,
    figure="own",
    turns=1000,
    who=COMPLETE,
)
def idle(site: Site) -> Run:
    connection_context = site.tls.client_context("1.3")
    connections = [site.tls.connect(connection_context, site.plain("greet")) for _ in range(10)]

    def run(turns: int) -> float:
        gc.collect()
        before = _resident()
        connections.extend(
            site.tls.connect(connection_context, site.plain("greet")) for _ in range(turns)
        )
        return _resident() - before

    return run


def _resident() -> float:
    """The bytes of this process that are in memory."""
    import resource

    with open("/proc/self/statm") as file:
        return float(file.read().split()[1]) * resource.getpagesize()
