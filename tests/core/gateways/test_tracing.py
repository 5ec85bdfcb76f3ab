"""What a trace of hook calls shows of their requests and answers."""

from __future__ import annotations

from pathlib import Path

import attrs

from provisioner.core.api.messages import Receipt
from provisioner.core.gateways.tracing import redacted
from provisioner.core.model import Outcome
from provisioner.core.model.secret import Secret
from provisioner.testing import samples


class TestRedacted:
    """What is shown of a value."""

    def test_a_secret_is_masked_in_what_a_plugin_answers(self) -> None:
        secret = Secret('a"b\\c')
        receipt = Receipt(outcome=Outcome.APPLIED, detail=f"set to {secret.reveal()}")

        assert "set to <secret>" in redacted(receipt)

    def test_a_request_shows_all_but_that(self) -> None:
        shown = redacted(samples.create())

        assert "holder=Person(id='1001'" in shown
        assert "mobile=<secret>" in shown
        assert samples.SECRET.reveal() not in shown

    def test_no_number_of_a_person_is_shown(self) -> None:
        shown = redacted(attrs.evolve(samples.HOLDER, other_mobile="+905551112233"))

        assert "other_mobile=<secret>" in shown
        assert "+90" not in shown

    def test_of_an_unknown_object_only_the_class_is_shown(self) -> None:
        """Its representation is anybody's guess."""

        @attrs.frozen
        class Odd:
            password: str = "geheim"

        assert redacted([Odd(), object()]) == "[<Odd>, <object>]"

    def test_a_path_is_shown_as_text(self) -> None:
        assert redacted(Path("/etc/users")) == "'/etc/users'"

    def test_a_long_text_is_cut(self) -> None:
        assert len(redacted("x" * 10_000)) < 300
