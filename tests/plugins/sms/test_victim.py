"""A process that is killed after it has sent a password doesn't make the next one send it over another gateway."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from pytest_httpserver import HTTPServer
from werkzeug import Response

from provisioner.core.model import OperationState
from tests.plugins.sms.victim import process

ROOT = Path(__file__).parents[3]


def test_a_kill_sends_a_password_over_two_gateways(tmp_path: Path, httpserver: HTTPServer) -> None:
    texts: dict[str, list[str]] = {"netgsm": [], "verimor": []}

    def take(gateway: str, answer: str) -> Any:
        def handler(request: Any) -> Response:
            texts[gateway].append(json.loads(request.data)["messages"][0]["msg"])
            return Response(answer)

        return handler

    httpserver.expect_request("/sms/rest/v2/send").respond_with_handler(take("netgsm", '{"code": "00", "jobid": "1"}'))
    httpserver.expect_request("/v2/send.json").respond_with_handler(take("verimor", "20212"))
    httpserver.expect_request("/sms/rest/v2/msgheader").respond_with_data('{"code": "00"}')
    httpserver.expect_request("/v2/cancel/0").respond_with_data("Kampanya bulunamadi", 400)
    url = httpserver.url_for("").rstrip("/")

    killed = subprocess.run([sys.executable, "-m", "tests.plugins.sms.victim", tmp_path, url], cwd=ROOT, check=False)
    assert (killed.returncode, len(texts["netgsm"])) == (-signal.SIGKILL, 1)

    with process(tmp_path, url, later=timedelta(hours=1)) as harness:
        [operation] = harness.app.runs.resume()
        [delivery] = harness.store.deliveries.of_operation(operation.id)[-1:]

    assert operation.state is OperationState.DONE
    assert (delivery.way, delivery.reference) == ("sms/netgsm", "1")
    assert (len(set(texts["netgsm"])), texts["verimor"]) == (2, [])
