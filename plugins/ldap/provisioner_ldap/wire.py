"""How requests are sent and answers are read.

Each request is compared with the lease when it is encoded already, right before it is sent: to encode it takes ldap3
a while, in which the process may be stopped. Answers are read message by message, none longer than it may be, each
before one deadline: ldap3 would read as long as a server goes on sending, because its time limit begins again with
every byte.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeVar

import attrs
from ldap3.core.exceptions import LDAPSessionTerminatedByServerError, LDAPSocketSendError
from ldap3.utils.asn1 import encode

from provisioner.core.api.fencing import require_lease
from provisioner.core.model.text import marked
from provisioner.net.sockets import is_idle, receive, send
from provisioner_ldap.ber import LdapReply, read_entry, read_number, read_result
from provisioner_ldap.entry import Control, Entry
from provisioner_ldap.requests import ANSWERS, message

ReadT = TypeVar("ReadT")

#: How many bytes an answer may have. The longest is the schema of the directory, of a few hundred thousand.
LONGEST_ANSWER = 4 * 1024 * 1024

#: How many bytes are read at once.
_CHUNK = 65536

#: What every message begins with: ``LDAPMessage ::= SEQUENCE`` (RFC 4511, section 4.1.1).
_SEQUENCE = 0x30

#: How many octets tell the kind of a message, and its length if that is short.
_HEAD = 2

#: A length from here on is told by as many of the following octets as the lower bits say.
_LONG = 0x80

#: How many octets it takes at most to tell a length.
_LENGTH_OCTETS = 4


@attrs.define(eq=False)
class Wire:
    """Sends requests and reads answers over one connection of ldap3, in the place of its own strategy."""

    _connection: Any
    _deadline: float = attrs.field(default=0.0, init=False)
    #: Whether the next request changes something, so that it may only be sent while the account is ours.
    _changing: bool = attrs.field(default=False, init=False)
    #: How many bytes of the answer may still come.
    _allowed: int = attrs.field(default=0, init=False)
    #: What was received and belongs to a message that is not complete, or was not asked for.
    _received: bytearray = attrs.field(factory=bytearray, init=False, repr=False)
    #: The number of the request that was encoded here and is not answered.
    _number: int | None = attrs.field(default=None, init=False)
    #: The entries of the answer, if they are read here and not by ldap3.
    _entries: list[Entry] | None = attrs.field(default=None, init=False, repr=False)

    @classmethod
    def of(cls, connection: Any) -> Wire:
        """Return the wire of a connection that is not open yet, and make the connection use it."""
        wire = cls(connection)
        connection.strategy.sending = wire.send
        connection.strategy.receiving = wire.receive
        return wire

    def allow(self, seconds: float, *, changing: bool = False) -> None:
        """Let the next request and its whole answer take so many seconds.

        Args:

            seconds: How many.

            changing: Whether the request changes something.
        """
        self._deadline, self._allowed = time.monotonic() + seconds, LONGEST_ANSWER
        self._changing = changing

    def is_idle(self) -> bool:
        """Whether the server has said nothing since its last answer."""
        return not self._received and is_idle(self._connection.socket)

    @contextmanager
    def reading_entries(self) -> Iterator[list[Entry]]:
        """Yield a list that gets the entries of the next answer. ldap3 gets the rest of it."""
        entries: list[Entry] = []
        self._entries = entries
        try:
            yield entries
        finally:
            self._entries = None

    def send(self, request: Any) -> None:
        """Send a request as ldap3 describes it.

        Raises:

            LeaseLostError: Nothing was sent, because the account may be another process's by now.

            LDAPSocketSendError: It cannot be sent as a whole.
        """
        self._transmit(encode(request))

    def exchange(self, encode_operation: Callable[[], bytes], controls: Iterable[Control] = ()) -> None:
        """Make a request that is encoded here, and leave its result on the connection, as ldap3 does.

        Args:

            encode_operation: Returns the operation. What it encodes may be secret, so no argument holds it.

            controls: What else to ask for.

        Raises:

            LeaseLostError: Nothing was sent, because the account may be another process's by now.

            LDAPSocketSendError: It cannot be sent as a whole.

            LDAPSessionTerminatedByServerError: The server has hung up.

            OSError: The answer does not come in time, is too long, or cannot be one.
        """
        connection = self._connection
        connection.result = connection.response = connection.last_error = None
        operation = encode_operation()
        self._number = connection.server.next_message_id()
        try:
            self._transmit(message(self._number, operation, controls))
            result = self._result(ANSWERS[operation[0]])
        finally:
            self._number = None
        values = {identifier: {"value": value} for identifier, value in result.controls.items()}
        connection.result = {"result": result.code, "message": result.message, "controls": values}

    def _result(self, tag: int) -> LdapReply:
        """Return the result of the request that was encoded here, after all that comes before it."""
        result = None
        while result is None:
            received = self.receive()
            if not received or self._number_of(received[0]) == 0:  # what a server says unasked is that it hangs up
                self._connection.last_error = "session terminated by server"
                raise LDAPSessionTerminatedByServerError(self._connection.last_error)
            result = self._read(read_result, received[0])
        if result.tag != tag:
            raise self._senseless()
        return result

    def _read(self, read: Callable[[bytes], ReadT], received: bytes) -> ReadT:
        try:
            return read(received)
        except (IndexError, ValueError):
            raise self._senseless() from None

    def _number_of(self, received: bytes) -> int:
        """Return the number of a message, which is no other than that of the request that was encoded here."""
        number = self._read(read_number, received)
        if self._number is not None and number not in {0, self._number}:
            raise self._senseless()
        return number

    def _senseless(self) -> OSError:
        error = OSError(marked("it is not an LDAP message"))
        self._connection.last_error = str(error)
        return error

    def _transmit(self, encoded: bytes) -> None:
        changing, self._changing = self._changing, False
        if changing:
            require_lease()
        try:
            send(self._connection.socket, encoded, self._deadline)
        except OSError as error:
            self._connection.last_error = str(error)
            raise LDAPSocketSendError(str(error)) from None

    def receive(self) -> list[bytes]:
        """Return the next message of the answer, or nothing if the server has hung up.

        Raises:

            OSError: It does not come in time, is too long, or cannot be a message.
        """
        try:
            return self._message_for_ldap3()
        except OSError as error:
            self._connection.last_error = str(error)
            raise

    def _message_for_ldap3(self) -> list[bytes]:
        message = self._message()
        while self._is_taken(message):
            message = self._message()
        return message

    def _is_taken(self, message: list[bytes]) -> bool:
        """Read a message here if it is an entry, and entries are read here."""
        if self._entries is None or not message:
            return False
        entry = self._read(read_entry, message[0])
        if entry:
            self._number_of(message[0])
            self._entries.append(entry)
        return entry is not None

    def _message(self) -> list[bytes]:
        while len(self._received) < (length := self._expected()):
            connection = self._connection.socket
            data = receive(connection, partial(connection.recv, _CHUNK), self._deadline)
            if not data:
                return []
            self._received += data
        message = bytes(self._received[:length])
        del self._received[:length]
        self._allowed -= length
        return [message]

    def _expected(self) -> int:
        length = message_length(self._received)
        if length > self._allowed:
            raise OSError(marked("it is longer than an answer may be"))
        return length


def message_length(begun: bytes | bytearray) -> int:
    """Return how long a message is of which this has come; if that does not show yet, how much of it shows it.

    Raises:

        OSError: It is no message.
    """
    if len(begun) < _HEAD:
        return _HEAD
    if begun[0] != _SEQUENCE:
        raise OSError(marked("it is not an LDAP message"))
    if begun[1] < _LONG:
        return _HEAD + begun[1]
    octets = begun[1] - _LONG
    if not 0 < octets <= _LENGTH_OCTETS:
        raise OSError(marked("its length cannot be read"))
    start = _HEAD + octets
    return start + int.from_bytes(begun[_HEAD:start]) if len(begun) >= start else start
