"""Writes files into an archive that common tools read, and reads it back.

The archive is a tar file with a list of checksums as its first member, as ``sha256sum`` writes and checks them.
"""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

#: The name of the list of checksums.
CHECKSUMS = "SHA256SUMS"

_BLOCK = 1024 * 1024


def write_archive(stream: IO[bytes], members: Sequence[Path]) -> None:
    """Write an archive of these files, which are all in one folder. The list of their checksums is made beside them.

    Raises:

        OSError: A file cannot be read, or the archive not be written.
    """
    checksums = members[0].with_name(CHECKSUMS)
    lines = [f"{file_sha256(member)}  {member.name}\n" for member in members]
    checksums.write_text("".join(lines), encoding="utf-8")
    checksums.chmod(members[0].stat().st_mode)
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in (checksums, *members):
            archive.add(member, member.name, recursive=False)


def is_whole(file: Path, names: Sequence[str]) -> bool:
    """Whether an archive can be read to its end, and has these files as its list of checksums says.

    Raises:

        OSError: It cannot be read.
    """
    try:
        with tarfile.open(file, mode="r:") as archive:
            found = dict(_checksums_of(archive))
            listed = archive.extractfile(CHECKSUMS)
            lines = listed.read().decode().splitlines() if listed else []
    except (tarfile.TarError, KeyError):
        return False
    return lines == [f"{found.get(name)}  {name}" for name in names]


def file_sha256(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits.

    Raises:

        OSError: It cannot be read.
    """
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _checksums_of(archive: tarfile.TarFile) -> Iterator[tuple[str, str]]:
    for member in archive:
        content = archive.extractfile(member)
        if content:
            digest = hashlib.sha256()
            while block := content.read(_BLOCK):
                digest.update(block)
            yield member.name, digest.hexdigest()
