"""As long as a secret lives, nothing that is said has it; afterwards nothing of it is left."""

from __future__ import annotations

import base64
import gc
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import attrs
import pytest
import structlog

from provisioner.core.api.messages import (
    AccountPage,
    AccountReport,
    Capabilities,
    ChannelReport,
    DeliveryReceipt,
    DeliveryState,
    ListedAccount,
    Presence,
    Receipt,
    TargetReport,
)
from provisioner.core.model import Outcome, masking
from provisioner.core.model.masking import mask, masked
from provisioner.core.model.secret import Secret
from provisioner.core.model.text import Text, Texts

CLEAR = 'n"T7&x<9+/%Q~z4'

#: Ways to write it, by name.
SPELLED: dict[str, Callable[[str], str]] = {
    "clear": str,
    "upper case": str.upper,
    "url": quote,
    "base64": lambda clear: base64.b64encode(f"u:{clear}".encode()).decode(),
    "hex": lambda clear: clear.encode().hex(),
}


@pytest.fixture(name="secret")
def _secret() -> Secret:
    return Secret(CLEAR)


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize("spell", SPELLED.values(), ids=SPELLED)
def test_a_living_secret_is_masked(spell: Callable[[str], str]) -> None:
    assert mask(f"said {spell(CLEAR)} to all") == "said <secret> to all"


def test_a_dead_secret_is_forgotten() -> None:
    gc.collect()  # of what earlier tests left behind
    clear, before = f"{CLEAR}-unique", len(masking._living.all())
    secret = Secret(clear)
    assert clear not in mask(clear)

    del secret
    gc.collect()

    assert mask(clear) == clear
    assert len(masking._living.all()) == before


def test_of_two_that_are_alike_the_other_one_is_masked_on() -> None:
    first, second = Secret(CLEAR), Secret(CLEAR)
    assert mask(CLEAR) == "<secret>"

    del first
    assert mask(CLEAR) == "<secret>"
    del second
    assert mask(CLEAR) == CLEAR


def test_a_text_around_a_secret_is_not_masked_as_a_whole(secret: Secret) -> None:
    """A notice or a body is no secret; what is secret in it is masked by itself."""
    body = Secret.around(f"Dear Ayşe, your password is {secret.reveal()} from now on")

    assert mask("Dear Ayşe, your password is") == "Dear Ayşe, your password is"
    assert mask(body.reveal()) == "Dear Ayşe, your password is <secret> from now on"
    assert repr(body) == "<secret>"


def test_threads_that_make_and_mask_at_once_miss_none() -> None:
    gc.collect()  # of what earlier tests left behind; each call looks for all that is alive

    def work(number: int) -> list[str]:
        found = []
        for turn in range(12):
            secret = Secret(f"pass-{number:03}-{turn:03}-wordK9", passing=turn % 2 == 0)
            found.append(mask(f"<{secret.reveal()}> and {secret.reveal().encode().hex()}"))
        return found

    with ThreadPoolExecutor(8) as pool:
        said = [one for many in pool.map(work, range(16)) for one in many]

    assert set(said) == {"<<secret>> and <secret>"}
    assert not any(secret.reveal().startswith("pass-") for secret in masking._living.all())


class _Colour(StrEnum):
    RED = "red"


@attrs.frozen
class _Own:
    texts: dict[str, tuple[str, ...]]
    colour: _Colour = _Colour.RED
    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.usefixtures("secret")
@pytest.mark.parametrize(
    "value",
    [
        Receipt(outcome=Outcome.APPLIED, reference=f"uid=a,pw={CLEAR}"),
        Receipt(outcome=Outcome.APPLIED, detail=f"set {CLEAR}"),
        DeliveryReceipt(state=DeliveryState.ACCEPTED, reference=CLEAR, detail=CLEAR),
        AccountReport(presence=Presence.ENABLED, attributes={"note": CLEAR, CLEAR: "x"}),
        TargetReport(capabilities=Capabilities(facts={"key": CLEAR}), warnings=(CLEAR,)),
        ChannelReport(unreachable={"1001": CLEAR}, warnings=(CLEAR,)),
        Text("{word} in {other}", {"word": CLEAR, "unused": CLEAR, "other": 1}),
        Text("it said {why}", {"why": Text("{word} is bad", {"word": CLEAR})}),
        [_Own({"a": (CLEAR,)})],
        frozenset({CLEAR}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_answer_is_masked_and_otherwise_the_same(value: Any) -> None:
    said = masked(value)

    assert CLEAR not in repr(said)
    assert "<secret>" in repr(said)
    assert type(said) is type(value)


@pytest.mark.usefixtures("secret")
def test_a_message_inside_a_masked_message_can_still_be_translated() -> None:
    why = Text("{word} is bad", {"word": CLEAR})

    said = masked(Text("it said {lines}: {why}", {"why": why, "lines": Texts([why])}))

    hidden = Text("{word} is bad", {"word": "<secret>"})
    assert said == Text("it said {lines}: {why}", {"why": hidden, "lines": Texts([hidden])})


@pytest.mark.usefixtures("secret")
def test_what_has_no_secret_is_the_same_object() -> None:
    undo = object()
    receipt = Receipt(outcome=Outcome.APPLIED, reference="uid=a", undo=lambda: None)

    assert masked(receipt) is receipt
    assert masked(undo) is undo


def test_answers_are_looked_through_for_what_lasts_and_for_their_own() -> None:
    """Of the secrets of other operations there are many at once, and an answer of one has no way to them."""
    own, other = Secret(f"{CLEAR}-own", passing=True), Secret(f"{CLEAR}-other", passing=True)
    receipt = Receipt(outcome=Outcome.APPLIED, detail=f"{own.reveal()} and {other.reveal()}")

    assert masked(receipt, own).detail == f"<secret> and {other.reveal()}"
    assert mask(receipt.detail) == "<secret> and <secret>"


@pytest.mark.usefixtures("secret")
def test_an_undo_is_kept() -> None:
    receipt = Receipt(outcome=Outcome.APPLIED, reference=CLEAR, undo=lambda: None)

    assert masked(receipt).undo is receipt.undo


@pytest.fixture(name="file_log")
def _file_log(tmp_path: Any) -> Any:
    """What a handler writes that a library brought along."""
    masking.guard_logs()
    handler = logging.FileHandler(tmp_path / "library.log")
    handler.setFormatter(logging.Formatter("%(message)s"))
    logger = logging.getLogger("some.library")
    logger.addHandler(handler)
    yield (tmp_path / "library.log").read_text
    logger.removeHandler(handler)
    handler.close()


@pytest.mark.usefixtures("secret")
def test_log_records_of_all_loggers_are_masked(file_log: Callable[[], str]) -> None:
    logger = logging.getLogger("some.library")
    logger.warning("sent %s as %r", quote(CLEAR), {"password": CLEAR})
    try:
        int(CLEAR)
    except ValueError:
        logger.exception("it failed for %(who)s", {"who": "ayse"})
    structlog.wrap_logger(logger, processors=[structlog.stdlib.render_to_log_kwargs]).warning(CLEAR)
    logger.warning({"event": "refused", "answer": [CLEAR], "by": {CLEAR: "who"}})

    said = file_log()
    assert CLEAR not in said
    assert said.count("<secret>") >= 6
    assert "'event': 'refused'" in said
    assert "it failed for ayse" in said
    assert "ValueError: invalid literal" in said


def test_guarding_logs_twice_is_guarding_them_once() -> None:
    masking.guard_logs()
    once = logging.getLogRecordFactory()
    masking.guard_logs()

    assert logging.getLogRecordFactory() is once


@pytest.mark.usefixtures("secret")
def test_a_record_with_wrong_arguments_is_left_to_logging(capsys: pytest.CaptureFixture[str]) -> None:
    record = logging.getLogRecordFactory()("x", logging.INFO, "f.py", 1, "%d", ("no number",), None)

    assert (record.msg, record.args) == ("%d", ("no number",))
    assert capsys.readouterr() == ("", "")


def test_the_own_data_of_a_plugin_is_not_searched() -> None:
    """A list of 100,000 entries would be searched with everything that each entry refers to, such as the schema."""
    entry = [f"password {CLEAR}"]
    secret = Secret(CLEAR)
    page = AccountPage(accounts=(ListedAccount(login=f"a{CLEAR}", presence=None, entry=entry),))

    [listed] = masked(page, secret).accounts

    assert listed.login == "a<secret>"
    assert listed.entry is entry
