"""The contract of targets that hold no accounts and end their sessions."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from provisioner.testing.contract.ending import SessionChecks
from provisioner.testing.contract.fixtures import AccountFixtures, cleaned
from provisioner.testing.contract.sandbox import Means, Sandbox, target_gateway


class SessionsContract(SessionChecks, AccountFixtures):
    """What every target must do that only ends sessions. Inherit from it, and give it the fixtures ``target``,
    ``directory`` and ``open_session``.
    """

    @pytest.fixture
    def directory(self) -> object:
        """The object of a target that holds the accounts whose sessions the target ends."""
        pytest.fail(f"{type(self).__name__} needs a fixture method named 'directory' that returns a target's object")

    @pytest.fixture
    def sandbox(self, request: pytest.FixtureRequest, directory: object, means: Means) -> Iterator[Sandbox]:
        """Accounts in the directory, which are deleted after the check."""
        with cleaned(Sandbox(target=target_gateway(directory), means=means), request.node) as sandbox:
            yield sandbox
