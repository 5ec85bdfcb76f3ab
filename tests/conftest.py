"""What all tests share: whoever needs a real server says so with ``pytest.mark.server``."""

from __future__ import annotations

import os

import pytest

from provisioner.testing.servers import missing_packages


def require_server(name: str) -> None:
    """Skip the test if the server is not installed; where CI is set nothing may be skipped for that, so it fails."""
    if missing := missing_packages(name):
        message = f"{name} is not installed; apt-get install {' '.join(missing)}"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Look for the servers that a test names, before anything is started for it."""
    for mark in item.iter_markers("server"):
        require_server(*mark.args)
