"""Reports of trouble in the store."""

from __future__ import annotations

import pytest

from provisioner.core.api.errors import BusyError
from provisioner.core.governance.incidents import (
    Trouble,
    TroubleEscalated,
    TroubleReported,
    TroubleResolved,
    TroubleState,
)
from provisioner.store import Store
from tests.store.conftest import NOON, Story


class TestTroubles:
    """Reports of trouble."""

    def test_are_read_as_they_stand(self, store: Store, story: type[Story]) -> None:
        store.write(story("ab46").planned())
        trouble = Trouble(id="t1", login="ab46", text="x", reporter="p1", reported_at=NOON, unit="46")
        make = {"at": NOON, "actor": "p1", "login": "ab46"}
        store.write(TroubleReported(trouble=trouble, **make))  # type: ignore[arg-type]
        assert store.incidents.get("t1") == trouble
        assert list(store.incidents.find(state=TroubleState.OPEN, under="46")) == [trouble]

        moved = trouble.moved_to("46")
        store.write(TroubleEscalated(trouble=moved, **make))  # type: ignore[arg-type]
        with pytest.raises(BusyError):
            store.write(TroubleResolved(trouble=trouble.resolved("late"), **make))  # type: ignore[arg-type]
        store.write(TroubleResolved(trouble=moved.resolved("done"), **make))  # type: ignore[arg-type]

        assert list(store.incidents.find(state=TroubleState.OPEN)) == []
