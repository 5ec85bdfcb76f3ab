"""The store is what governance asks for."""

from __future__ import annotations

from pathlib import Path

from provisioner.core.governance.ports import AccessRequestRecords, AuthorityRecords, Endings
from provisioner.core.model import AccountState
from provisioner.store import Store


def test_the_store_satisfies_the_types_of_the_ports(tmp_path: Path) -> None:
    """The types are checked by mypy; here, that each noun of the ports is there and answers."""
    with Store.create(f"sqlite:///{tmp_path}/store.db") as store:
        authority: AuthorityRecords = store
        endings: Endings = store
        requests: AccessRequestRecords = store.access_requests

        assert authority.role_assignments.of("1") == authority.role_assignments.all() == []
        assert authority.units.path("46") == []
        assert authority.units.custodian_named_by("a") is None
        assert authority.persons.get_many(["1"]) == {}
        assert authority.access_requests.get("f") is None
        assert authority.tokens.of("service:x") == []
        assert list(endings.accounts.find(holder="1", state=AccountState.CLOSED)) == []
        assert list(endings.handovers.find(person="1")) == []
        assert requests.open_for("a") == requests.carried_out() == []
        assert list(requests.executing_operations()) == []
