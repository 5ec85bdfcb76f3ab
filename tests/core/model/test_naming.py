from __future__ import annotations

import pytest

from provisioner.core.model.naming import Naming


@pytest.mark.parametrize(
    ("text", "login"),
    [
        ("temelegitim46", "temelegitim46"),
        ("TemelEgitim46@meb.gov.tr", "temelegitim46"),
        (" 712345@meb.k12.tr ", "712345"),
        ("a", "a"),
    ],
)
def test_a_login_is_given_with_or_without_its_domain(text: str, login: str) -> None:
    naming = Naming(domain="meb.gov.tr", domain_of_kind={"school": "meb.k12.tr"})

    assert naming.login(text) == login


@pytest.mark.parametrize("text", ["", "@meb.gov.tr", "a@elsewhere.tr", "a b", "şube", ".a", "a.", "a" * 65, "a\nb"])
def test_what_is_not_a_login_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what it says is up to the caller
        Naming(domain="meb.gov.tr").login(text)
