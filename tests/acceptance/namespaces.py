"""A network namespace of Linux: processes in it reach the rest of the machine only over one cable that can be cut."""

from __future__ import annotations

import ctypes
import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import attrs

#: The number of the kernel for network namespaces, as in ``sched.h``.
_CLONE_NEWNET = 0x40000000


def is_possible() -> bool:
    """Whether this user may make namespaces, and has the program for it."""
    return os.geteuid() == 0 and shutil.which("ip") is not None


@attrs.frozen
class NetworkNamespace:
    """A namespace with loopback, and one end of a cable (a veth pair) whose other end is in the namespace of the tests.

    Args:

        name: Its name.

        outside: The address of the end of the cable with the tests.

        inside: The address of its own end.
    """

    name: str
    outside: str
    inside: str

    @classmethod
    @contextmanager
    def made(cls) -> Iterator[Self]:
        """Make one, and remove it at the end, with its cable and whatever happened."""
        third, fourth = secrets.randbelow(256), 4 * secrets.randbelow(64)
        addresses = (f"10.213.{third}.{fourth + 1}", f"10.213.{third}.{fourth + 2}")
        namespace = cls(f"prov{secrets.token_hex(4)}", *addresses)
        _ip("netns", "add", namespace.name)
        try:
            namespace._lay_cable()
            yield namespace
        finally:
            _ip("netns", "delete", namespace.name)

    @property
    def prefix(self) -> Sequence[str]:
        """What runs a command in it."""
        return ("nsenter", f"--net={self._file}")

    def cut(self) -> None:
        """Take the cable out: packets are lost, and nobody is told."""
        _ip("-netns", self.name, "link", "set", "cable", "down")

    def heal(self) -> None:
        """Put the cable in again."""
        _ip("-netns", self.name, "link", "set", "cable", "up")

    def listener(self, port: int) -> socket.socket:
        """Return a socket of this process that listens on loopback in the namespace, for a second way to a server."""
        made: list[socket.socket] = []

        def listen() -> None:  # the namespace is that of the thread, and the socket stays in it
            with self._file.open("rb") as file:
                if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            made.append(socket.create_server(("127.0.0.1", port)))

        thread = threading.Thread(target=listen, name="namespace")
        thread.start()
        thread.join()
        return made[0]

    @property
    def _file(self) -> Path:
        return Path("/run/netns", self.name)

    def _lay_cable(self) -> None:
        peer = f"{self.name}o"
        _ip("link", "add", peer, "type", "veth", "peer", "name", "cable", "netns", self.name)
        _ip("address", "add", f"{self.outside}/30", "dev", peer)
        _ip("link", "set", peer, "up")
        _ip("-netns", self.name, "address", "add", f"{self.inside}/30", "dev", "cable")
        for device in ("lo", "cable"):
            _ip("-netns", self.name, "link", "set", device, "up")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)
