from __future__ import annotations

import subprocess
import sys

import pytest
from structlog.testing import capture_logs

from provisioner.core.api import logs
from provisioner.core.api.logs import Logger


def test_structlog_is_not_loaded_before_there_is_something_to_log() -> None:
    code = "import sys; from provisioner.core.api.logs import Logger; Logger('x'); print('structlog' in sys.modules)"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert result.stdout == "False\n"


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_no_message_is_lost_or_gets_another_level(level: str) -> None:
    with capture_logs() as events:
        getattr(Logger("x"), level)("happened", login="a")

    assert events == [{"event": "happened", "login": "a", "log_level": level}]


def test_the_first_message_is_not_sent_before_the_log_is_set_up() -> None:
    order: list[str] = []
    logs.set_up_later(lambda: order.append("set up"))

    with capture_logs() as events:
        Logger("x").warning("first")
        Logger("x").warning("second")

    assert order == ["set up"]
    assert [event["event"] for event in events] == ["first", "second"]
