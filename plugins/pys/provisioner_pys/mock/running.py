"""A running service, started and stopped from Python in one line."""

from __future__ import annotations

import atexit
import secrets
import tempfile
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import attrs

from provisioner import files
from provisioner.core.model import Person, Unit
from provisioner.core.model.secret import Secret
from provisioner.net.http_service import HttpService
from provisioner_pys.mock.database import MockDatabase
from provisioner_pys.mock.dispatch import Dispatcher, rejection
from provisioner_pys.mock.documents import AccountDocument, LoginData, PersonDocument, UnitDocument
from provisioner_pys.mock.faults import PysFaultOrder
from provisioner_pys.mock.openapi import pages
from provisioner_pys.mock.problems import MockProblem
from provisioner_pys.mock.service import MockService


@attrs.define(eq=False, kw_only=True)
class PysMock:
    """A PYS that answers over HTTP.

    .. code-block:: python

        with PysMock.running(people=[Person(id="1001", name="Ayşe Demir", mobile="+905321112233")]) as mock:
            httpx.get(f"{mock.url}/persons/1001", headers={"X-Api-Key": mock.api_key.reveal()})
    """

    #: Where it answers.
    url: str
    #: The key it wants to be shown.
    api_key: Secret
    _database: MockDatabase
    _dispatcher: Dispatcher
    _folder: Path
    _exit: ExitStack = attrs.field(repr=False)

    @classmethod
    def start(
        cls,
        *,
        database: Path | None = None,
        api_key: Secret | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Self:
        """Start a service. It runs until :meth:`close`.

        Args:

            database: The SQLite file; made if it is not there. ``None`` keeps the data for as long as it runs.

            api_key: The key to be shown; ``None`` makes one.

            host: The address to listen on.

            port: The port; 0 takes a free one.

        Raises:

            DatabaseError: The file cannot be used.

            OSError: The address cannot be used.
        """
        with ExitStack() as exit_stack:
            folder = Path(exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="pys-mock-")))
            opened = MockDatabase.open(database or folder / "pys.sqlite")
            exit_stack.callback(opened.close)
            ending = threading.Event()
            dispatcher = Dispatcher(
                service=MockService(opened),
                api_key=api_key or Secret(secrets.token_urlsafe(32)),
                pages=pages(),
                wait=ending.wait,
            )
            service = HttpService.start(dispatcher.answer, name="pys-mock", host=host, port=port, reject=rejection)
            exit_stack.callback(service.stop)
            exit_stack.callback(ending.set)
            mock = cls(
                url=service.url,
                api_key=dispatcher.api_key,
                database=opened,
                dispatcher=dispatcher,
                folder=folder,
                exit=exit_stack.pop_all(),
            )
        # Threads cannot be joined any more once the interpreter has begun to take itself apart.
        atexit.register(mock.close)
        return mock

    @classmethod
    @contextmanager
    def running(
        cls,
        *,
        people: Iterable[Person] = (),
        units: Iterable[Unit] = (),
        database: Path | None = None,
        api_key: Secret | None = None,
    ) -> Iterator[Self]:
        """Yield a service that knows these people and units, and stop it in the end.

        The other arguments are those of :meth:`start`.
        """
        mock = cls.start(database=database, api_key=api_key)
        try:
            mock.seed(people=people, units=units)
            yield mock
        finally:
            mock.close()

    def close(self) -> None:
        """Finish the requests under way and stop. May be called twice."""
        atexit.unregister(self.close)
        self._exit.close()

    def settings(self) -> dict[str, object]:
        """Return the table ``[targets.pys]`` for this service. The key is in a file that goes when the service does."""
        file = self._folder / "api-key"
        files.write(file, self.api_key.reveal())
        return {"plugin": "pys", "url": self.url, "api_key": f"file:{file}"}

    def seed(self, *, people: Iterable[Person] = (), units: Iterable[Unit] = ()) -> None:
        """Add people and units, or update those that are there."""
        self._database.seed(
            [
                PersonDocument(
                    id=person.id,
                    name=person.name,
                    unit=person.unit,
                    title=person.title,
                    mobile=person.mobile,
                    supervisor=person.supervisor,
                )
                for person in people
            ],
            [UnitDocument(code=unit.code, name=unit.name, kind=unit.kind, parent=unit.parent) for unit in units],
        )

    def account(self, login: str) -> AccountDocument | None:
        """Return an account as it is now, without asking over HTTP."""
        try:
            return self._dispatcher.service.account(login)
        except MockProblem:
            return None

    def logs_in(self, login: str, password: Secret | str) -> bool:
        """Return whether somebody would get in with this password, without asking over HTTP."""
        secret = password if isinstance(password, Secret) else Secret(password)
        return self._dispatcher.service.log_in(LoginData(login=login, password=secret.reveal())).accepted

    def misbehave(self, *faults: PysFaultOrder) -> None:
        """Misbehave from now on, in these ways besides those ordered before."""
        for fault in faults:
            self._dispatcher.faults.order(fault)

    def behave(self) -> None:
        """Behave from now on."""
        self._dispatcher.faults.clear()

    def calls(self) -> Mapping[str, int]:
        """Return how often each endpoint was called over HTTP; one that was not called counts 0."""
        return self._dispatcher.faults.counts()
