"""What all tests share: whoever needs a real server says so with ``pytest.mark.server``."""

from __future__ import annotations

import pytest

from provisioner.testing.plugin import require_server


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the servers that a test names, before anything is started for it."""
    for mark in item.iter_markers("server"):
        require_server(*mark.args)
