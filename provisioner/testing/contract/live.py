"""The contract of a target that somebody has configured, as ``provisioner contract`` runs it."""

from __future__ import annotations

from collections.abc import Callable, Collection

import attrs
import pytest

from provisioner.core.gateways.gateway import Target
from provisioner.core.model.secret import Secret
from provisioner.testing.contract import TargetContract
from provisioner.testing.contract.sandbox import SandboxPeople


@attrs.define(eq=False, kw_only=True)
class Live:
    """A target that is there, and a plug-in of pytest that hands it to the checks."""

    plugin: object
    people: SandboxPeople
    make_secret: Callable[[], Secret]
    #: The hooks that the configuration says it is without.
    cannot: Collection[str]

    @pytest.fixture
    def live(self) -> Live:
        """The target and what belongs to it."""
        return self


def plugin_of(target: Target) -> object:
    """Return the plug-in's object behind a gateway."""
    caller = next(iter(target.callers.values()))
    [implementation] = caller.get_hookimpls()
    return implementation.plugin


class TestTarget(TargetContract):
    """All checks that need nothing but the target."""

    @pytest.fixture
    def target(self, live: Live) -> object:
        """The configured one."""
        return live.plugin

    @pytest.fixture
    def cannot(self, live: Live) -> Collection[str]:
        """Those of the configuration."""
        return live.cannot

    @pytest.fixture
    def people(self, live: Live) -> SandboxPeople:
        """The sandbox's own, or those of a unit that the target knows."""
        return live.people

    @pytest.fixture
    def make_secret(self, live: Live) -> Callable[[], Secret]:
        """Makes passwords as the configuration wants them."""
        return live.make_secret
