"""``console serve`` refuses to serve what would not be safe, and says what is missing."""

from __future__ import annotations

import importlib.util

import pytest

from tests.cli.conftest import Office


def test_without_the_extra_the_cure_is_told(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        "provisioner.cli.commands.console.find_spec", lambda name: find(name) if name != "uvicorn" else None
    )

    answer = office.type("console", "serve", "--demo")

    assert answer.code == 2
    assert "the console needs uvicorn" in answer.err
    assert "pip install unit-provisioner[console]" in answer.err


def test_nothing_is_served_without_authority(office: Office) -> None:
    answer = office.type("console", "serve")

    assert (answer.code, "[authority]" in answer.err) == (2, True)


def test_nothing_is_served_without_a_proxy(office: Office) -> None:
    with office.config.open("a") as file:
        file.write('[authority]\nadministrators = ["1001"]\n')

    answer = office.type("console", "serve")

    assert answer.code == 2
    assert "console.url or console.proxies is missing" in answer.err


def test_the_demo_believes_no_header(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a proxy, everybody on this machine can send the header that names an administrator."""
    monkeypatch.setattr("uvicorn.Server.run", lambda *_, **__: None)
    with office.config.open("a") as file:
        file.write('[console]\nlog_in = "proxy"\n')

    answer = office.type("console", "serve", "--demo", "--port", "0")

    assert (answer.code, "--demo has no reverse proxy" in answer.err) == (2, True)


def test_the_demo_is_not_for_other_machines(office: Office) -> None:
    answer = office.type("console", "serve", "--demo", "--host", "10.1.2.3", "--port", "0")

    assert (answer.code, "this machine only" in answer.err) == (2, True)
