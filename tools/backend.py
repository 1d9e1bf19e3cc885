"""The build backend: setuptools, with archives that depend on the sources alone.

Setuptools lets file times, modes and owners into what it builds, and what earlier builds left
behind. The same sources must give the same bytes, from a checkout and from the sdist, so each
archive is written again with all of that fixed. SOURCE_DATE_EPOCH (seconds) sets the time of
every member.
"""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Any

from setuptools import build_meta
from setuptools.build_meta import (
    build_editable,
    get_requires_for_build_editable,
    get_requires_for_build_sdist,
    get_requires_for_build_wheel,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

#: The time of every member: a zip cannot hold one before 1980, and a fixed one needs no setting.
EPOCH = max(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), 315_532_800)


def build_sdist(sdist_directory: str, config_settings: Any = None) -> str:
    """Build the sdist into the folder; return its file name."""
    forget_earlier_builds()
    name: str = build_meta.build_sdist(sdist_directory, config_settings)
    rewrite_tar(Path(sdist_directory, name))
    return name


def build_wheel(
    wheel_directory: str, config_settings: Any = None, metadata_directory: str | None = None
) -> str:
    """Build the wheel into the folder; return its file name."""
    forget_earlier_builds()
    name: str = build_meta.build_wheel(wheel_directory, config_settings, metadata_directory)
    rewrite_zip(Path(wheel_directory, name))
    return name


def forget_earlier_builds() -> None:
    """Remove what setuptools reads back: a module that is gone would stay in."""
    # Files, not folders: within one process it remembers which folders it has made
    for path in [Path("pytls.egg-info/SOURCES.txt"), *Path("build/lib").rglob("*")]:
        if path.is_file():
            path.unlink()


def rewrite_tar(path: Path) -> None:
    """Write the .tar.gz at `path` again: sorted, owned by nobody, one time, no egg-info."""
    with tarfile.open(path) as old:
        members = [(member, old.extractfile(member)) for member in old]
        files = [(member, file.read()) for member, file in members if file]
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as new:
        for member, data in sorted(files, key=lambda file: file[0].name):
            if ".egg-info/" not in member.name:
                info = tarfile.TarInfo(member.name)
                info.size, info.mtime = len(data), EPOCH
                info.mode = 0o755 if member.mode & 0o100 else 0o644
                new.addfile(info, io.BytesIO(data))
    with path.open("wb") as out, gzip.GzipFile("", "wb", 9, out, EPOCH) as new_file:
        new_file.write(packed.getvalue())


def rewrite_zip(path: Path) -> None:
    """Write the wheel at `path` again: one time, one mode, RECORD last as it was."""
    with zipfile.ZipFile(path) as old:
        files = [(name, old.read(name)) for name in old.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in files:
            info = zipfile.ZipInfo(name, time.gmtime(EPOCH)[:6])
            info.external_attr = 0o100644 << 16
            info.create_system = 3  # Unix, wherever it is built
            new.writestr(info, data, zipfile.ZIP_DEFLATED)
