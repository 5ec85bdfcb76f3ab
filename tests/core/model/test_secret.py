from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable

import attrs
import cattrs
import pytest

from provisioner.core.model.secret import Secret

CLEAR = "Tr0ub4dor!"


@attrs.frozen
class _Carrier:
    secret: Secret


@pytest.mark.parametrize(
    "show", [repr, str, "{}".format, "{!r:>20}".format, lambda one: f"{one}", lambda one: repr(_Carrier(one))]
)
def test_no_way_of_printing_shows_the_clear_text(show: Callable[[object], str]) -> None:
    assert CLEAR not in show(Secret(CLEAR))


@pytest.mark.parametrize("serialise", [pickle.dumps, copy.copy, copy.deepcopy, json.dumps])
def test_no_way_of_serialising_takes_it(serialise: Callable[[object], object]) -> None:
    with pytest.raises(TypeError):
        serialise(Secret(CLEAR))


def test_asdict_and_cattrs_keep_the_wrapper() -> None:
    """``repr=False`` on a field would not have kept the text out of these two."""
    carrier = _Carrier(Secret(CLEAR))

    assert CLEAR not in repr(attrs.asdict(carrier))
    assert CLEAR not in repr(cattrs.unstructure(carrier))


def test_reveal_is_the_way_to_the_clear_text() -> None:
    assert Secret(CLEAR).reveal() == CLEAR


def test_scrub_masks_every_occurrence() -> None:
    assert Secret("abc").scrub("abc, and abc again") == "<secret>, and <secret> again"


def test_an_empty_secret_is_refused() -> None:
    """An empty bind password would be an anonymous log-in, which succeeds."""
    with pytest.raises(ValueError, match="empty"):
        Secret("")


def test_it_has_no_dictionary_that_a_debugger_would_print() -> None:
    assert not hasattr(Secret(CLEAR), "__dict__")
