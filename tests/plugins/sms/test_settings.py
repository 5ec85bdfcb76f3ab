from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.core.api.errors import ConfigurationError
from provisioner_sms.exchange import Exchange, ReplyRule
from provisioner_sms.settings import (
    LONGEST_WAIT,
    IletimerkeziSettings,
    JsonSettings,
    KannelSettings,
    NetgsmSettings,
    ReportSettings,
    Settings,
    SimulatorSettings,
    SmppSettings,
    SmsTexts,
    VerimorSettings,
    protected,
)
from tests.plugins.sms.conftest import make_section
from tests.plugins.sms.test_json_http import README, samples

KANNEL: dict[str, Any] = {"url": "http://127.0.0.1:13013/sms", "username": "u", "password": "plain:canary"}
PROVIDER: dict[str, Any] = {"username": "850", "password": "plain:canary"}
ILETIMERKEZI: dict[str, Any] = {"key": "plain:canary", "hash": "plain:canary"}
SEND: dict[str, Any] = {"url": "https://p/send", "replies": [{"means": "accepted"}]}
NATIONAL: dict[str, Any] = {"send": SEND, "number_format": "national"}


def table(**fields: Any) -> dict[str, Any]:
    return {"gateway": "kannel", "help_desk": "1234", "kannel": KANNEL, **fields}


def settings(document: dict[str, Any]) -> Settings:
    return make_section(document, Path("/etc/provisioner")).settings(Settings)


def test_paths_start_at_the_folder_of_the_configuration() -> None:
    made = settings(table(gateway="simulator", simulator={"embedded": "sms.sqlite"}))

    assert made.simulator is not None
    assert made.simulator.embedded == Path("/etc/provisioner/sms.sqlite")


def test_the_tables_of_gateways_that_are_not_chosen_may_stay() -> None:
    """So that one word switches between them."""
    made = settings(table(simulator={"embedded": "sms.sqlite"}))

    assert made.kannel is not None


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"gateway": "smpp"}, "the gateway smpp needs a table"),
        ({"gateway": "pigeon"}, "channels.sms.gateway"),
        ({"gateway": "json"}, "the gateway json needs a table"),
        ({"help_desk": None}, "channels.sms.help_desk"),
        ({"sender": "ÇOKÖZEL"}, "sender: expected up to 11 letters"),
        ({"sender": "TWELVE-SIGNS"}, "sender: expected up to 11 letters"),
        ({"regions": []}, "regions: name at least one country"),
        ({"regions": ["tr"]}, "regions: name at least one country"),
        ({"max_parts": 0}, "max_parts: expected more than 0"),
        ({"nuber": 1}, "unknown key nuber"),
        ({"texts": {"second": "x"}}, "unknown key second"),
        ({"kannel": KANNEL | {"user": "u"}}, "unknown key user"),
        ({"kannel": KANNEL | {"password": "canary"}}, "give the secret by reference"),
        ({"kannel": KANNEL | {"url": "127.0.0.1:13013"}}, "url: expected an address"),
        ({"kannel": KANNEL | {"url": "http://u:canary@h/"}}, "url: credentials must not be part of an address"),
        ({"kannel": KANNEL | {"status_url": "http://h/status.xml?password=canary"}}, "credentials must not be part"),
        ({"kannel": KANNEL | {"timeout": 0}}, "timeout: expected more than 0"),
        *(({"kannel": KANNEL | {"timeout": n}}, "timeout") for n in (float("nan"), float("inf"), 1e300, 3601, -1)),
        *(({"kannel": KANNEL | {"url": f"http://h:{port}/"}}, "url: expected an address") for port in ("x", 65536)),
        ({"kannel": KANNEL | {"dlr_listen": "127.0.0.1:65536"}}, "dlr_listen: expected HOST:PORT"),
        ({"max_notice_parts": 256}, "max_notice_parts: expected more than 0 and at most 255"),
        ({"kannel": KANNEL | {"dlr_url": "http://h/dlr"}}, "dlr_url: the address needs the placeholder {id}"),
        (
            {"kannel": KANNEL | {"dlr_url": "http://h/{id}", "dlr_listen": "h:0"}},
            "set only one of dlr_url, dlr_listen and reports",
        ),
        ({"kannel": KANNEL | {"dlr_listen": "13014"}}, "dlr_listen: expected HOST:PORT"),
        (
            {"json": {"send": SEND | {"url": "http://provider/send"}}},
            "send.url: passwords may be sent from this machine over",
        ),
        ({"json": {"send": SEND | {"body": {"m": "{txt}"}}}}, "send.body: {txt} is not available here"),
        ({"json": {"send": SEND, "probe": SEND | {"body": {"m": "{text}"}}}}, "probe.body: {text} is not available"),
        ({"json": {"send": SEND, "check": SEND | {"url": "https://p/{id}"}}}, "check.url: {id} is not available"),
        ({"json": {"send": SEND | {"body": {"m": "{sender}"}}}}, "sender: the table json has a placeholder for it"),
        ({"json": {"send": SEND, "username": "u"}}, "username and password must be set together"),
        ({"json": {"send": SEND, "proxy": "http://u:canary@proxy/"}}, "proxy: credentials must not be part"),
        ({"json": {"send": SEND, "secrets": {"key": "canary"}}}, "give the secret by reference"),
        ({"fallbacks": ["verimor"]}, "the gateway verimor needs a table"),
        ({"fallbacks": ["kannel"]}, "fallbacks: name each gateway once"),
        ({"fallbacks": ["smpq"]}, "channels.sms.fallbacks"),
        ({"gateway": "netgsm", "netgsm": PROVIDER}, "sender: the gateway netgsm needs it"),
        ({"fallbacks": ["netgsm"], "netgsm": PROVIDER}, "sender: the gateway netgsm needs it"),
        ({"verimor": PROVIDER | {"url": "http://verimor/"}}, "url: passwords may be sent from this machine over https"),
        ({"verimor": PROVIDER | {"url": "https://u:canary@h/"}}, "credentials must not be part of an address"),
        ({"kannel": KANNEL | {"per_second": 0}}, "per_second: expected more than 0 and at most 10000"),
        ({"kannel": KANNEL | {"max_connections": 0}}, "max_connections: expected more than 0"),
        ({"simulator": {}}, "set either url or embedded"),
        ({"simulator": {"url": "http://h/", "embedded": "f"}}, "set either url or embedded"),
        ({"simulator": {"url": "http://elsewhere/"}}, "url: passwords may be sent from this machine over https only"),
    ],
)
def test_a_setting_that_cannot_work_stops_the_program_at_start(fields: dict[str, Any], problem: str) -> None:
    document = {key: value for key, value in table(**fields).items() if value is not None}

    with pytest.raises(ConfigurationError) as wrong:
        settings(document)

    assert problem in str(wrong.value)
    assert "channels.sms" in str(wrong.value)
    assert "canary" not in str(wrong.value)


@pytest.mark.parametrize(
    ("fields", "cure"),
    [
        ({"gateway": "netgsm", "netgsm": PROVIDER, "regions": ["TR", "US"]}, 'set regions = ["TR"]'),
        ({"fallbacks": ["netgsm"], "netgsm": PROVIDER, "regions": ["DE"]}, 'set regions = ["TR"]'),
        ({"gateway": "iletimerkezi", "iletimerkezi": ILETIMERKEZI, "regions": ["US", "TR"]}, 'set regions = ["TR"]'),
        ({"gateway": "json", "json": NATIONAL, "regions": ["TR", "US"]}, 'number_format = "e164"'),
        ({"fallbacks": ["json"], "json": NATIONAL, "regions": ["TR", "US"]}, 'number_format = "e164"'),
    ],
)
def test_a_gateway_that_takes_foreign_numbers_for_turkish_ones_is_used(fields: dict[str, Any], cure: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        settings(table(sender="ILMEM", **fields))

    assert "channels.sms: regions: " in str(wrong.value)
    assert cure in str(wrong.value)


def test_regions_are_refused_for_a_gateway_that_can_tell_them_apart() -> None:
    for fields in (
        {"netgsm": PROVIDER},
        {"gateway": "verimor", "verimor": PROVIDER},
        {"gateway": "json", "json": {"send": SEND}},
    ):
        assert settings(table(regions=["TR", "US"], **fields)).regions == ("TR", "US")
    assert settings(table(regions=["US"], gateway="json", json=NATIONAL)).regions == ("US",)


def test_the_time_of_a_message_is_that_of_its_first_gateway() -> None:
    """It bounds how long another process waits before it takes an operation over."""
    both = settings(table(fallbacks=["verimor"], verimor=PROVIDER | {"timeout": 7}))
    limited = settings(table(kannel=KANNEL | {"per_second": 5}))

    assert settings(table()).timeout == 10
    assert both.timeout == 17
    assert limited.timeout == 10 + LONGEST_WAIT


def test_secrets_do_not_show() -> None:
    assert "canary" not in repr(settings(table()))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://kannel.meb.gov.tr/", True),
        ("http://127.0.0.1:13013/", True),
        ("http://[::1]:13013/", True),
        ("http://localhost/", True),
        ("http://10.0.0.1/", False),
        ("http://localhost.example.org/", False),
    ],
)
def test_plain_http_is_private_on_this_machine_only(url: str, expected: bool) -> None:
    assert protected(url) is expected


@pytest.mark.parametrize("name", samples())
def test_every_sample_of_the_readme_is_a_configuration(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (
        "KANNEL_PASSWORD",
        "NETGSM_PASSWORD",
        "VERIMOR_PASSWORD",
        "ILETIMERKEZI_HASH",
        "ILETIMERKEZI_KEY",
        "INFOBIP_KEY",
        "REPORTS_SECRET",
    ):
        monkeypatch.setenv(variable, "canary-of-a-secret")
    monkeypatch.setenv("SMPP_PASSWORD", "canary")

    assert settings(samples()[name]).help_desk


@pytest.mark.parametrize(
    "cls",
    [
        Settings,
        SmsTexts,
        KannelSettings,
        ReportSettings,
        SmppSettings,
        JsonSettings,
        NetgsmSettings,
        VerimorSettings,
        IletimerkeziSettings,
        Exchange,
        ReplyRule,
        SimulatorSettings,
    ],
)
def test_every_setting_is_in_the_readme(cls: type) -> None:
    readme = README.read_text(encoding="utf-8")

    assert [name for name in attrs.fields_dict(cls) if f"`{name}`" not in readme] == []


def test_the_readme_shows_defaults_as_they_are() -> None:
    rows = [line.split("|")[1:3] for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("| `")]
    shown = {name.strip(" `"): default.strip(" `") for name, default in rows if default.strip(" ").startswith("`")}
    fields = {**attrs.fields_dict(Settings), **attrs.fields_dict(KannelSettings)}

    for name in ("regions", "max_parts"):
        default = fields[name].default
        assert tomllib.loads(f"x = {shown[name]}")["x"] == (list(default) if isinstance(default, tuple) else default)
