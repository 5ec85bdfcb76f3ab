"""The logins that the directives' name rules make: no letter of a name is lost on the way."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.api.messages import ChooseLogin
from provisioner.core.governance.directives import Defaults
from provisioner.core.model import Person, Unit
from provisioner.core.model.naming import LOGIN

DEFAULTS = Defaults(plate_code="46")


def login_of(name: str) -> str:
    return DEFAULTS.account_login(ChooseLogin(unit=Unit(code="u", name=name, kind="office")))


@pytest.mark.parametrize(
    ("name", "login"),
    [
        ("Café Müdürlüğü", "cafemudurlugu46"),
        ("IŞIK İLÇE", "isikilce46"),
        ("Cafe\u0301", "cafe46"),
        ("Straße Ærø Łódź Þór Œuvre", "strasseaerolodzthoroeuvre46"),
        ("Señor Žižek Ångström", "senorzizekangstrom46"),
        ("Kâğıt & AR-GE (2. kat)", "kagitarge2kat46"),
    ],
)
def test_each_letter_keeps_its_place(name: str, login: str) -> None:
    assert login_of(name) == login


def test_the_name_of_a_person_does_too() -> None:
    unit, person = Unit(code="u", name="U", kind="office"), Person(id="1", name="René Çağ")

    assert DEFAULTS.account_login(ChooseLogin(unit=unit, person=person)) == "rene.cag"


@pytest.mark.parametrize("name", ["Школа", "Okul Школа", "Okul 学校"])
def test_a_letter_without_a_latin_form_makes_no_login(name: str) -> None:
    """It is not left out in silence: planning names the unit, and asks for a login in the list."""
    assert not LOGIN.fullmatch(login_of(name))


@given(st.text(alphabet=st.characters(max_codepoint=0x17F, categories=["Ll", "Lu"]), min_size=1, max_size=20))
def test_no_letter_of_a_latin_name_is_lost(name: str) -> None:
    assert len(login_of(name)) >= len(name) + len(DEFAULTS.plate_code)
