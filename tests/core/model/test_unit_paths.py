"""What is above each unit of a list, compared with going up one by one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs
from hypothesis import given
from hypothesis import strategies as st

from provisioner.core.model import Unit
from provisioner.core.model.unit_paths import covering, with_all_above

CODES = [f"u{number}" for number in range(12)]


@attrs.frozen
class Stored:
    """A store with these units."""

    all: Mapping[str, Unit]

    def get_many(self, codes: Iterable[str], /) -> Mapping[str, Unit]:
        return {code: self.all[code] for code in codes if code in self.all}


def unit(code: str, parent: str | None) -> Unit:
    return Unit(code=code, name=code, kind="office", parent=parent)


@st.composite
def trees(draw: st.DrawFn) -> tuple[dict[str, Unit], dict[str, Unit]]:
    """Draw what is stored, and a list that moves some of it and adds to it; each unit hangs below an earlier one."""

    def drawn(codes: list[str]) -> dict[str, Unit]:
        places = [draw(st.sampled_from([None, *codes[:number]])) for number in range(len(codes))]
        return {code: unit(code, parent) for code, parent in zip(codes, places, strict=True)}

    stored = drawn(CODES[: draw(st.integers(0, 8))])
    listed = drawn(CODES)
    wanted = draw(st.sets(st.sampled_from(CODES)))
    return stored, {code: one for code, one in listed.items() if code in wanted}


def path(code: str | None, stored: Mapping[str, Unit]) -> set[str]:
    return {code, *path(stored[code].parent, stored)} if code is not None and code in stored else set()


def expected(one: Unit, listed: Mapping[str, Unit], stored: Mapping[str, Unit]) -> set[str]:
    parent = one.parent
    while parent is not None and parent not in stored:
        parent = listed[parent].parent if parent in listed else None
    if one.code not in stored:
        return path(parent, stored)
    if stored[one.code].parent == one.parent:
        return path(one.code, stored)
    return path(stored[one.code].parent, stored) & path(parent, stored)


@given(trees(), st.sets(st.sampled_from(CODES)))
def test_is_what_is_found_by_going_up(given_trees: tuple[dict[str, Unit], dict[str, Unit]], among: set[str]) -> None:
    stored, listed = given_trees

    assert covering(listed, Stored(stored), among) == {
        code: expected(one, listed, stored) & among for code, one in listed.items()
    }


def test_a_deep_tree_is_no_deep_recursion() -> None:
    stored = {f"s{n}": unit(f"s{n}", f"s{n - 1}" if n else None) for n in range(3000)}
    listed = {f"n{n}": unit(f"n{n}", f"n{n - 1}" if n else "s2999") for n in range(3000)}

    assert covering(listed, Stored(stored), {"s0"})["n2999"] == {"s0"}


@attrs.define
class Asked:
    """Units of interest, and how often it was asked whether one is among them."""

    codes: set[str]
    times: int = 0

    def __contains__(self, code: object, /) -> bool:
        self.times += 1
        return code in self.codes


class Listed(dict[str, Unit]):
    """A list, and how often a unit of it was looked at."""

    times = 0

    def __getitem__(self, code: str, /) -> Unit:
        self.times += 1
        return super().__getitem__(code)


def test_what_covers_a_unit_is_passed_down_and_not_found_anew_for_each_one() -> None:
    """An officer's import of a tree of 200 levels took minutes, where an administrator's took a second."""
    count = 2000
    stored = {f"s{n}": unit(f"s{n}", f"s{n - 1}" if n else None) for n in range(count)}
    listed = Listed({f"n{n}": unit(f"n{n}", f"n{n - 1}" if n else f"s{count - 1}") for n in reversed(range(count))})
    among = Asked({"s0"})

    found = covering({**stored, **listed}, Stored(stored), among)
    assert set(found.values()) == {frozenset({"s0"})}
    covering(listed, Stored(stored), among)

    assert among.times <= 2 * count
    assert listed.times <= 3 * count


def test_what_is_excepted_is_not_looked_up() -> None:
    stored = {"a": unit("a", None), "b": unit("b", "a"), "c": unit("c", "b")}

    assert with_all_above({"c"}, Stored(stored), apart_from={"b"}).keys() == {"c"}
