"""Speaks LDAP. With :mod:`~provisioner_ldap.connections`, :mod:`~provisioner_ldap.errors` and
:mod:`~provisioner_ldap.wire`, all that knows ldap3.

What ldap3 must not do here, and does if it is let:

- Send a request again by itself. So the strategy is ``SYNC``, and reconnecting is the pool's business.
- Open a closed connection again for a bind, without TLS. So a connection is never used after it was closed.
- Follow referrals with our password. So ``auto_referrals`` is off.
- Verify certificates loosely, or not at all. So it is given sockets wrapped by Python's own strict context.
- Wait permanently. So both timeouts are always set, and answers are read by our own
  :class:`~provisioner_ldap.wire.Wire`, which has one deadline for each.

ldap3 also keeps each request, passwords included, on the connection and in its frames. They are dropped unseen. The
requests that every account needs are encoded by :mod:`~provisioner_ldap.requests`, which is faster.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

import attrs
import ldap3
from ldap3.core import results
from ldap3.protocol.controls import build_control
from ldap3.utils.conv import escape_bytes

from provisioner.core.api.errors import (
    LeaseLostError,
    MisconfiguredError,
    PartialListError,
    RefusedError,
    SecretRefusedError,
    TargetError,
    UnavailableError,
    UnknownOutcomeError,
)
from provisioner.core.model.secret import Secret
from provisioner_ldap import ppolicy, requests
from provisioner_ldap.entry import OBJECT_CLASS, Attributes, Control, Entry
from provisioner_ldap.errors import (
    LEAVES_DOUBT,
    REFUSES_CHANGES,
    LdapResult,
    TakenError,
    from_answer,
    from_exception,
    in_doubt,
    no_base,
    no_parent,
    read_only,
)
from provisioner_ldap.families import ROOT, recognised
from provisioner_ldap.families.base import Family
from provisioner_ldap.families.closure_marks import with_marks
from provisioner_ldap.names import container_of, entry_dn, rdn_of
from provisioner_ldap.schema import Schema
from provisioner_ldap.settings import LdapSettings
from provisioner_ldap.wire import Wire

#: Asks the directory to say in its answer what the password policy thinks.
_POLICY: Control = (ppolicy.OID, None)
_POLICY_CONTROL = [build_control(ppolicy.OID, criticality=False, value=None)]

_SUBSCHEMA, _ATTRIBUTE_TYPES, _OBJECT_CLASSES = "subschemaSubentry", "attributeTypes", "objectClasses"

#: The control that reads a list in pages (RFC 2696), and how many entries a page has.
_PAGED, PAGE_SIZE = "1.2.840.113556.1.4.319", 500

#: Returns what a request writes to set a password, given its number from 0; ``None`` for Password Modify.
Written = Callable[[Secret, int], Attributes | None]

#: The login of no account. How a server answers a change of its entry shows whether it takes changes.
_NAMELESS = "provisioner asks whether this server takes changes"


@attrs.define(eq=False)
class LdapSession:
    """One connection to one server, for one thread at a time."""

    #: The URL of the server.
    server: str
    _connection: Any = attrs.field(repr=False)
    _wire: Wire = attrs.field(repr=False)
    _settings: LdapSettings = attrs.field(repr=False)
    #: What kind of directory it is, once that is known.
    _family: Family | None = attrs.field(default=None, repr=False)
    #: Whether every request so far was answered.
    usable: bool = attrs.field(default=True, init=False)
    #: Whether a password policy applies to the service account; ``None`` where no password shows it.
    policed: bool | None = attrs.field(default=False, init=False)
    _schema: Schema | None = attrs.field(default=None, init=False, repr=False)
    #: Below which entries the server has shown that it takes changes. What it does not have there is not there.
    _changeable: set[str] = attrs.field(factory=set, init=False, repr=False)

    @property
    def tls_version(self) -> str | None:
        """How the connection is encrypted, if it is."""
        wrapped = self._connection.socket
        return wrapped.version() if isinstance(wrapped, ssl.SSLSocket) else None

    @property
    def certificate_until(self) -> datetime | None:
        """Until when the certificate that the server showed is good, in UTC, if it showed one."""
        wrapped = self._connection.socket
        shown: Any = wrapped.getpeercert() if isinstance(wrapped, ssl.SSLSocket) else None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC) if shown else None

    @property
    def family(self) -> Family:
        """What kind of directory it is. The server is asked once.

        Raises:

            MisconfiguredError: It does not show that.
        """
        if self._family is None:
            found = recognised(self.read("", ROOT), self.server)
            self._family = with_marks(found, self._settings.closed, self._settings.opened)
        return self._family

    def bind(self, dn: str, password: Secret) -> LdapResult:
        """Log in. The answer says whether this name and this password are accepted.

        Raises:

            SecretRefusedError: The password cannot be sent.

            TransientError: The server does not answer.
        """
        # The clear text stays in frames that no error of ours refers to.
        answer, _ = self._ask(
            self._wire.exchange, lambda: requests.bind(dn, _encoded(password, self.server)), [_POLICY]
        )
        return answer

    def bind_external(self) -> LdapResult:
        """Log in as who we have shown to be: by our certificate, or on this machine by our user (SASL EXTERNAL).

        Raises:

            TransientError: The server does not answer.
        """
        connection = self._connection
        connection.user, connection.authentication = None, ldap3.SASL
        connection.sasl_mechanism, connection.sasl_credentials = ldap3.EXTERNAL, ""
        self.policed = None
        answer, _ = self._ask(connection.bind, read_server_info=False)
        return answer

    def read(self, dn: str, attributes: Iterable[str], control: Control | None = None) -> Entry:
        """Read one entry. One that is not there, or not for us to see, holds nothing.

        Args:

            dn: Its name.

            attributes: What to read of it.

            control: What else to ask for, by its identifier and value.
        """
        wanted = [OBJECT_CLASS, *attributes]
        with self._wire.reading_entries() as found:
            answer, _ = self._ask(
                self._wire.exchange, lambda: requests.search_entry(dn, wanted), [control] if control else []
            )
        if answer.code == results.RESULT_NO_SUCH_OBJECT:
            return Entry(dn)
        self._succeeded(answer)
        values = {name: held for entry in found for name, held in entry.values.items()}
        return Entry(dn, self._as_asked(values, _lower(wanted)), is_hidden=not values)

    def locate(
        self, base: str, test: str, attributes: Iterable[str], control: Control | None = None
    ) -> Sequence[Entry]:
        """Read the entries anywhere below *base* that match a filter. There are few of them.

        Args:

            base: The entry above them.

            test: The filter.

            attributes: What to read of each.

            control: What else to ask for, by its identifier and value.

        Raises:

            MisconfiguredError: There is no such entry above them.

            PartialListError: None was found, and a part of what is below *base* is on another server.
        """
        wanted = [OBJECT_CLASS, *attributes]
        answer, found = self._ask(
            self._connection.search,
            base,
            test,
            ldap3.SUBTREE,
            ldap3.DEREF_NEVER,
            attributes=wanted,
            controls=_controls(control),
        )
        if answer.code == results.RESULT_NO_SUCH_OBJECT:
            raise no_base(self.server, base)
        self._succeeded(answer)
        names = _lower(wanted)
        entries = [self._renamed(_entry(result), names) for result in found if result["type"] == "searchResEntry"]
        if not entries:
            self._expect_whole(base, found)
        return entries

    def find(self, base: str, attributes: Attributes) -> str | None:
        """Return the name of an entry below *base* that has one of these values, if there is one."""
        tests = [f"({name}={escape_bytes(value)})" for name, values in attributes.items() for value in values]
        return self._first(base, f"(|{''.join(tests)})", ldap3.SUBTREE)

    def _first(self, base: str, test: str, scope: str) -> str | None:
        """Return the name of an entry that matches a filter, if there is one."""
        answer, found = self._ask(self._connection.search, base, test, scope, ldap3.DEREF_NEVER, ["1.1"], size_limit=1)
        if answer.code != results.RESULT_SIZE_LIMIT_EXCEEDED:
            self._succeeded(answer)
        return next((result["dn"] for result in found if result["type"] == "searchResEntry"), None)

    def pages(self, base: str, test: str, attributes: Iterable[str], *, subtree: bool = False) -> Iterator[list[Entry]]:
        """Read the entries below *base* that match a filter, page by page (RFC 2696).

        Args:

            base: The entry above them. If it does not exist, that is an error, and not an empty list.

            test: The filter.

            attributes: What to read of each.

            subtree: Whether to read all entries below, and not only those directly below.

        Raises:

            PartialListError: A part of all that is below *base* is on another server.

            TargetError: A page was refused, or did not come. What came before is not all.
        """
        wanted = [OBJECT_CLASS, *attributes]
        names = _lower(wanted)
        cookie: bytes | None = b""
        while cookie is not None:
            with self._wire.reading_entries() as found:
                answer, others = self._ask(
                    self._connection.search,
                    base,
                    test,
                    ldap3.SUBTREE if subtree else ldap3.LEVEL,
                    ldap3.DEREF_NEVER,
                    attributes=wanted,
                    paged_size=PAGE_SIZE,
                    paged_criticality=True,
                    paged_cookie=cookie,
                )
            self._succeeded(answer)
            if subtree:  # otherwise a referral stands for one entry, and a probe shows it
                self._expect_whole(base, others)
            cookie = self._next_page()
            yield [self._renamed(entry, names) for entry in found]

    def schema(self) -> Schema:
        """Return what the server calls things. It is read once.

        Raises:

            MisconfiguredError: The server does not show it to the service account.
        """
        if self._schema is None:
            place = self.read("", [_SUBSCHEMA]).text(_SUBSCHEMA)
            entry = self.read(place, [_ATTRIBUTE_TYPES, _OBJECT_CLASSES]) if place else Entry("")
            if not entry[_ATTRIBUTE_TYPES]:
                raise MisconfiguredError(
                    "{server} does not show its schema",
                    cure="let the service account read the entry that subschemaSubentry names",
                    server=self.server,
                )
            self._schema = Schema.parse(entry[_ATTRIBUTE_TYPES], entry[_OBJECT_CLASSES])
        return self._schema

    def _renamed(self, entry: Entry, names: AbstractSet[str]) -> Entry:
        values = self._as_asked(entry.values, names)
        return entry if values is entry.values else Entry(entry.dn, values)

    def _expect_whole(self, base: str, found: Iterable[Mapping[str, Any]]) -> None:
        """Check that an answer does not refer to another server for a part of what is below *base*.

        Raises:

            PartialListError: It does.
        """
        places = [place for result in found if result["type"] == "searchResRef" for place in result["uri"]]
        if places and not self.family.refers_to_other_domains:
            raise PartialListError(
                "{server} refers to {place} for a part of {base}",
                cure="remove the referral, or set base_dn to an entry below which this directory has everything",
                server=self.server,
                place=places[0],
                base=base,
            )

    def _next_page(self) -> bytes | None:
        """Return what asks for the next page; ``None`` if the server says that there is none.

        Raises:

            PartialListError: It doesn't say that.
        """
        control = self._connection.result.get("controls", {}).get(_PAGED)
        if control is None:
            raise PartialListError("{server} doesn't tell whether its list is complete", server=self.server)
        return control["value"]["cookie"] or None

    def _as_asked(
        self, found: Mapping[str, tuple[bytes, ...]], names: AbstractSet[str]
    ) -> Mapping[str, tuple[bytes, ...]]:
        """Return attributes under the names that they were asked for: a server may answer with another name of each."""
        if found.keys() <= names or all(name.partition(";")[0] in names for name in found):
            return found
        schema = self.schema()
        names_of = {schema.attribute(name): name for name in names}
        return {names_of.get(schema.attribute(name), name): values for name, values in found.items()}

    def expect_changes(self, base: str) -> None:
        """Check that the server takes changes, so that what it says is not what was true a while ago.

        A change that it made shows that, and so does its answer to the renaming of an entry that is not there.

        Args:

            base: The entry below which the accounts are that it is asked about.

        Raises:

            ReadOnlyServerError: It takes none.
        """
        if base in self._changeable:
            return
        answer = self._ask_for_no_change(base)
        if answer.code in REFUSES_CHANGES:
            raise read_only(answer)
        if answer.code != results.RESULT_NO_SUCH_OBJECT:
            raise self.family.explain(answer)
        self._changeable.add(base)

    def add(self, dn: str, attributes: Attributes, password: Secret | None = None) -> bool:
        """Make an entry. Return ``False`` if its name, or a value that only one may have, is taken.

        Args:

            dn: Its name.

            attributes: What it holds.

            password: Its password, where a new entry has one from the beginning.
        """
        family = self.family

        def encode() -> bytes:
            return requests.add(dn, {**attributes, **family.fresh(password)} if password else attributes)

        answer = self._change(dn, self._wire.exchange, encode)
        if answer.code == results.RESULT_NO_SUCH_OBJECT:
            raise no_parent(self.server, dn)
        return not self._is_taken(answer) and self._kept(answer, attributes).ok

    def modify(self, dn: str, attributes: Attributes) -> None:
        """Replace the values of attributes, all of them or none."""
        answer = self._change(dn, self._connection.modify, dn, _replacing(attributes), controls=_POLICY_CONTROL)
        self._kept(answer, attributes)

    def move(self, dn: str, to: str) -> None:
        """Give an entry another name, in the same container or another one.

        Raises:

            NoParentError: There is no such container.

            MissingError: There is no such entry.
        """
        answer = self._change(dn, self._connection.modify_dn, dn, rdn_of(to), new_superior=container_of(to))
        if not answer.ok and not self.read(container_of(to), ()).exists:
            raise no_parent(self.server, to)
        self._succeeded(answer)

    def replace_value(self, dn: str, name: str, old: str, new: str) -> bool:
        """Replace one value of an attribute by another. Return ``False`` if it doesn't have it any more."""
        values = [(ldap3.MODIFY_DELETE, [old.encode()]), (ldap3.MODIFY_ADD, [new.encode()])]
        answer = self._modify_value(dn, {name: values})
        return answer.code != results.RESULT_NO_SUCH_ATTRIBUTE and self._succeeded(answer).ok

    def holds(self, dn: str, name: str, value: str) -> bool:
        """Return whether an attribute of an entry has a value, as the directory compares it."""
        return self._first(dn, f"({name}={escape_bytes(value.encode())})", ldap3.BASE) is not None

    def add_value(self, dn: str, name: str, value: str) -> bool:
        """Add a value to an attribute. Return ``False`` if it has it already."""
        answer = self._modify_value(dn, {name: [(ldap3.MODIFY_ADD, [value.encode()])]})
        return answer.code != results.RESULT_ATTRIBUTE_OR_VALUE_EXISTS and self._succeeded(answer).ok

    def remove_value(self, dn: str, name: str, value: str, placeholder: str) -> bool:
        """Remove a value of an attribute. Return ``False`` if it doesn't have it.

        Args:

            dn: The name of the entry.

            name: The attribute.

            value: The value.

            placeholder: What takes its place if the entry must have a value.
        """
        removal = (ldap3.MODIFY_DELETE, [value.encode()])
        answer = self._modify_value(dn, {name: [removal]})
        if answer.code == results.RESULT_OBJECT_CLASS_VIOLATION:
            answer = self._modify_value(dn, {name: [removal, (ldap3.MODIFY_ADD, [placeholder.encode()])]})
        return answer.code != results.RESULT_NO_SUCH_ATTRIBUTE and self._succeeded(answer).ok

    def _modify_value(self, dn: str, changes: Mapping[str, object]) -> LdapResult:
        return self._change(dn, self._connection.modify, dn, changes)

    def delete(self, dn: str) -> bool:
        """Remove an entry. Return ``False`` if it is not there."""
        answer = self._change(dn, self._connection.delete, dn)
        return answer.code != results.RESULT_NO_SUCH_OBJECT and self._succeeded(answer).ok

    def set_password(self, dn: str, password: Secret, written: Written | None = None) -> LdapResult:
        """Set a password, which the server hashes. The answer says whether it did.

        Args:

            dn: The name of the entry.

            password: The password.

            written: Returns what each request writes; by default, that of the family for accounts.

        Raises:

            SecretRefusedError: The password cannot be sent.

            UnknownOutcomeError: It was set in part.

            TargetError: The server cannot do it, or does not answer.
        """
        write = partial(self._write_password, dn, password, written or self.family.written)
        answer = write(0)
        for number in range(1, self.family.password_requests):
            if answer.ok:
                self._complete_password(dn, partial(write, number))
        return answer

    def _complete_password(self, dn: str, write: Callable[[], LdapResult]) -> None:
        """Make a further request, without which the password is set in part."""
        try:
            self._succeeded(write())
        except TargetError as error:
            raise UnknownOutcomeError(
                "the password of {dn} was set in part: {reason}", dn=dn, reason=error.text
            ) from None

    def _write_password(self, dn: str, password: Secret, written: Written, number: int) -> LdapResult:
        def send() -> None:
            if attributes := written(password, number):
                self._connection.modify(dn, _replacing(attributes), controls=_POLICY_CONTROL)
                return
            self._wire.exchange(lambda: requests.modify_password(dn, _encoded(password, self.server)), [_POLICY])

        # The clear text stays in frames that no error of ours refers to.
        return self._change(dn, send)

    def is_idle(self) -> bool:
        """Whether the server has said nothing since its last answer."""
        return self._wire.is_idle()

    def close(self) -> None:
        """Hang up, politely if the server still listens. Raises nothing."""
        with suppress(Exception):
            if self.usable:
                self._connection.unbind()
        self.usable = False
        close_socket(self._connection)

    def _change(self, dn: str, operation: Callable[..., Any], *arguments: object, **options: object) -> LdapResult:
        answer, _ = self._ask(operation, *arguments, changing=True, **options)
        base = self._settings.base_of(dn)
        if answer.code in REFUSES_CHANGES and (other := self._ask_for_no_change(base)).code in REFUSES_CHANGES:
            raise read_only(other)  # otherwise it is this entry that is refused, for example because it is a referral
        if answer.code in LEAVES_DOUBT and self.family.leaves_doubt(answer):
            raise in_doubt(answer)
        if answer.ok and dn.endswith(f",{base}"):
            self._changeable.add(base)
        return answer

    def _is_taken(self, answer: LdapResult) -> bool:
        return not answer.ok and isinstance(self.family.explain(answer), TakenError)

    def _succeeded(self, answer: LdapResult) -> LdapResult:
        if not answer.ok:
            raise self._family.explain(answer) if self._family else from_answer(answer)
        return answer

    def _kept(self, answer: LdapResult, attributes: Attributes) -> LdapResult:
        """Check that an entry was written. If a value that it must have is blank, that is about this entry alone."""
        blank = [name for name, values in attributes.items() if not values]
        if answer.code == results.RESULT_OBJECT_CLASS_VIOLATION and blank:
            raise RefusedError(
                "{server} answered: {answer}; without a value are {blank}",
                cure="give the unit and its holder the names that the attributes of the target need",
                server=answer.server,
                answer=str(answer),
                blank=", ".join(blank),
            )
        return self._succeeded(answer)

    def _ask_for_no_change(self, base: str) -> LdapResult:
        rdn = self._settings.rdn
        return self._ask(self._connection.modify_dn, entry_dn(rdn, _NAMELESS, base), f"{rdn}={_NAMELESS}")[0]

    def _ask(
        self, operation: Callable[..., Any], *arguments: object, changing: bool = False, **options: object
    ) -> tuple[LdapResult, list[Any]]:
        """Make one request. After one that was not answered the connection is not used again."""
        if not self.usable:
            raise UnavailableError("the connection to {server} was lost before", server=self.server)
        failure: BaseException
        try:
            self._wire.allow(self._settings.timeout, changing=changing)
            operation(*arguments, **options)
            return self._answer(self._connection.result), self._connection.response or []
        except (TargetError, LeaseLostError) as error:
            failure = error  # nothing was sent
        except Exception as error:
            self.usable = False
            failure = translated(error, self._connection, server=self.server, changing=changing)
        except BaseException as error:
            self.usable = False
            failure = error
        finally:
            self._connection.request = None
            self._connection.strategy._outstanding = {}  # noqa: SLF001 - it holds the request, too
        # Outside the handler and without what was noted so far: the frames of ldap3 hold the request.
        failure.__context__ = None
        raise failure.with_traceback(None)

    def _answer(self, result: Mapping[str, Any]) -> LdapResult:
        control = result.get("controls", {}).get(ppolicy.OID)
        if control is not None:
            self.policed = True
        return LdapResult(
            server=self.server,
            code=result["result"],
            message=result["message"],
            policy=ppolicy.policy_error(control["value"] or b"") if control else None,
        )


def _encoded(password: Secret, server: str) -> bytes:
    """Return a password as it is sent. The error for one that cannot be sent does not quote it."""
    with suppress(UnicodeEncodeError):
        return password.reveal().encode()
    raise SecretRefusedError("the password cannot be sent to {server}", server=server)


def filter_value(text: str) -> str:
    """Return a value as it stands in a filter (RFC 4515, section 3)."""
    return str(escape_bytes(text.encode()))


def _controls(control: Control | None) -> list[Any] | None:
    if control is None:
        return None
    return [build_control(control[0], criticality=False, value=control[1], encode_control_value=False)]


def _entry(result: Mapping[str, Any]) -> Entry:
    """Return an entry as ldap3 has read it."""
    return Entry(result["dn"], {name.lower(): tuple(held) for name, held in result["raw_attributes"].items()})


def _replacing(attributes: Attributes) -> dict[str, list[tuple[str, list[bytes]]]]:
    return {name: [(ldap3.MODIFY_REPLACE, list(values))] for name, values in attributes.items()}


def _lower(names: Iterable[str]) -> frozenset[str]:
    return frozenset(map(str.lower, names))


def close_socket(connection: Any) -> None:
    """Close what ldap3 leaves open after a failure."""
    if connection.socket is not None:
        connection.socket.close()


def translated(error: Exception, connection: Any, *, server: str, changing: bool) -> TargetError:
    """Return an exception of ldap3 as an error of the product."""
    detail = connection.last_error or type(error).__name__
    return from_exception(error, server=server, detail=detail, changing=changing)
