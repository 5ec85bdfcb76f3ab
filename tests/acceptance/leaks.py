"""Looks for passwords where none may be, in every form in which programs write text."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from provisioner.core.model.spellings import spellings

#: How often the other processes are looked at, in seconds.
INTERVAL = 0.005


def find(passwords: Iterable[str], places: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Where passwords are, and in which form. The passwords themselves are not told."""
    wanted = [(form, one) for password in passwords for form, all_ in spellings(password).items() for one in all_]
    lowered = {place: data.lower() for place, data in places.items()}
    return sorted({(place, form) for place, data in lowered.items() for form, one in wanted if one in data})


def files_in(*folders: Path) -> dict[str, bytes]:
    """What is written in every file in these folders, by its path."""
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return {str(path): b"".join(_written(path)) for path in paths}


def _written(path: Path) -> Iterator[bytes]:
    """Leave out the holes: a directory's database says it is large, and is not."""
    with path.open("rb", buffering=0) as file, suppress(OSError):
        end = 0
        while True:
            start = os.lseek(file.fileno(), end, os.SEEK_DATA)
            end = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            yield os.pread(file.fileno(), end - start, start)


@contextmanager
def watching(pid: int) -> Iterator[dict[str, bytes]]:
    """Yield what everybody on this machine can see of a process, for as long as the block lasts; it grows."""
    seen: dict[str, set[bytes]] = {"cmdline": set(), "environ": set()}
    shown: dict[str, bytes] = {}
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(INTERVAL):
            for name, contents in seen.items():
                with suppress(OSError):
                    contents.add(Path(f"/proc/{pid}/{name}").read_bytes())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield shown
    finally:
        stop.set()
        thread.join()
        shown |= {f"/proc/PID/{name}": b"\n".join(contents) for name, contents in seen.items()}
