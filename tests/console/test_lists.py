"""A list of units is uploaded, its plan is read, and it is applied behind the page."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import timedelta

import httpx
import openpyxl
import pytest

from provisioner import Unit
from provisioner.console import paging
from provisioner.console.incoming import LARGEST_UPLOAD
from provisioner.console.lists import KEPT
from provisioner.console.pages import lists
from provisioner.core.model import AccountState, Operation
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault
from tests.console_office import ADMINISTRATOR, OFFICER, SUPERVISOR, TEACHER, UNITS, Browser, Office

HEADER = "code,name,kind,parent,login,custodian\n"
#: Three schools with accounts, and an office without one.
LIST = (HEADER + "".join(f"k{n},Okul {n},school,ilce,k{n},{TEACHER}\n" for n in range(3))).encode()


def preview(browser: Browser, content: bytes = LIST, **form: str) -> tuple[str, httpx.Response]:
    """Upload a list, and return the address of its plan and the page."""
    answer = browser.upload(content, form)
    assert answer.status_code == 303, answer.text
    address = str(answer.headers["location"])
    return address, browser.get(address)


def digest_of(page: httpx.Response) -> str:
    found = re.search(r'name="digest" value="([^"]+)"', page.text)
    assert found
    return found[1]


def apply(office: Office, browser: Browser, address: str, page: httpx.Response) -> httpx.Response:
    """Press the one button, wait until the run has ended, and return the page that it led to."""
    answer = browser.post(f"{address}/apply", {"digest": digest_of(page)})
    assert answer.status_code == 303, answer.text
    wait(office, address)
    return browser.get(address)


def wait(office: Office, address: str, person: str = OFFICER) -> None:
    applied = office.console.lists.applied(address.rpartition("/")[2], person=person)
    assert applied
    applied.under_way.result()


def test_nothing_happens_before_the_plan_was_read(office: Office) -> None:
    browser = office.logged_in(OFFICER)

    address, page = preview(browser)

    assert "k2" in page.text
    assert not office.harness.store.accounts.get_many(["k0", "k1", "k2"])
    done = apply(office, browser, address, page)
    assert "Everything is done." in done.text
    assert {office.harness.account(f"k{n}").state for n in range(3)} == {AccountState.OPEN}
    assert "data-live" not in done.text
    assert "There is nothing to do." in preview(browser)[1].text


def test_what_is_done_is_what_was_shown(office: Office) -> None:
    """Another person changed a unit while the plan was read: the run would have done something else."""
    browser = office.logged_in(OFFICER)
    address, page = preview(browser)
    office.harness.know(units=[Unit(code="k1", name="Okul 1", kind="school", parent="ilce", login="k1")])

    answer = browser.post(f"{address}/apply", {"digest": digest_of(page)})

    assert answer.status_code == 409
    assert "units or accounts have changed since the question; nothing was changed" in answer.text
    assert not office.harness.store.accounts.get_many(["k0"])
    assert "Everything is done." in apply(office, browser, address, answer).text


def test_every_error_of_a_list_is_told_with_its_line_and_column(office: Office) -> None:
    content = (HEADER + f"k0,,school,ilce,k0,{TEACHER}\nk1,Okul,school,yok,k1,\n").encode()

    answer = office.logged_in(OFFICER).upload(content)

    assert answer.status_code == 422
    rows = re.findall(r'<th scope="row">(\d+)</th>\s*<td data-label="column">(\w+)</td>', answer.text)
    assert rows == [("2", "name"), ("3", "parent")]


def test_a_target_that_fails_leaves_work_that_is_tried_again(office: Office) -> None:
    browser = office.logged_in(OFFICER)
    address, page = preview(browser)
    office.faults.on("account_create", Fault.CANNOT_CONNECT)

    left = apply(office, browser, address, page)

    assert "Not everything is done." in left.text
    assert left.text.count('<span class="state incomplete">') >= 3
    office.faults.clear()
    clock = office.harness.clock
    assert isinstance(clock, FakeClock)
    clock.advance(timedelta(minutes=5))  # until the circuit is closed
    answer = browser.post(f"{address}/retry")
    assert answer.status_code == 303, answer.text
    wait(office, address)
    assert "Everything is done." in browser.get(address).text
    assert {office.harness.account(f"k{n}").state for n in range(3)} == {AccountState.OPEN}


def test_what_was_refused_is_planned_again(office: Office) -> None:
    browser = office.logged_in(OFFICER)
    address, page = preview(browser)
    office.faults.on("account_create", Fault.REFUSE)
    assert "Not everything is done." in apply(office, browser, address, page).text

    office.faults.clear()
    browser.post(f"{address}/retry")
    wait(office, address)

    done = browser.get(address)
    assert "Everything is done." in done.text
    assert "Try again" not in done.text


def test_what_did_not_work_is_shown_in_parts(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """20,000 refusals would be one page."""
    monkeypatch.setattr(paging, "_SIZE", 2)
    browser = office.logged_in(OFFICER)
    address, page = preview(browser)
    office.faults.on("account_create", Fault.REFUSE)
    apply(office, browser, address, page)

    parts = [browser.get(f"{address}?part={number}").text for number in (1, 2)]

    assert "1 to 2 of 3 are shown." in parts[0]
    assert [part.count('data-label="unit"') for part in parts] == [2, 1]
    assert f'href="{address}?part=2"' in parts[0]


def test_accounts_are_taken_from_somebody_only_with_the_password(office: Office) -> None:
    content = (HEADER + f"okul,Şehit Öğretmenler Okulu,school,ilce,okul46,{SUPERVISOR}\n").encode()
    browser = office.logged_in(ADMINISTRATOR)
    address, page = preview(browser, content, hand_over="1")

    answer = browser.post(f"{address}/apply", {"digest": digest_of(page)})

    assert answer.status_code == 403
    assert office.harness.account("okul46").holder == TEACHER
    browser.post(f"{address}/apply", {"digest": digest_of(page), "password": office.password(ADMINISTRATOR)})
    wait(office, address, ADMINISTRATOR)
    assert office.harness.account("okul46").holder == SUPERVISOR


def test_what_closes_accounts_is_tried_again_only_with_the_password(office: Office) -> None:
    """The list was confirmed hours ago, and a person who sits there now could close accounts with one click."""
    rows = [one for one in UNITS if one.code != "baska"]
    fields = [(one.code, one.name, one.kind, one.parent or "", one.login, one.custodian) for one in rows]
    content = (HEADER + "".join(",".join(map(str, row)) + "\n" for row in fields)).encode()
    browser, own = office.logged_in(ADMINISTRATOR), office.password(ADMINISTRATOR)
    address, page = preview(browser, content, close="1")
    office.faults.on("account_close", Fault.REFUSE)
    browser.post(f"{address}/apply", {"digest": digest_of(page), "password": own})
    wait(office, address, ADMINISTRATOR)
    office.faults.clear()

    assert 'name="password"' in browser.get(address).text
    assert browser.post(f"{address}/retry").status_code == 403
    assert office.harness.account("baska46").state is AccountState.OPEN
    assert browser.post(f"{address}/retry", {"password": own}).status_code == 303
    wait(office, address, ADMINISTRATOR)
    assert office.harness.account("baska46").state is AccountState.CLOSED
    assert 'name="password"' not in browser.get(address).text


def test_the_page_loads_itself_again_until_the_run_has_ended(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works without script, and a person can stop it."""
    browser = office.logged_in(OFFICER)
    address, page = preview(browser)
    seen: list[httpx.Response] = []
    original = office.console.background.wait_for

    def look_first(*runs: object) -> object:
        class Looking:
            def wait(self) -> None:
                seen.extend(browser.get(f"{address}{query}") for query in ("", "?still=1"))

        return original(Looking(), *runs)  # type: ignore[arg-type]

    monkeypatch.setattr(office.console.background, "wait_for", look_first)
    apply(office, browser, address, page)

    again = f'<noscript><meta http-equiv="refresh" content="3; url={address}?by-itself=1"></noscript>'
    assert [again in one.text for one in seen] == [True, False]
    assert ["<script" in one.text for one in seen] == [True, False]
    assert all("is being applied" in one.text for one in seen)


def test_two_clicks_apply_a_list_once(office: Office) -> None:
    browser = office.logged_in(OFFICER)
    address, page = preview(browser)
    apply(office, browser, address, page)

    again = browser.post(f"{address}/apply", {"digest": digest_of(page)})

    assert (again.status_code, again.headers["location"]) == (303, address)
    found: list[Operation] = list(office.harness.store.operations.find(login="k0"))
    assert len(found) == 1


def test_the_file_is_forgotten(office: Office) -> None:
    """It has names of staff: it is kept for half an hour, or until it is applied or discarded."""
    browser, clock = office.logged_in(OFFICER), office.harness.clock
    assert isinstance(clock, FakeClock)
    for forget in ("discard", "apply", "later", "another"):
        address, page = preview(browser)
        if forget == "discard":
            browser.post(f"{address}/discard")
        elif forget == "apply":
            apply(office, browser, address, page)
        elif forget == "another":
            preview(browser)
        else:
            clock.advance(KEPT)
            browser = office.logged_in(OFFICER)

        list_id = address.rpartition("/")[2]
        assert office.console.lists.uploaded(list_id, person=OFFICER) is None, forget


def test_nobody_sees_the_list_of_another_person(office: Office) -> None:
    address, page = preview(office.logged_in(OFFICER))
    other = office.logged_in(ADMINISTRATOR)

    assert other.get(address).status_code == 422
    assert other.post(f"{address}/apply", {"digest": digest_of(page)}).status_code == 422


def test_a_list_is_text_and_no_markup(office: Office) -> None:
    name = "<script>alert(1)</script>"
    content = (HEADER + f'k0,"{name}",school,ilce,k0,{TEACHER}\n=1+1,x,school,ilce,k1,{TEACHER}\n').encode()
    browser = office.logged_in(OFFICER)

    wrong = browser.upload(content, name=f"{name}.csv")
    address, page = preview(browser, content.replace(b"=1+1", b"k1"))

    for text in (wrong.text, page.text, browser.get(address).text):
        assert "<script" not in text
    assert "&lt;script&gt;" in page.text


def _workbook(rows: int) -> bytes:
    book, stream = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEADER.strip().split(","))
    for number in range(rows):
        sheet.append([f"k{number}", f"Okul {number}", "school", "ilce", f"k{number}", TEACHER])
    book.save(stream)
    return stream.getvalue()


def _bomb() -> bytes:
    """Return a workbook whose sheet is small, and large when it is unpacked."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_workbook(1))) as small, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as bomb:
        for entry in small.namelist():
            bomb.writestr(entry, small.read(entry))
        bomb.writestr("xl/worksheets/sheet2.xml", b" " * (101 * 1024 * 1024))
    return stream.getvalue()


def test_a_workbook_is_read_and_a_bomb_is_refused(office: Office) -> None:
    browser = office.logged_in(OFFICER)

    assert "Okul 1" in preview(browser, _workbook(2))[1].text
    answer = browser.upload(_bomb(), name="units.xlsx")
    assert (answer.status_code, 'role="alert"' in answer.text) == (422, True)


def test_uploads_have_limits(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, stranger = office.logged_in(OFFICER), office.browser()

    assert browser.upload(b"x" * (LARGEST_UPLOAD + 1)).status_code == 413
    assert browser.upload(b"").status_code == 422
    assert stranger.upload(LIST).status_code == 403
    headers = {"sec-fetch-site": "cross-site"}
    cross = browser.send("POST", "/lists", headers=headers, data={"csrf": browser.csrf()}, files={"file": LIST})
    assert cross.status_code == 403
    twice = browser.send(
        "POST",
        "/lists",
        headers={"sec-fetch-site": "same-origin"},
        data={"csrf": browser.csrf()},
        files=[("file", ("a.csv", LIST)), ("file", ("b.csv", LIST))],
    )
    assert twice.status_code == 400
    monkeypatch.setattr(lists, "MOST_UNITS", 2)
    assert "at most 2" in browser.upload(LIST).text
