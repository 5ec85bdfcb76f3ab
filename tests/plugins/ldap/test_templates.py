"""Templates are filled with the account, its unit and its holder; a mistake is found when the settings are read."""

from __future__ import annotations

import attrs
import pytest

from provisioner.core.api.errors import ConfigurationError
from provisioner.core.model import Unit
from provisioner.testing import samples
from provisioner_ldap.settings import MAILBOX
from provisioner_ldap.templates import PLACEHOLDERS, filled, level_templates, placeholders, rendered, verify

PLACES = placeholders(samples.ACCOUNT, samples.UNIT, samples.HOLDER)


def test_every_place_is_filled_for_an_ordinary_account() -> None:
    assert PLACES.keys() == PLACEHOLDERS
    assert [name for name, value in PLACES.items() if not value] == ["unit_parent", "parent_name"]


def test_templates_are_filled_in_utf_8() -> None:
    assert rendered({"cn": ("{unit_name} ({login})",)}, PLACES) == {
        "cn": ("Temel Eğitim Şube Müdürlüğü (temelegitim46)".encode(),)
    }


def test_a_blank_attribute_has_no_value() -> None:
    """A directory takes no empty value, and an outgoing holder's title must not stay with one who has none."""
    assert rendered({"title": (" {unit_parent} ",)}, PLACES) == {"title": ()}


def test_the_default_attributes_are_those_of_a_mailbox() -> None:
    assert rendered({"mail": (MAILBOX["mail"],)}, PLACES)["mail"] == (b"temelegitim46@meb.gov.tr",)


def test_an_attribute_has_a_value_for_each_template() -> None:
    templates = {"mail": ("{mail}", "{unit_name|slug}@meb.gov.tr", "{mail}", "{holder_title|lower}@x")}

    assert rendered(templates, PLACES)["mail"] == (
        b"temelegitim46@meb.gov.tr",
        b"temel-egitim-sube-mudurlugu@meb.gov.tr",
        "şef@x".encode(),
    )


def test_an_attribute_is_left_out_whole_if_a_part_is_not_known() -> None:
    """Without the holder, its second value would be taken for one that has to go."""
    places = placeholders(samples.ACCOUNT, samples.UNIT, None)

    assert rendered({"cn": ("{login}", "{holder_name}"), "sn": ("{login}",)}, places) == {"sn": (b"temelegitim46",)}


def test_the_name_of_a_unit_above_that_is_not_known_is_left_out() -> None:
    """Blank, it would move the account out of its container."""
    unit = attrs.evolve(samples.UNIT, parent="ilce")

    assert "parent_name" not in placeholders(samples.ACCOUNT, unit, None)
    assert placeholders(samples.ACCOUNT, unit, None, Unit(code="ilce", name="İlçe", kind="district"))[
        "parent_name"
    ] == ("İlçe")
    assert placeholders(samples.ACCOUNT, samples.UNIT, None)["parent_name"] == ""


def test_values_are_written_as_the_caller_says() -> None:
    assert filled("ou={unit_kind|upper}", PLACES, lambda value: f"<{value}>") == "ou=<BRANCH>"


def test_levels_of_containers_begin_at_the_top() -> None:
    assert list(level_templates("ou=Users, domainName={domain}")) == [("domainName", "{domain}"), ("ou", "Users")]


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{unit_name|asci}", "the unknown filter 'asci'; use one of ascii, lower, upper, slug"),
        ("{unit_name|ascii|}", "the unknown filter ''"),
        ("{unit_nam|ascii}", "the unknown placeholder {unit_nam}"),
        ("{unit_name |ascii}", "the unknown placeholder {unit_name }"),
        ("{unit_name|ascii!r}", "unknown placeholder"),
        ("{unit_name|ascii:>9}", "unknown placeholder"),
        ("{number}", "the unknown placeholder {number}"),
    ],
)
def test_an_unknown_filter_or_placeholder_is_named_with_its_place_and_cure(template: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        verify(template, "targets.mail.attributes.cn")

    assert "targets.mail.attributes.cn: the template has" in str(caught.value)
    assert words in f"{caught.value}; {caught.value.cure}"
