"""What stands for a mobile number in the audit log."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import StoreError
from provisioner.core.model import Person, Unit
from provisioner.store import Store

AYSE = Person(id="p1", name="Ayşe Iğdır", unit="46", title="müdür", mobile="+905321112233", supervisor="p2")
SCHOOL = Unit(code="746123", name="Cumhuriyet", kind="school", parent="46", login="746123", custodian="p1")
OTHER_NUMBER = "+905339998877"


def audit_log(store: Store, *kinds: str) -> list[dict[str, Any]]:
    return [json.loads(event.body) for event in store.audit_log.entries() if not kinds or event.kind in kinds]


class TestMarks:
    """What stands for a number in the audit log."""

    def test_no_number_is_in_the_trail(self, store: Store) -> None:
        store.persons.save([AYSE])
        store.persons.save([attrs.evolve(AYSE, mobile=OTHER_NUMBER)])

        text = "".join(event.body for event in store.audit_log.entries())
        assert "1112233" not in text
        assert "9998877" not in text

    def test_marks_of_another_store_say_nothing_here(self, store: Store, tmp_path: Path) -> None:
        """A mark that everybody can compute can be tried on all numbers: there are few of them."""
        with Store.create(f"sqlite:///{tmp_path}/other.db") as other:
            assert other.mobile_mark(AYSE.mobile) != store.mobile_mark(AYSE.mobile)

    def test_mark_is_the_same_in_every_process(self, store: Store, url: str) -> None:
        with Store.open(url) as again:
            assert again.mobile_mark(AYSE.mobile) == store.mobile_mark(AYSE.mobile)
        assert store.mobile_mark(None) is None

    def test_key_is_beside_the_store_and_for_nobody_else_to_read(self, store: Store, tmp_path: Path) -> None:
        """In the store, it would be in each backup together with the marks."""
        mask = os.umask(0)
        try:
            store.mobile_mark(AYSE.mobile)
        finally:
            os.umask(mask)

        key = store._database.key_file
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert list(tmp_path.glob("*key*")) == [key.absolute()]
        others = [file for file in tmp_path.iterdir() if file.name != key.name]
        assert not any(key.read_bytes().strip() in file.read_bytes() for file in others)

    def test_lost_key_shows_in_the_marks(self, store: Store, url: str) -> None:
        """An auditor must not take another key for another number."""
        first = store.mobile_mark(AYSE.mobile) or ""
        store._database.key_file.unlink()
        with Store.open(url) as again:
            second = again.mobile_mark(AYSE.mobile) or ""

        assert first.partition(":")[0] != second.partition(":")[0]

    @pytest.mark.parametrize("content", [b"", b"short", b"\xff" * 64])
    def test_damaged_key_is_named_and_not_replaced(self, store: Store, content: bytes) -> None:
        key = store._database.key_file
        key.write_bytes(content)

        with pytest.raises(StoreError, match=re.escape(str(key))):
            store.persons.save([AYSE])

        assert key.read_bytes() == content
        assert store.persons.get_many(["p1"]) == {}
