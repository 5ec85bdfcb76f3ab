"""Making the store."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioner.config.load import load
from provisioner.services.bootstrap import application
from provisioner.services.setup import prepare_store
from tests.services.conftest import CONFIG

pytestmark = pytest.mark.usefixtures("made_tables")


def test_a_store_is_made_once_and_kept(tmp_path: Path) -> None:
    """A second call must not replace what is known with an empty store."""
    file = tmp_path / "provisioner.toml"
    file.write_text(CONFIG)
    config = load(file)

    first, second = prepare_store(config), prepare_store(config)

    assert (first.is_new, second.is_new) == (True, False)
    assert Path(first.place).exists()
    with application(config) as app:
        assert not list(app.store.units.all())
