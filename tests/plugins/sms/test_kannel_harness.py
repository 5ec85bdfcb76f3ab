from __future__ import annotations

import time

import httpx
import pytest

from provisioner.testing import kannel as harness
from provisioner.testing.kannel import Kannel, wait_until


def test_a_missing_kannel_is_said_with_the_name_of_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")

    with pytest.raises(FileNotFoundError, match="apt-get install kannel"):
        Kannel.running().__enter__()


def test_it_starts_soon_and_leaves_nothing_behind(installed_kannel: None) -> None:
    began = time.monotonic()
    with Kannel.running() as kannel:
        started = time.monotonic() - began
        boxes = list(kannel._boxes.values())
        kannel.stop()
        kannel.stop()

    assert started < 5
    assert [box.poll() is not None for box in boxes] == [True, True]
    assert not kannel.folder.exists()


def test_it_ends_even_if_it_was_paused(installed_kannel: None) -> None:
    with Kannel.running() as kannel:
        kannel.pause()
        boxes = list(kannel._boxes.values())

    assert [box.poll() is not None for box in boxes] == [True, True]


def test_a_kannel_that_does_not_start_says_why(installed_kannel: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "_CONFIGURATION", "group = core\nlog-level = 0\nlog-file = {folder}/bearerbox.log\n")

    with pytest.raises(TimeoutError, match=r"(?s)bearerbox ended with .*admin-port"):
        Kannel.running().__enter__()


def test_waiting_for_nothing_ends() -> None:
    with pytest.raises(TimeoutError):
        wait_until(lambda: False, patience=0.05)


def test_what_has_ended_is_started_again(doomed_kannel: Kannel) -> None:
    """Else one test that stops a part of it would be the end of all that come after it."""
    doomed_kannel._boxes["smsbox"].kill()
    doomed_kannel._boxes["smsbox"].wait()
    with pytest.raises(httpx.ConnectError):
        httpx.get(doomed_kannel.url, trust_env=False)

    doomed_kannel.resume()

    assert httpx.get(doomed_kannel.url, trust_env=False).status_code
