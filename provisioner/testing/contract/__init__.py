"""The conformance tests for targets, channels and rules, as classes to inherit.

The author of a plug-in writes one class with one fixture and gets the whole suite::

    import pytest
    from provisioner.testing.contract import TargetContract

    class TestMyTarget(TargetContract):
        @pytest.fixture
        def target(self):
            return MyTarget(url="ldaps://test.example")

The README beside this file lists the checks and the further fixtures, each of which enables more checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.testing.contract.channel import ChannelContract
    from provisioner.testing.contract.rule import RuleContract
    from provisioner.testing.contract.sessions import SessionsContract
    from provisioner.testing.contract.target import TargetContract
else:
    # The names are imported when they are first used: they need pytest, and marks that are registered by then.

    def __getattr__(name: str) -> object:
        from importlib import import_module

        if name in __all__:
            home = name.removesuffix("Contract").lower()
            value = globals()[name] = getattr(import_module(f"{__name__}.{home}"), name)
            return value
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)


__all__ = ["ChannelContract", "RuleContract", "SessionsContract", "TargetContract"]
