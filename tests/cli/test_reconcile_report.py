"""``reconcile --html``: the page that a manager gets."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import attrs
import pytest
import time_machine

from provisioner.cli.render.reconcile_report import HIGHEST, Bar
from provisioner.core.api.errors import StoreError
from provisioner.core.model import Person, Unit
from provisioner.services.reconcile import Reconcile
from provisioner.testing.faults import Fault
from tests.cli.conftest import CONFIG, Office
from tests.test_templates import HOSTILE


class Page(HTMLParser):
    """Reads what a browser shows: its texts, its rows, and the elements and attributes that it makes."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.texts: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in {"td", "th"}:
            self.rows[-1].append("")

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append(data.strip())
        if self.rows and self.rows[-1] and self.elements[-1] in {"td", "th"}:
            self.rows[-1][-1] += data.strip()


@pytest.fixture(name="file")
def _file(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


@pytest.fixture(name="opened")
def _opened(office: Office) -> Office:
    assert office.type("unit", "open", "il-mem", "ar-ge").code == 0
    return office


def take(office: Office, login: str, person: str) -> None:
    """Give an account on PYS to somebody, behind the back of the product."""
    entries = office.plugin.targets["pys"]._entries
    attributes = {**entries[login].attributes, "holder": person}
    entries[login] = attrs.evolve(entries[login], attributes=attributes)


def test_a_clean_comparison_says_plainly_that_nothing_differs(opened: Office, file: Path) -> None:
    answer = opened.type("reconcile", "--html", file)

    page = Page(file)
    assert (answer.code, f"the report is in {file}" in answer.out) == (0, True)
    assert "Nothing differs. The targets have the accounts as they are known." in page.texts
    assert page.rows == [
        ["target", "accounts listed", "differences", "state"],
        ["posta", "2", "0", "compared completely"],
        ["pys", "2", "0", "compared completely"],
    ]


def test_what_differs_is_listed_with_names(opened: Office, file: Path) -> None:
    entries = opened.plugin.targets["pys"]._entries
    entries["hacker"] = entries["arge46"]
    take(opened, "kmarasmem", "1002")
    del entries["arge46"]

    assert opened.type("reconcile", "--html", file).code == 4

    page = Page(file)
    assert page.rows[:3] == [
        ["target", "accounts listed", "missing", "extra", "holder", "differences", "state"],
        ["posta", "2", "0", "0", "0", "0", "compared completely"],
        ["pys", "2", "1", "1", "1", "3", "compared completely"],
    ]
    listed = [row[:5] for row in page.rows[3:] if row[0] != "unit"]
    assert listed == [
        ["AR-GE Birimi", "arge46", "İsmail Çağlar (1002)", "open", "absent"],
        ["", "hacker", "", "", "enabled"],
        ["İl Millî Eğitim Müdürlüğü", "kmarasmem", "Ayşe Işık (1001)", "Ayşe Işık (1001)", "İsmail Çağlar (1002)"],
    ]
    assert "provisioner account rotate arge46" in page.rows[4][5]
    assert "3 differences" in page.texts
    assert [text for text in page.texts if text in {"missing: 1", "extra: 1", "holder: 1"}] == [
        "missing: 1",
        "extra: 1",
        "holder: 1",
    ]


def test_what_concerns_no_target_is_a_difference_too(opened: Office, file: Path) -> None:
    """The page must not say that nothing differs."""
    with opened.open() as store:
        [unit] = store.units.get_many(["ar-ge"]).values()
        store.units.save([attrs.evolve(unit, custodian="1001")])
    opened.faults("pys").on("account_rotate", Fault.CANNOT_CONNECT)
    opened.type("account", "rotate", "kmarasmem")

    assert opened.type("reconcile", "--html", file).code == 4

    page = Page(file)
    assert "2 differences" in page.texts
    assert [text for text in page.texts if text.startswith(("all targets", "custodian", "unfinished"))] == [
        "all targets",
        "custodian: 1",
        "unfinished: 1",
    ]
    listed = [row[1:5] for row in page.rows[3:] if row[0] != "unit"]
    assert listed[0] == ["arge46", "İsmail Çağlar (1002)", "İsmail Çağlar (1002)", "Ayşe Işık (1001)"]
    assert listed[1][0] == "kmarasmem"


def test_a_target_that_was_not_compared_is_no_clean_one(opened: Office, file: Path) -> None:
    """The page of a list that failed has no differences, and does not say that nothing differs."""
    opened.faults("posta").on("account_list", Fault.CANNOT_CONNECT)
    opened.plugin.lacking["pys"] = ("account_list",)

    assert opened.type("reconcile", "--html", file).code == 4
    page = Page(file)
    assert not [text for text in page.texts if text.startswith("Nothing differs")]
    assert "No target was compared completely." in page.texts
    assert [row[-1].partition(":")[0] for row in page.rows[1:]] == ["not compared completely"] * 2

    del opened.plugin.lacking["pys"]
    opened.type("reconcile", "--html", file)
    texts = Page(file).texts
    assert "Nothing differs on the targets that were compared completely." in texts
    assert "Not all targets were compared completely." in texts


def test_the_trend_is_that_of_the_last_ten_complete_comparisons(opened: Office, file: Path) -> None:
    opened.plugin.targets["pys"]._entries.pop("arge46")
    for day in range(1, 13):
        with time_machine.travel(f"2999-01-{day:02} 12:00", tick=True):
            opened.type("reconcile", "--html", file)
    with time_machine.travel("2999-01-13 12:00", tick=True):
        opened.type("reconcile", "--unit", "il-mem")
        opened.faults("pys").on("account_list", Fault.CANNOT_CONNECT)
        opened.type("reconcile", "--html", file)

    page = Page(file)
    days = [text for text in page.texts if text.startswith("2999-01-") and len(text) == len("2999-01-01")]
    posta = [f"2999-01-{day:02}" for day in range(4, 14)]
    pys = [f"2999-01-{day:02}" for day in range(3, 13)]
    assert days == posta + pys
    assert page.elements.count("rect") == 20
    assert "script" not in page.elements


def test_a_unit_has_no_trend_of_the_whole(opened: Office, file: Path) -> None:
    opened.type("reconcile")
    opened.type("reconcile", "--unit", "ar-ge", "--html", file)

    page = Page(file)
    assert "svg" not in page.elements
    assert "only the accounts of AR-GE Birimi (ar-ge) and of the units below it" in page.texts


def test_hostile_names_are_shown_and_not_obeyed(opened: Office, file: Path) -> None:
    with opened.open() as store:
        store.persons.save([Person(id="1002", name=HOSTILE, unit="ar-ge", mobile="+905337654321")])
        store.units.save([Unit(code="ar-ge", name=HOSTILE, kind="office", login="arge46", custodian="1002")])
    entries = opened.plugin.targets["pys"]._entries
    entries["<script>l</script>"] = entries["arge46"]
    take(opened, "kmarasmem", "<script>h</script>")
    del entries["arge46"]

    assert opened.type("reconcile", "--html", file).code == 4

    page = Page(file)
    assert not {"script", "b", "a"} & set(page.elements)
    assert sum("<script>x</script>" in text for text in page.texts) == 5
    assert {"<script>l</script>", "<script>h</script>"} <= set(page.texts)
    assert all(sign == "\n" or sign.isprintable() for sign in file.read_text(encoding="utf-8"))


def test_names_of_persons_elsewhere_are_masked(opened: Office, file: Path) -> None:
    """An officer reads the accounts of the unit, and no data of a person of another unit."""
    with opened.open() as store:
        store.persons.save([Person(id="1002", name="İsmail Çağlar", unit="il-mem", mobile="+905337654321")])
    opened.config.write_text(CONFIG + '[authority]\nadministrators = ["3001"]\n')
    granted = opened.type("--actor", "3001", "authority", "grant", "2001", "officer", "--unit", "ar-ge")
    opened.plugin.targets["pys"]._entries.pop("arge46")
    assert granted.code == 0

    assert opened.type("--actor", "2001", "reconcile", "--unit", "ar-ge", "--html", file).code == 4
    assert Page(file).rows[-1][:3] == ["AR-GE Birimi", "arge46", "*** (1002)"]
    assert "Çağlar" not in file.read_text(encoding="utf-8")

    assert opened.type("--actor", "3001", "reconcile", "--unit", "ar-ge", "--html", file).code == 4
    assert Page(file).rows[-1][2] == "İsmail Çağlar (1002)"


def test_speaks_turkish(opened: Office, file: Path) -> None:
    opened.config.write_text(opened.config.read_text().replace('language = "en"', 'language = "tr"'))
    opened.plugin.targets["pys"]._entries.pop("arge46")
    opened.type("reconcile", "--html", file)

    page = Page(file)
    assert "Hesapların hedeflerle karşılaştırılması" in page.texts
    assert page.rows[0] == ["hedef", "listelenen hesap", "eksik", "fark", "durum"]
    assert page.rows[-1][3:5] == ["açık", "yok"]
    assert 'lang="tr"' in file.read_text(encoding="utf-8")


def test_a_comparison_that_breaks_off_leaves_the_last_report(
    opened: Office, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("the last one")

    def fail(*_: object, **__: object) -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(Reconcile, "compare", fail)

    assert opened.type("reconcile", "--html", file).code == 2
    assert file.read_text() == "the last one"
    assert [path.name for path in file.parent.iterdir() if "report" in path.name] == ["report.html"]


def test_a_report_can_be_written_beside_the_lines(opened: Office, file: Path) -> None:
    opened.plugin.targets["pys"]._entries.pop("arge46")

    answer = opened.type("reconcile", "--jsonl", "--html", file)

    assert (answer.code, len(answer.out.splitlines())) == (4, 3)
    assert "arge46" in Page(file).texts


def test_a_single_difference_among_thousands_has_a_bar() -> None:
    bars = [Bar(day="", count=count, place=0, most=10_000) for count in (0, 1, 10_000)]

    assert [bar.height for bar in bars] == [0, 1, HIGHEST]
