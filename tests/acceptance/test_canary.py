"""No password is anywhere but on its owner's phone, whatever happens and however much is logged (001 ¶5)."""

from __future__ import annotations

import base64
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from provisioner.core.model.spellings import FORMS
from provisioner.testing.kannel import Kannel
from provisioner.testing.slapd import Slapd
from provisioner_pys.mock import PysFault, PysFaultOrder, PysMock
from provisioner_sms.simulator import SmsFault, SmsSimulator
from tests.acceptance import leaks
from tests.acceptance.province import UNITS, Province, Run, password_in, persons

pytestmark = pytest.mark.slow

#: A password with everything that some form writes differently.
CANARY = 'k"T7&x<9+é/%\\~Q'


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("before", range(3))
def test_the_search_finds_a_planted_password_in_every_form(form: str, before: int) -> None:
    for planted in FORMS[form](CANARY):
        data = os.urandom(1000) + b"\0" * before + planted + os.urandom(1000)

        assert "here" in {place for place, _ in leaks.find([CANARY], {"there": os.urandom(1000), "here": data})}


@pytest.mark.parametrize("before", range(3))
def test_the_search_finds_a_password_inside_a_longer_encoded_text(before: int) -> None:
    text = "x" * before + CANARY + " and more"

    assert leaks.find([CANARY], {"base64": base64.b64encode(text.encode())}) == [("base64", "base64")]


def test_the_search_does_not_mind_the_case() -> None:
    data = CANARY.encode().hex().upper().encode()

    assert leaks.find([CANARY], {"upper": CANARY.upper().encode(), "hex": data}) == [("hex", "hex"), ("upper", "utf-8")]


def test_the_search_sees_the_arguments_and_the_environment_of_a_process(tmp_path: Path) -> None:
    province = Province(folder=tmp_path, targets={}, channel={"plugin": "sms"})

    with (
        province.start("unit", "show", CANARY, env=os.environ | {"PLANTED": CANARY}) as process,
        leaks.watching(process.pid) as seen,
    ):
        process.communicate()

    assert {place for place, _ in leaks.find([CANARY], seen)} == {"/proc/PID/cmdline", "/proc/PID/environ"}


def _watched(province: Province, *arguments: str) -> tuple[Run, dict[str, bytes]]:
    """Run a command with everything logged, and return what could be seen of it."""
    with province.start("--verbose", *arguments) as process:
        with leaks.watching(process.pid) as seen:
            stdout, stderr = process.communicate(timeout=120)
        run = Run(code=process.returncode, stdout=stdout, stderr=stderr)
    output = {f"stdout of {arguments}": stdout.encode(), f"stderr of {arguments}": stderr.encode()}
    return run, output | {f"{place} of {arguments}": data for place, data in seen.items()}


@pytest.mark.server("slapd")
@pytest.mark.server("kannel")
def test_nothing_but_the_phones_holds_a_password(tmp_path: Path, directory: Slapd, kannel: Kannel) -> None:
    """A full run with everything logged: open, close, reopen, list."""
    with PysMock.running(people=persons(), database=tmp_path / "pys.sqlite") as pys:
        targets = {"directory": {"plugin": "ldap", **directory.config}, "pys": pys.settings()}
        province = Province(folder=tmp_path, targets=targets, channel=kannel.settings())
        province.run("init")
        places: dict[str, bytes] = {}
        for arguments in (
            ("unit", "open", str(UNITS)),
            ("--json", "unit", "close", "nurhak"),
            ("--json", "unit", "open", "nurhak"),
            ("--json", "account", "list"),
        ):
            run, seen = _watched(province, *arguments)
            assert run.code == 0, run.stderr
            places |= seen | leaks.files_in(tmp_path, directory.folder)
        places |= {f"kannel: {name}": data for name, data in kannel.files().items()}
    passwords = [password_in(text) for number in province.numbers.values() for text in kannel.inbox(number)]

    assert len(passwords) == len(province.numbers) + 1
    assert b"sms_answered" in places[f"stderr of {('unit', 'open', str(UNITS))}"]
    assert any(place.endswith("store.sqlite") for place in places)
    assert any(place.endswith("data.mdb") for place in places)
    assert leaks.find(passwords, places) == []


#: What goes wrong with PYS. A password that is refused for good is delivered to nobody, and so cannot be looked for.
FAULTS: Sequence[PysFaultOrder] = [
    *(PysFaultOrder(endpoint="account.put", call=call, do=PysFault.ERROR_500) for call in (1, 9)),
    *(PysFaultOrder(endpoint="account.put", call=call, do=PysFault.APPLY_AND_LOSE_ANSWER) for call in (2, 10)),
    *(PysFaultOrder(endpoint="account.put", call=call, do=PysFault.CUT_ANSWER) for call in (3, 11)),
    *(PysFaultOrder(endpoint="account.put", call=call, do=PysFault.THROTTLE, seconds=0.1) for call in (4, 12)),
    *(PysFaultOrder(endpoint="account.put", call=call, do=PysFault.LOSE_REQUEST) for call in (5, 13)),
    *(PysFaultOrder(endpoint="login", call=call, do=PysFault.ERROR_500) for call in (2, 6)),
    PysFaultOrder(endpoint="login", call=4, do=PysFault.CUT_ANSWER),
]


@pytest.mark.server("slapd")
@pytest.mark.parametrize("sms_fault", [SmsFault.APPLY_AND_LOSE_ANSWER, SmsFault.ERROR_500])
def test_no_error_on_the_way_holds_a_password(tmp_path: Path, directory: Slapd, sms_fault: SmsFault) -> None:
    """Answers are lost, cut and refused while the passwords are under way; the phones receive them in the end."""
    with (
        PysMock.running(people=persons(), database=tmp_path / "pys.sqlite") as pys,
        SmsSimulator.running() as sms,
    ):
        targets = {"directory": {"plugin": "ldap", **directory.config}, "pys": pys.settings()}
        province = Province(folder=tmp_path, targets=targets, channel=sms.settings())
        province.run("init")
        pys.misbehave(*FAULTS)
        sms.misbehave(sms_fault, calls=[1, 2, 7, 8, 20])
        opened, places = _watched(province, "--json", "unit", "open", str(UNITS))
        resumed, seen = _watched(province, "--json", "resume")
        places |= seen | leaks.files_in(tmp_path, directory.folder)
        passwords = [one.password for one in sms.inbox()]

    assert len(passwords) >= len(province.numbers)
    assert resumed.code == 0, (opened.stdout, resumed.stdout)
    assert leaks.find(passwords, places) == []
