from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from provisioner.config.load import load
from provisioner.core.api.errors import InputError, StoreError
from provisioner.core.model.naming import Naming
from provisioner.services.account_lookup import known_accounts, opened
from provisioner.store import Store
from provisioner.store.glance import Glance
from provisioner.store.store import Store as WholeStore

NAMING = Naming(domain="x")


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    Store.create(f"sqlite:///{tmp_path / 'provisioner.sqlite'}").close()
    file = tmp_path / "provisioner.toml"
    file.write_text('[accounts]\ndomain = "x"\n')
    return file


def test_a_store_that_is_named_by_a_url_is_not_found(file: Path) -> None:
    config = load(file)
    url = attrs.evolve(config, content=attrs.evolve(config.content, store=config.store_url))

    with opened(config) as quick, opened(url) as whole:
        assert isinstance(quick, Glance)
        assert isinstance(whole, WholeStore)


def test_a_store_that_is_not_there_is_made(file: Path) -> None:
    (file.parent / "provisioner.sqlite").unlink()

    with pytest.raises(StoreError, match="there is no store"), opened(load(file)):
        pass

    assert not (file.parent / "provisioner.sqlite").exists()


def test_only_the_first_unknown_login_is_named(file: Path) -> None:
    with opened(load(file)) as store, pytest.raises(InputError) as caught:
        known_accounts(store, NAMING, ["one", "two@x"])

    assert [str(problem.message) for problem in caught.value.problems] == ["one is unknown", "two is unknown"]
