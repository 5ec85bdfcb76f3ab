"""A move is refused before anything is connected, if it can be known that it cannot be done."""

from __future__ import annotations

import attrs
import pytest

from provisioner.config.load import LoadedConfiguration
from provisioner.core.api.errors import ConfigurationError, DeniedError, InputError, StoreError
from provisioner.services.application import Application
from provisioner.services.store_moves import StoreMoves

ADMINISTRATOR = "9000"
URL = "postgresql://provisioner@127.0.0.1:1/provisioner"


@pytest.fixture(name="moves")
def _moves(app: Application, office_config: LoadedConfiguration) -> StoreMoves:
    return StoreMoves(store=app.store, config=office_config, authority=app.authority, now=app.now)


def test_only_an_administrator_moves_the_store(moves: StoreMoves) -> None:
    with pytest.raises(DeniedError):
        moves.move(URL, actor="1001")


@pytest.mark.parametrize("url", ["sqlite:///other.sqlite", "other.sqlite", "mysql://db/provisioner"])
def test_only_postgresql_is_a_destination(moves: StoreMoves, url: str) -> None:
    with pytest.raises(InputError, match="write it as 'postgresql://"):
        moves.move(url, actor=ADMINISTRATOR)


def test_only_a_store_on_sqlite_is_moved(moves: StoreMoves, office_config: LoadedConfiguration) -> None:
    moved = attrs.evolve(office_config, content=attrs.evolve(office_config.content, store=URL))

    with pytest.raises(InputError, match="only a store on SQLite"):
        attrs.evolve(moves, config=moved).move(URL, actor=ADMINISTRATOR)


def test_a_password_in_the_url_is_refused_and_not_repeated(moves: StoreMoves) -> None:
    with pytest.raises(ConfigurationError, match="the URL has a password") as raised:
        moves.move("postgresql://provisioner:geheim@127.0.0.1:1/provisioner", actor=ADMINISTRATOR)

    assert "geheim" not in f"{raised.value}{raised.value.cure}"


def test_what_stands_for_the_password_has_to_be_a_reference(moves: StoreMoves) -> None:
    with pytest.raises(StoreError, match="give the secret by reference") as raised:
        moves.move(URL, password="geheim", actor=ADMINISTRATOR)

    assert "geheim" not in f"{raised.value}{raised.value.cure}"


def test_a_server_that_is_not_there_is_named_and_the_store_stays(moves: StoreMoves, app: Application) -> None:
    before = app.store.audit_log.head()

    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/provisioner cannot be reached"):
        moves.move(URL, actor=ADMINISTRATOR)

    assert app.store.audit_log.head() == before
