"""A private Kannel on loopback: bearerbox, smsbox, and a phone network that keeps what it is sent.

Needs Debian's package ``kannel``. Everything lives in a temporary folder and ends with the ``with`` block. The fake
SMSC listens on every interface, whatever it is told, and refuses all but loopback.
"""

from __future__ import annotations

import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote_to_bytes

import attrs

from provisioner.testing.ports import free_ports, is_open

#: The log level at which Kannel writes no texts: warnings. At 1 and below smsbox logs each text in full.
QUIET = 2

#: How long a part of Kannel may take to start or to stop.
PATIENCE = 60.0

#: What begins a message on the wire of the fake SMSC: sender, number, header and kind. A text may contain line ends.
_HEAD = re.compile(rb"(?m)^\S+ (\+?\d+) (?:udh (\S+) )?(text|data|ucs-2) ")

_CONFIGURATION = """\
group = core
admin-port = {admin}
admin-interface = 127.0.0.1
admin-password = {password}
smsbox-port = {boxes}
smsbox-interface = 127.0.0.1
box-allow-ip = 127.0.0.1
log-level = {log_level}
log-file = {folder}/bearerbox.log
{store}
group = smsc
smsc = fake
smsc-id = operator
port = {operator}
connect-allow-ip = 127.0.0.1
{denied}
group = smsbox
bearerbox-host = 127.0.0.1
bearerbox-port = {boxes}
sendsms-port = {sendsms}
sendsms-interface = 127.0.0.1
log-level = {log_level}
log-file = {folder}/smsbox.log

group = sendsms-user
username = {username}
password = {password}
concatenation = true
max-messages = 3
"""


#: Kannel's own program for an operator's side. It prints what it is sent, so it serves to look, not to take apart.
FAKESMSC = Path("/usr/lib/kannel/test/fakesmsc")


def missing_packages() -> tuple[str, ...]:
    """Return the Debian packages without which no Kannel can be started here."""
    needed = {
        "kannel": bool(shutil.which("bearerbox") and shutil.which("smsbox")),
        "kannel-extras": FAKESMSC.exists(),
    }
    return tuple(package for package, there in needed.items() if not there)


@attrs.define(eq=False)
class PhoneNetwork:
    """An operator's side of Kannel's fake SMSC: a client that is handed every message, one line each."""

    #: Where Kannel waits for its operator.
    port: int
    _connection: socket.socket | None = None
    _thread: threading.Thread | None = None
    _received: bytearray = attrs.field(factory=bytearray, init=False, repr=False)

    def connect(self) -> None:
        """Be there for messages.

        Raises:

            TimeoutError: Kannel does not let the network in.
        """
        wait_until(self._connected)
        self._thread = threading.Thread(target=self._receive, args=(self._connection,), name="phone-network")
        self._thread.start()

    def disconnect(self) -> None:
        """Be gone; Kannel keeps what it is given from now on. May be called twice."""
        if self._connection is None or self._thread is None:
            return
        with suppress(OSError):
            self._connection.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._connection.close()
        self._connection = self._thread = None

    def texts(self, number: str) -> list[str]:
        """Return the texts that were sent to *number*, the oldest first; parts are put together as a phone does."""
        whole: dict[tuple[str, bytes | int], str] = {}
        for position, (to, reference, text) in enumerate(self._messages()):
            key = reference or position
            whole[to, key] = whole.get((to, key), "") + text
        return [text for (to, _), text in whole.items() if to == number]

    def clear(self) -> None:
        """Forget what was sent so far."""
        self._received.clear()

    def _connected(self) -> bool:
        with suppress(ConnectionRefusedError):
            self._connection = socket.create_connection(("127.0.0.1", self.port))
        return self._connection is not None

    def _receive(self, connection: socket.socket) -> None:
        try:
            while piece := connection.recv(65536):
                self._received += piece
        except OSError:
            return

    def _messages(self) -> Iterator[tuple[str, bytes, str]]:
        """Yield number, reference of a message in parts, and text."""
        pieces = _HEAD.split(bytes(self._received))
        for to, header, kind, text in zip(pieces[1::4], pieces[2::4], pieces[3::4], pieces[4::4], strict=True):
            line = text.removesuffix(b"\n")
            plain = line if kind == b"text" else unquote_to_bytes(line.replace(b"+", b" "))
            # The header's fourth byte tells the messages of one sender apart.
            reference = unquote_to_bytes(header)[3:4] if header else b""
            yield to.decode(), reference, plain.decode("utf-16-be" if kind == b"ucs-2" else "utf-8", "replace")


@attrs.define(eq=False, kw_only=True)
class ConfiguredKannel:
    """A running Kannel with any configuration. :meth:`configured` makes one."""

    folder: Path
    _configuration: str = attrs.field(repr=False)
    _boxes: dict[str, subprocess.Popen[bytes]] = attrs.field(factory=dict, init=False, repr=False)

    @classmethod
    @contextmanager
    def configured(cls, configuration: str, folder: Path) -> Iterator[Self]:
        """Run a Kannel for as long as the ``with`` block.

        Args:

            configuration: The content of kannel.conf, with the groups core, smsbox and sendsms-user.

            folder: Where its files are.

        Raises:

            FileNotFoundError: Kannel is not installed.

            TimeoutError: It did not start.
        """
        if missing := missing_packages():
            msg = f"Kannel is not installed; apt-get install {' '.join(missing)}"
            raise FileNotFoundError(msg)
        (folder / "kannel.conf").write_text(configuration, encoding="utf-8")
        kannel = cls(folder=folder, configuration=configuration)
        try:
            kannel.start()
            yield kannel
        finally:
            kannel.stop()

    @property
    def url(self) -> str:
        """The address of the sendsms service."""
        return f"http://127.0.0.1:{self._setting('smsbox', 'sendsms-port')}/cgi-bin/sendsms"

    @property
    def status_url(self) -> str:
        """The address of the status page."""
        return f"http://127.0.0.1:{self._setting('core', 'admin-port')}/status.xml"

    @property
    def username(self) -> str:
        """The user of the sendsms service."""
        return self._setting("sendsms-user", "username")

    @property
    def password(self) -> str:
        """The password of this user."""
        return self._setting("sendsms-user", "password")

    def settings(self) -> dict[str, Any]:
        """Return a table ``[channels.NAME]`` that sends to this Kannel, for tests: it holds the password."""
        return {
            "plugin": "sms",
            "gateway": "kannel",
            "help_desk": "0344 000 00 00",
            "sender": "KURUM",
            "kannel": {"url": self.url, "username": self.username, "password": f"plain:{self.password}"},
        }

    def files(self) -> dict[str, bytes]:
        """Return every file that Kannel wrote, logs and spool, by its name."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and path.name != "kannel.conf")
        return {path.name: path.read_bytes() for path in files}

    def start(self) -> None:
        """Start what does not run."""
        for program, port in (
            ("bearerbox", self._setting("core", "smsbox-port")),
            ("smsbox", self._setting("smsbox", "sendsms-port")),
        ):
            if program not in self._boxes or self._boxes[program].poll() is not None:
                self._start(program, int(port))

    def pause(self, *boxes: str) -> None:
        """Stop ``bearerbox``, ``smsbox`` or both: connections are accepted, and nothing answers.

        A message that arrives while bearerbox is stopped is sent when it goes on; one that arrives while smsbox is, is
        dropped if its sender gave up before.
        """
        self._signal(signal.SIGSTOP, *boxes)
        # The signal is under way for a moment, and a thread that still runs could still answer.
        wait_until(lambda: all(_is_stopped(self._boxes[name].pid) for name in boxes or self._boxes))

    def resume(self) -> None:
        """Let it go on after :meth:`pause`.

        What has ended meanwhile is started again: smsbox ends when it finds bearerbox silent for too long.
        """
        self._signal(signal.SIGCONT)
        self.start()

    def kill(self) -> None:
        """End it without a warning; what was queued is lost, except what is in a spool."""
        self._signal(signal.SIGKILL)

    def restart(self, *, hard: bool = False) -> None:
        """End it, or kill it, and start it again."""
        if hard:
            self.kill()
        self.stop()
        self.start()

    def stop(self) -> None:
        """End it. May be called twice."""
        for box in reversed(self._boxes.values()):
            box.send_signal(signal.SIGCONT)
            box.terminate()
            try:
                box.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                box.kill()
                box.wait()

    def _setting(self, group: str, name: str) -> str:
        """Return a value of the configuration; ``0`` if it is not there."""
        groups = re.split(r"(?m)^group = ", self._configuration)
        values = next((text for text in groups if text.startswith(f"{group}\n")), "")
        found = re.search(rf"(?m)^{name} = (\S+)", values)
        return found[1] if found else "0"

    def _signal(self, number: signal.Signals, *boxes: str) -> None:
        for name in boxes or self._boxes:
            self._boxes[name].send_signal(number)

    def _start(self, program: str, port: int) -> None:
        with (self.folder / f"{program}.out").open("wb") as output:
            # -v 4: nothing but panics on the terminal, which is a log of its own.
            command = [program, "-v", "4", str(self.folder / "kannel.conf")]
            box = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=self.folder)
        self._boxes[program] = box
        wait_until(lambda: is_open(port) or box.poll() is not None)
        if box.poll() is not None:
            msg = f"{program} ended with {box.returncode}: {(self.folder / f'{program}.log').read_text()[-2000:]}"
            raise TimeoutError(msg)


@attrs.define(eq=False, kw_only=True)
class Kannel(ConfiguredKannel):
    """A running Kannel with a phone network. :meth:`running` makes one."""

    #: The operator's side.
    network: PhoneNetwork = attrs.field(init=False)

    @classmethod
    @contextmanager
    def running(cls, *, log_level: int = QUIET, spool: bool = False, denied: Sequence[str] = ()) -> Iterator[Self]:
        """Run a Kannel for as long as the ``with`` block.

        Args:

            log_level: Kannel's own: 0 debug, 1 information, 2 warnings.

            spool: Whether it keeps messages in a file while they wait.

            denied: The beginnings of numbers that its operator does not take.

        Raises:

            FileNotFoundError: Kannel is not installed.

            TimeoutError: It did not start.
        """
        with tempfile.TemporaryDirectory(prefix="kannel-") as folder:
            admin, boxes, operator, sendsms = free_ports(4)
            configuration = _CONFIGURATION.format(
                admin=admin,
                boxes=boxes,
                operator=operator,
                sendsms=sendsms,
                folder=folder,
                log_level=log_level,
                store=f"store-type = file\nstore-location = {folder}/spool\n" if spool else "",
                denied=f"denied-prefix = {';'.join(denied)}\n" if denied else "",
                username="provisioner",
                password="kannel-password-of-tests",  # noqa: S106 - of a server that lives for one test
            )
            with cls.configured(configuration, Path(folder)) as kannel:
                kannel.network = PhoneNetwork(operator)
                kannel.network.connect()
                try:
                    yield kannel
                finally:
                    kannel.network.disconnect()

    def inbox(self, number: str) -> list[str]:
        """Return the texts that the phone with *number* received, the oldest first."""
        return self.network.texts(number)


def _is_stopped(pid: int) -> bool:
    """Whether no thread of a process runs."""
    threads = Path(f"/proc/{pid}/task").glob("*/stat")
    return all(thread.read_text().rpartition(")")[2].split()[0] == "T" for thread in threads)


def wait_until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until *condition* is true.

    Raises:

        TimeoutError: It did not become true.
    """
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            msg = f"waited {patience} s for nothing"
            raise TimeoutError(msg)
        time.sleep(0.02)
