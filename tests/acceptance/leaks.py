"""Looks for passwords where none may be, in every form in which programs write text."""

from __future__ import annotations

import base64
import html
import json
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

#: How often the other processes are looked at, in seconds.
INTERVAL = 0.005


def _base64_forms(data: bytes) -> Iterator[bytes]:
    """The characters that stand for *data*, and for nothing else, wherever it begins in a longer text."""
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + data)[first:last]


def _percent_forms(password: str) -> Iterator[bytes]:
    quoted = quote(password, safe="")
    yield quoted.encode()
    yield quote(password).encode()
    yield "".join(f"%{byte:02x}" for byte in password.encode()).encode()
    yield "".join(f"%{byte:02X}" for byte in password.encode()).encode()


#: What a password may look like, by the name of the form.
FORMS: Mapping[str, Callable[[str], Iterable[bytes]]] = {
    "utf-8": lambda password: [password.encode()],
    "utf-16-le": lambda password: [password.encode("utf-16-le")],
    "utf-16-be": lambda password: [password.encode("utf-16-be")],
    "base64": lambda password: _base64_forms(password.encode()),
    "hex": lambda password: [password.encode().hex().encode(), password.encode().hex().upper().encode()],
    "url": _percent_forms,
    "json": lambda password: [json.dumps(password)[1:-1].encode()],
    "repr": lambda password: [repr(password)[1:-1].encode()],
    "html": lambda password: [html.escape(password).encode()],
}


def find(passwords: Iterable[str], places: Mapping[str, bytes]) -> list[tuple[str, str]]:
    """Where passwords are, and in which form. The passwords themselves are not told."""
    wanted = [(name, form) for password in passwords for name, forms in FORMS.items() for form in set(forms(password))]
    return sorted({(place, name) for place, data in places.items() for name, form in wanted if form in data})


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
