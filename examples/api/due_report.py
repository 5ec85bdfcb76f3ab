"""Print what is due in the next days, and report trouble with an account once, over the API of the console."""

from __future__ import annotations

import argparse
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

#: How often a request is sent again if no answer arrives or the server asks to wait.
ATTEMPTS = 5


def main() -> int:
    """Run the program, and return its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url", help="the address of the console, for example https://console.example.gov.tr")
    parser.add_argument("token_file", type=Path, help="a file that only you can read, with the token in its first line")
    parser.add_argument("--days", type=int, default=7, help="the number of days from now")
    parser.add_argument("--report", metavar="LOGIN", help="also report that this account can't log in")
    given = parser.parse_args()
    token = given.token_file.read_text(encoding="ascii").split()[0]
    headers = {"authorization": f"Bearer {token}", "accept-language": "en"}
    with httpx.Client(base_url=given.url, headers=headers, timeout=60) as client:
        try:
            for account in items(client, f"/api/v1/due?days={given.days}"):
                print(account["login"], account["next_action"], account["next_deadline"])
            if given.report:
                incident = change(client, "/api/v1/incidents", {"login": given.report, "text": "cannot log in"})
                print("reported:", incident["id"])
        except httpx.HTTPStatusError as error:
            print(told(error.response), file=sys.stderr)
            return 1
    return 0


def items(client: httpx.Client, address: str | None) -> Iterator[dict[str, Any]]:
    """Yield the items of a list, page by page."""
    while address:
        answer = client.get(address)
        answer.raise_for_status()
        page = answer.json()
        yield from page["items"]
        address = page["next"]


def change(client: httpx.Client, address: str, body: dict[str, Any]) -> dict[str, Any]:
    """Change something once, although the request may be sent several times: the key stays the same."""
    headers = {"idempotency-key": str(uuid.uuid4())}
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = client.post(address, json=body, headers=headers)
        except httpx.TransportError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(attempt)
            continue
        if answer.status_code not in {429, 503} or attempt == ATTEMPTS:
            break
        time.sleep(int(answer.headers.get("retry-after", attempt)))
    answer.raise_for_status()
    changed: dict[str, Any] = answer.json()
    return changed


def told(answer: httpx.Response) -> str:
    """Return what went wrong, and what can be done about it."""
    problem = answer.json()
    return " -> ".join(text for text in (problem["detail"], problem["cure"]) if text)


if __name__ == "__main__":
    sys.exit(main())
