"""The settings refuse what cannot work, and say what would."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from provisioner.config.structure import structure
from provisioner.core.api.errors import ConfigurationError
from provisioner_pys.settings import PysSettings

FILE = Path("/etc/provisioner.toml")
KEY = "plain:key-of-the-test"


def settings(**table: object) -> PysSettings:
    return structure(table, PysSettings, "targets.pys", file=FILE)


@pytest.mark.parametrize(
    "table",
    [
        {"url": "https://pys.example.gov.tr", "api_key": KEY},
        {"url": "https://pys.example.gov.tr:8443/api/", "api_key": KEY, "timeout": 3, "ca_file": "ca.pem"},
        {"url": "http://127.0.0.1:8460", "api_key": KEY},
        {"url": "http://[::1]:8460", "api_key": KEY},
        {"url": "http://localhost", "api_key": KEY},
        {"url": "http://10.0.0.1", "api_key": KEY, "insecure": True},
        {"embedded": "pys.sqlite"},
    ],
)
def test_what_works_is_taken(table: dict[str, object]) -> None:
    assert settings(**table).timeout == table.get("timeout", 10)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "either 'url' or 'embedded'"),
        ({"url": "https://pys", "embedded": "pys.sqlite", "api_key": KEY}, "either 'url' or 'embedded'"),
        ({"url": "https://pys"}, "'url' and 'api_key' must be set together"),
        ({"embedded": "pys.sqlite", "api_key": KEY}, "'url' and 'api_key' must be set together"),
        ({"url": "http://pys.example.gov.tr", "api_key": KEY}, "unencrypted"),
        ({"url": "http://localhost.example.gov.tr", "api_key": KEY}, "unencrypted"),
        ({"url": "ftp://pys", "api_key": KEY}, "address of a web service"),
        ({"url": "pys.example.gov.tr", "api_key": KEY}, "address of a web service"),
        ({"url": "https://", "api_key": KEY}, "address of a web service"),
        ({"url": "https://pys:port", "api_key": KEY}, "address of a web service"),
        (
            {"url": "https://user:canary@pys", "api_key": KEY},
            "an address must not contain a user, a query or a fragment, because addresses are logged",
        ),
        (
            {"url": "https://pys/?key=canary", "api_key": KEY},
            "an address must not contain a user, a query or a fragment, because addresses are logged",
        ),
        ({"embedded": "pys.sqlite", "timeout": 0}, "timeout: expected more than 0"),
        *(
            ({"embedded": "pys.sqlite", "timeout": seconds}, "timeout")
            for seconds in (float("nan"), float("inf"), 1e300, 3601, -1)
        ),
        ({"embedded": "pys.sqlite", "timeuot": 1}, "timeuot"),
    ],
)
def test_what_cannot_work_is_refused_with_its_place(table: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        settings(**table)

    assert complaint in str(caught.value)
    assert f"{FILE}: targets.pys" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_paths_start_at_the_folder_of_the_file() -> None:
    assert settings(embedded="pys.sqlite").embedded == Path("/etc/pys.sqlite")


def test_the_key_is_not_shown() -> None:
    assert "key-of-the-test" not in repr(settings(url="https://pys", api_key=KEY))


def test_every_setting_is_in_the_readme() -> None:
    readme = (Path(__file__).parents[3] / "plugins" / "pys" / "README.md").read_text(encoding="utf-8")

    for field in attrs.fields(PysSettings):
        assert f"| `{field.name}` |" in readme
