"""Nothing that somebody types or imports becomes markup: in every field that holds text, on every page and document."""

from __future__ import annotations

import csv
import email
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, unquote

import attrs
import openpyxl
import pytest
from pypdf import PdfReader

from provisioner import Person, Unit, cli, console
from provisioner.cli.render import record, request_page
from provisioner.cli.render.reconcile_report import ReportPage
from provisioner.cli.session import Session
from provisioner.core.api.errors import RefusedError
from provisioner.core.api.messages import CreateAccount, DeliverNotice
from provisioner.core.engine.limits import HeldRun
from provisioner.core.engine.plan import Initiator
from provisioner.core.gateways.maintenance import Maintenance, MaintenanceBegan
from provisioner.core.governance.access_requests import AccessRequest, RequestSubmitted
from provisioner.core.governance.incidents import Incident, IncidentReported
from provisioner.core.model import Handover, Operation, OperationKind
from provisioner.core.model.secret import Secret
from provisioner.core.model.tokens import TokenAccess
from provisioner.manifest.units import UNITS as LIST
from provisioner.services.handovers import find_handover
from provisioner.testing.faults import Fault, Faults
from provisioner_mail.mail_text import compose
from tests.console.api.conftest import Program
from tests.console.api.test_routes import ALLOWED as RESOURCES
from tests.console.test_comparison import compare, lose
from tests.console.test_routes import ALLOWED, address_of, handed_over
from tests.console_office import ADMINISTRATOR, OFFICER, TEACHER, Office

#: What people type and import ends up in objects of these classes.
CLASSES = (Unit, Person, AccessRequest, Incident, Handover, Operation, HeldRun, Maintenance)

#: The text fields that nobody types: the product makes them, or accepts only what it knows itself.
MADE = {
    "AccessRequest.archive",
    "AccessRequest.archive_sha256",
    "AccessRequest.id",
    "AccessRequest.login",
    "AccessRequest.operation",
    "Handover.actor",
    "Handover.login",
    "Handover.mail",
    "Handover.operation_id",
    "HeldRun.actor",
    "HeldRun.id",
    "HeldRun.target",
    "Incident.id",
    "Incident.login",
    "Maintenance.actor",
    "Maintenance.name",
    "Operation.actor",
    "Operation.id",
    "Operation.login",
    "Operation.request",
    "Operation.staging",
    "Person.mobile",  # passwords are sent only to numbers
    "Unit.login",  # accounts exist only for logins that every target takes
}

#: What no page and no document says.
SHOWN_NOWHERE = {"AccessRequest.mobile_mark", "Person.other_mobile", "Person.other_mobile_confirmed_by", "Unit.kind"}

#: Ends an attribute in either kind of quotes, and begins a formula in a spreadsheet.
_MARKUP = "=1+1<b>planted-{field}.</b>\" onfocus=\"x\"' onblur='x'&lt;i&gt;"

_PLANTED = re.compile(r"planted-([\w.-]+?)\.<")


def planted(field: str) -> str:
    """Return a text for a field, by which it is known again."""
    return _MARKUP.format(field=field)


class Seen(HTMLParser):
    """What a browser makes of a page: its elements, their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements, self.attributes, self.texts = Counter[str](), Counter[str](), list[str]()
        self.addresses: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements[tag] += 1
        for name, value in attrs:
            self.attributes[name] += 1
            self.texts.append(value or "")
            if name in {"href", "src", "action", "formaction"}:
                self.addresses.append(value or "")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    @property
    def fields(self) -> set[str]:
        """The fields whose text is on the page as text."""
        return {field for text in self.texts for field in _PLANTED.findall(unquote(text))}


def require_text(page: str, where: str) -> set[str]:
    """Check that nothing planted on a page is markup, and return the fields that are on it."""
    seen = Seen(page)
    assert not seen.elements.keys() & {"b", "i", "script", "img", "iframe", "object", "svg"}, where
    assert not {name for name in seen.attributes if name.startswith("on") or name in {"style", "srcdoc"}}, where
    assert "<b>planted" not in page, where
    assert all(re.match(r"/(?![/\\])|#|\?", address) for address in seen.addresses), where
    return seen.fields


def text_fields() -> set[str]:
    """Return the fields of all classes that hold text."""
    return {
        f"{cls.__name__}.{field.name}"
        for cls in CLASSES
        for field in attrs.fields(cls)
        if re.search(r"\bstr\b", str(field.type))
    }


def fields_of(*objects: Any) -> set[str]:
    """Return the fields of objects that contain something planted, and other text where that is a part of it."""
    return {
        f"{type(one).__name__}.{field.name}"
        for one in objects
        for field in attrs.fields(type(one))
        if isinstance(value := getattr(one, field.name), str) and "<b>planted" in value
    }


def made(cls: Callable[..., Any], **given: Any) -> Any:
    """Make an object with something planted in each text field that is not given."""
    fields = attrs.fields(cast("type[Any]", cls))
    texts = {one.name: planted(f"{cls.__name__}.{one.name}") for one in fields if re.search(r"\bstr\b", str(one.type))}
    return cls(**{**texts, **given})


LOGIN = "isaret46"


def plant(office: Office) -> list[Any]:
    """Plant something in every text field, and return the objects as the store has them."""
    handed_over(office)  # another one, while the messages still go out
    harness, now = office.harness, office.harness.clock()
    app, store = harness.app, harness.store
    unit = made(Unit, login=LOGIN, custodian=planted("Person.id"))
    above = Unit(code=planted("Unit.parent"), name="Üst", kind="office", parent="ilce")
    below = Unit(code="alt", name="Alt", kind="school", parent=unit.code, login="alt46", custodian=TEACHER)
    holder = made(Person, mobile="+905321234511", other_mobile_confirmed_at=now)
    receiver = Person(id=holder.supervisor, name=planted("Handover.incoming_name"), unit="ilce", mobile="+905321234512")
    harness.know(units=[above, unit, below], persons=[holder, receiver])
    harness.open([unit.code, below.code])
    initiator = Initiator(actor=ADMINISTRATOR, reason=planted("Operation.reason"))
    harness.run(harness.planner.hand_over(harness.account(LOGIN), to=receiver.id, initiator=initiator))
    request = made(
        AccessRequest,
        id="0" * 26,
        kind=OperationKind.ROTATE,
        login=LOGIN,
        submitted_at=now,
        operation=None,
        archive=None,
        archive_sha256=None,
    )
    incident = made(Incident, id="1" * 26, login=LOGIN, reported_at=now, unit=unit.code)
    until = now + timedelta(hours=9)
    store.write(
        RequestSubmitted(at=now, actor=ADMINISTRATOR, form=request),
        IncidentReported(at=now, actor=planted("IncidentReported.actor"), trouble=incident),
        MaintenanceBegan(at=now, actor=ADMINISTRATOR, target="sms", until=until, reason=planted("Maintenance.reason")),
    )
    plan = app.accounts.plan_closing(
        ["il46", "ilce46", "baska46", "bilgi46", "yeni46"], Initiator(actor="tester", reason=planted("HeldRun.reason"))
    )
    harness.engine.apply(plan)
    [held] = app.held_runs.waiting(viewer=ADMINISTRATOR)
    records = app.handovers.readable(viewer=ADMINISTRATOR, limit=9)
    [handover] = [one.handover for one in records if one.handover.login == LOGIN]
    operations = list(store.operations.find(login=LOGIN))
    return [unit, below, holder, receiver, request, incident, handover, held.run, *store.maintenance.all(), *operations]


@attrs.frozen(kw_only=True)
class Planted:
    """An office in which something is planted everywhere, and the objects that have it."""

    office: Office
    objects: list[Any]

    def one(self, cls: type[Any]) -> Any:
        return next(one for one in self.objects if isinstance(one, cls))

    def addresses(self) -> list[str]:
        """Return the address of every page, and those of the objects."""
        office, handover = self.office, self.one(Handover)
        to, unit = quote(self.one(Person).supervisor, safe=""), quote(self.one(Unit).code, safe="")
        pages = [path for method, path in ALLOWED if method == "GET" and not path.endswith("/pdf")]
        return [
            *(address_of(office, path) for path in pages),
            "/?q=isaret",
            f"/accounts/{LOGIN}",
            "/accounts/alt46",
            f"/accounts/{LOGIN}/close",
            f"/accounts/{LOGIN}/handover?q=planted",
            f"/accounts/{LOGIN}/handover?to={quote(self.one(Person).id, safe='')}",
            f"/requests/{self.one(AccessRequest).id}",
            f"/incidents/{self.one(Incident).id}",
            f"/handovers/{handover.operation_id}",
            f"/ages?unit={unit}",
            f"/clearance?person={to}",
            f"/clearance?person={quote(self.one(Person).id, safe='')}",
        ]


@pytest.fixture(name="planted_office")
def _planted_office(office: Office) -> Planted:
    return Planted(office=office, objects=plant(office))


def test_no_text_field_is_forgotten(planted_office: Planted) -> None:
    """A new field of these classes is planted, or it is said why nobody types it."""
    found = fields_of(*planted_office.objects)

    assert found | MADE == text_fields()
    assert found & MADE == set()


def test_no_field_becomes_markup_on_any_page(planted_office: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each field is seen as text on some page or document, so that its absence proves nothing elsewhere."""
    office = planted_office.office
    _plant_on_the_target(office, monkeypatch)
    pages, shown = 0, set[str]()
    for person, language in ((ADMINISTRATOR, "tr"), (OFFICER, "en")):
        browser = office.logged_in(person)
        browser.post("/language", {"language": language})
        unit = planted_office.one(Unit).code if person == OFFICER else ""
        shown |= require_text(compare(office, browser, person, unit=unit), "/comparison")
        for address in planted_office.addresses():
            answer = browser.get(address)
            assert answer.status_code in {200, 403, 422}, (address, answer.text)
            assert not any("planted" in value for value in answer.headers.values()), address
            shown |= require_text(answer.text, address)
            pages += 1
    shown |= _in_documents(planted_office)

    planted_fields = {field for one in planted_office.objects for field in _in_values(one)}
    assert planted_fields - shown == SHOWN_NOWHERE
    assert {"StepError.message", "Listed.login"} <= shown
    print(f"{len(planted_fields | shown)} fields x {pages} pages: all escaped")


def _plant_on_the_target(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a target answer with markup, and list an account of which the name is some."""
    error = RefusedError("it says {answer}", answer=planted("StepError.message"))
    with monkeypatch.context() as answers:
        answers.setattr(Faults, "_error", lambda *_: error)
        office.faults.on("account_update", Fault.REFUSE, item="alt46")
        office.harness.update(["alt46"])
        office.faults.clear()
    lose(office, "alt46")
    unit = office.harness.store.units.get_many(["alt"])["alt"]
    account = attrs.evolve(office.harness.account("alt46"), login=planted("Listed.login"))
    person = office.harness.store.persons.get_many([TEACHER])[TEACHER]
    request = CreateAccount(operation_id="-", account=account, unit=unit, holder=person, secret=Secret("Fremd-1-Konto"))
    office.directory.account_create(request)


def _in_documents(planted_office: Planted) -> set[str]:
    """Return the fields on the pages that commands write, on the PDF file, and in the answers of the API."""
    office, session = planted_office.office, Session()
    app, handover = office.harness.app, planted_office.one(Handover)
    vars(session)["configuration"] = app.config  # which is read from a file otherwise
    known = find_handover(app.store, app.privacy(ADMINISTRATOR), handover.operation_id, whole=True)
    begun = office.console.comparisons.of(ADMINISTRATOR)
    assert begun
    result = begun.under_way.result()
    report = app.reconcile.report(result.differences, ["directory"], viewer=ADMINISTRATOR)
    shown = set[str]()
    for name, page in {
        "record": record.page(known, session),
        "form": request_page.page(planted_office.one(AccessRequest), app.persons.people.find_all, session),
        "report": ReportPage(report, result.targets, session).html(),
    }.items():
        fields = require_text(re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL), name)
        assert fields, name
        shown |= fields
    answer = office.logged_in(ADMINISTRATOR).get(f"/handovers/{handover.operation_id}/pdf")
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(answer.content)).pages)
    assert "<b>planted-Operation.reason" in re.sub(r"\s", "", text)
    return shown


def _in_values(one: Any) -> Iterator[str]:
    """Yield the names that are in the fields of an object: it can refer to others by their IDs."""
    for field in attrs.fields(type(one)):
        yield from _PLANTED.findall(str(getattr(one, field.name)))


_FORM = re.compile(r"<form[^>]*?action=\"([^\"]+)\"[^>]*>(.*?)</form>", re.DOTALL)
_NAME = re.compile(r'<(?:input|select|textarea|button)[^>]*? name="([^"]+)"')
_GIVEN = re.compile(r'<input[^>]*? name="([^"]+)"[^>]*? value="([^"]*)"')


def forms_of(office: Office) -> Mapping[tuple[str, bool], Mapping[str, str]]:
    """Return the fields of the forms of all pages with good values, by the address and whether the form only reads."""
    browser = office.logged_in(ADMINISTRATOR)
    typed = {
        "login": "okul46",
        "kind": "rotate",
        "reason": "deneme",
        "text": "posta açılmıyor",
        "password": "",  # without it, no account is closed and nothing is released: each form is shown again
        "until": "2999-01-01T18:00",
        "person": TEACHER,
        "passage": "leaving",
    }
    pages = [address_of(office, path) for method, path in ALLOWED if method == "GET" and not path.endswith("/pdf")]
    found: dict[tuple[str, bool], Mapping[str, str]] = {}
    for page in [*pages, "/accounts/yeni46/handover?to=1001", "/login"]:
        text = browser.get(page).text if page != "/login" else office.browser().get(page).text
        for whole in re.finditer(_FORM, text):
            action, content = whole[1], whole[2]
            fields = {**{name: typed.get(name, "") for name in _NAME.findall(content)}, **dict(_GIVEN.findall(content))}
            reads = 'method="get"' in whole[0]
            found.setdefault((action, reads), {name: typed.get(name, value) for name, value in fields.items()})
    return found


def test_no_field_of_a_form_comes_back_as_markup(office: Office) -> None:
    """Each field of each form of each page, one after the other; the others have values that are accepted."""
    forms = forms_of(office)
    names = {name for fields in forms.values() for name in fields} - {"csrf"}
    tried, echoed = 0, set[str]()
    browser = office.logged_in(ADMINISTRATOR)
    for (action, reads), fields in forms.items():
        if action == "/logout":  # its only field is not text
            continue
        for name in sorted(fields.keys() - {"csrf"}):
            form = {**fields, name: planted(name), "csrf": browser.csrf()}
            asks = office.browser() if action == "/login" else browser
            if action == "/login":
                form["csrf"] = asks.csrf()
            query = "&".join(f"{key}={quote(value, safe='')}" for key, value in form.items())
            answer = asks.get(f"{action}?{query}") if reads else asks.post(action, form)
            assert answer.status_code < 500, (action, name, answer.text)
            for page in (answer.text, browser.get(answer.headers.get("location", "/")).text):
                echoed |= require_text(page, f"{action} {name}")
            assert not any("planted" in value for key, value in answer.headers.items() if key != "location"), action
            tried += 1

    assert {"login", "kind", "reason", "to", "text", "q", "unit", "person", "successor", "until"} <= names
    assert {"login", "reason", "to", "text", "q", "unit", "person"} <= echoed
    print(f"{tried} fields of {len(forms)} forms: nothing comes back as markup")


def _as_csv(rows: Iterable[Iterable[str]]) -> bytes:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue().encode()


def _as_workbook(rows: Iterable[Iterable[str]]) -> bytes:
    """Return a workbook in which every cell is text, also one that begins like a formula."""
    book, stream = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    for number, row in enumerate(rows, 1):
        for column, value in enumerate(row, 1):
            sheet.cell(number, column, value).data_type = "s"
    book.save(stream)
    return stream.getvalue()


@pytest.mark.parametrize(("ending", "write"), [("csv", _as_csv), ("xlsx", _as_workbook)])
def test_no_column_of_a_list_becomes_markup(
    office: Office, ending: str, write: Callable[[Iterable[Iterable[str]]], bytes]
) -> None:
    """In the list that is refused, in the one that is shown, and in the name of its file."""
    columns = [column.name for column in LIST.columns]
    good = {"code": "ek", "name": "Ek", "kind": "school", "parent": "ilce", "login": "ek46", "custodian": TEACHER}
    browser, shown = office.logged_in(OFFICER), set[str]()
    for name in columns:
        row = {**good, name: planted(name)}
        answer = browser.upload(write([columns, row.values()]), {"reason": planted("reason")}, name=f"a.{ending}")
        page = browser.get(answer.headers["location"]).text if answer.status_code == 303 else answer.text
        assert answer.status_code in {303, 422}, answer.text
        shown |= require_text(page, name)
    headed = browser.upload(write([[planted("header"), *columns], ["x", *good.values()]]), name=f"a.{ending}")
    named = browser.upload(write([columns, good.values()]), name=f"{planted('file').replace('/', '')}.{ending}")
    for answer in (headed, named):
        page = browser.get(answer.headers["location"]).text if answer.status_code == 303 else answer.text
        shown |= require_text(page, ending)

    assert set(columns) <= good.keys()
    assert {"name", "reason", "header", "file"} <= shown


def test_the_api_answers_with_json_only(planted_office: Planted) -> None:
    """A browser that opens such an address must not take it for a page."""
    office = planted_office.office
    new = office.harness.app.tokens.create(
        planted("token"), service=None, access=TokenAccess.READ, lifetime=timedelta(days=1), actor=ADMINISTRATOR
    )
    assert new.secret
    program, seen = Program(office.browser(), new.secret.reveal()), ""
    paths = [path for method, path in RESOURCES if method == "GET"]
    for path in paths:
        address = path if path == "/accounts" else address_of(office, path.replace("{person_id:str}", TEACHER))
        for answer in (program.get(address), program.get(f"{address}?q={quote(planted('q'))}")):
            assert answer.headers["content-type"] in {"application/json", "application/problem+json"}, path
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["content-security-policy"]
            json.loads(answer.text)
            seen += answer.text

    assert "<b>planted-AccessRequest.reason" in seen


def test_nothing_is_offered_as_a_spreadsheet() -> None:
    """A formula is carried out by the program that opens a table: who adds such an answer has to neutralize them."""
    sources = [*Path(console.__file__).parent.rglob("*.py"), *Path(cli.__file__).parent.rglob("*.py")]
    texts = {path.name: path.read_text(encoding="utf-8") for path in sources}

    assert [
        name for name, text in texts.items() if re.search(r"text/csv|spreadsheetml|csv\.writer|DictWriter", text)
    ] == []


def test_a_notice_is_plain_text_without_further_headers() -> None:
    notice = DeliverNotice(delivery_id="1", recipient=Person(id="1", name="x"), text=f"{planted('text')}\nBcc: a@b.c")

    mail = email.message_from_bytes(
        compose(notice, sender="from@meb.gov.tr", recipient="to@meb.gov.tr", subject="Hesap"), policy=SMTP
    )

    assert mail.get_content_type() == "text/plain"
    assert mail["bcc"] is None
    assert "<b>planted-text" in mail.get_content()
