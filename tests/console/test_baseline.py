"""What a scanner reads in the answers of the console, without attacking it: the passive rules of ZAP, by their numbers.

ZAP is no package of a registry, so its rules are written here for what the console has. Each rule names the numbers of
ZAP that it stands for. Rules on techniques that the console doesn't use (10003, 10017, 10032, 10043, 10110, 90001,
90002, 90030: scripts, view states, serialized objects, WSDL) are held by the one that finds no script at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import attrs
import httpx
import pytest

from provisioner.console.assets import address as address_of_file
from provisioner.core.api.errors import StoreError
from provisioner.core.model.tokens import TokenAccess
from provisioner.services.policy import Deadlines
from tests.console.api.conftest import Program
from tests.console.api.test_routes import ALLOWED as RESOURCES
from tests.console.test_routes import ALLOWED, AT_PROVIDER, LIST, PUBLIC, ROLES, address_of
from tests.console_office import ADMINISTRATOR, TEACHER, Browser, Office

URL, PROXY = "https://konsol.example", "10.0.0.7"

#: What a defect says in its exception, and no page may repeat.
HIDDEN = "what only the log may say"


@attrs.define(eq=False)
class ProxiedOffice(Office):
    """An office whose console is reached over TLS, as in use."""

    def browser(self) -> Browser:
        return Browser(self.web, peer=PROXY, origin=URL)


class Page(HTMLParser):
    """The elements of a page, in their order, and its comments."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, Mapping[str, str]]] = []
        self.comments: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)

    def of(self, *tags: str) -> list[Mapping[str, str]]:
        return [attributes for tag, attributes in self.elements if tag in tags]


@attrs.frozen(kw_only=True)
class Answer:
    """An answer, and what the browser knew when it asked."""

    response: httpx.Response
    #: The values that must be in no address: those of the cookies, of the form and of the token.
    secrets: frozenset[str]

    @property
    def headers(self) -> httpx.Headers:
        return self.response.headers

    @property
    def place(self) -> str:
        return f"{self.response.request.method} {self.response.request.url.path}"

    @property
    def is_file(self) -> bool:
        return self.response.request.url.path.startswith("/static/") and self.response.status_code == 200

    @property
    def is_page(self) -> bool:
        return self.headers.get("content-type", "").startswith("text/html") and bool(self.response.content)

    @property
    def page(self) -> Page:
        return Page(self.response.text if self.is_page else "")


def cookies(answer: Answer) -> Iterator[str]:
    """10010, 10011, 10054, 90033: HttpOnly, Secure, SameSite, and no other host."""
    for cookie in answer.headers.get_list("set-cookie"):
        parts = cookie.split("; ")
        if not cookie.startswith("__Host-") or not {"HttpOnly", "Secure", "Path=/"} <= set(parts):
            yield cookie
        if not {"SameSite=Lax", "SameSite=Strict"} & set(parts) or any(part.startswith("Domain") for part in parts):
            yield cookie


def caching(answer: Answer) -> Iterator[str]:
    """10015, 10049, 10050: nothing is kept but the files, whose address changes with their content."""
    expected = "public, max-age=31536000, immutable" if answer.is_file else "no-store"
    if answer.headers.get("cache-control") != expected or "age" in answer.headers:
        yield answer.headers.get("cache-control", "missing")


def types(answer: Answer) -> Iterator[str]:
    """10019, 10021, 90011: the type and the character set are said, and are not guessed."""
    kind = answer.headers.get("content-type", "")
    if answer.headers.get("x-content-type-options") != "nosniff":
        yield "nosniff"
    if answer.response.content and not kind:
        yield "no type"
    if kind.startswith("text/") and not kind.lower().endswith("; charset=utf-8"):
        yield kind
    declared = [one["charset"] for one in answer.page.of("meta") if "charset" in one]
    if declared != (["utf-8"] if answer.is_page else []):
        yield f"declared: {declared}"


def policies(answer: Answer) -> Iterator[str]:
    """10020, 10038, 10055, 10063, 10098, 90004: frames, contents, features, other origins."""
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    required = {"default-src": "'none'", "base-uri": "'none'", "frame-ancestors": "'none'", "form-action": "'self'"}
    if not required.items() <= policy.items() or set(policy.values()) - {"'none'", "'self'"}:
        yield str(policy)
    expected = {
        "x-frame-options": "DENY",
        "referrer-policy": "same-origin",
        "cross-origin-opener-policy": "same-origin",
        "cross-origin-resource-policy": "same-origin",
        "cross-origin-embedder-policy": "require-corp",
    }
    yield from (name for name, value in expected.items() if answer.headers.get(name) != value)
    if "()" not in answer.headers.get("permissions-policy", ""):
        yield "permissions-policy"
    yield from (name for name in answer.headers if name.startswith("access-control-"))


def transport(answer: Answer) -> Iterator[str]:
    """10035, 10040, 10041, 10042: TLS for a year, and nothing over another protocol."""
    if answer.headers.get("strict-transport-security") != "max-age=31536000":
        yield "strict-transport-security"
    for attributes in answer.page.of("a", "form", "link", "img", "button"):
        yield from (
            value for name, value in attributes.items() if name in _ADDRESSES and not value.startswith(("/", "#"))
        )


def banners(answer: Answer) -> Iterator[str]:
    """10009, 10036, 10037, 10039, 10052, 10056, 10061: nobody is told which programs answer."""
    names = {"server", "via", "x-powered-by", "x-backend-server", "x-chromelogger-data", "x-debug-token"}
    yield from (name for name in answer.headers if name in names or name.startswith("x-aspnet"))
    yield from re.findall(r"(?i)uvicorn|litestar|starlette|python/\d", answer.response.text)


def errors(answer: Answer) -> Iterator[str]:
    """10023, 10033, 10099, 90022: no traces, no code, no paths, no lists of files, no texts of exceptions."""
    marks = r"Traceback|File \"|site-packages|sqlalchemy|sqlite|/usr/|/tmp/|/home/|\.py\b|Index of /|SELECT .* FROM "
    yield from re.findall(marks, "" if answer.is_file else answer.response.text)
    if HIDDEN in answer.response.text:
        yield HIDDEN


def addresses(answer: Answer) -> Iterator[str]:
    """3, 10024, 10025, 10028, 10044: no secret is in an address, and none leads to another site."""
    location = answer.headers.get("location", "")
    links = [value for _, one in answer.page.elements for name, value in one.items() if name in _ADDRESSES]
    for address in (location, str(answer.response.request.url), *links):
        yield from (address for secret in answer.secrets if secret in address)
    if location and (not re.match(r"/(?![/\\])", location) or len(answer.response.content) > 1000):
        yield location


def forms(answer: Answer) -> Iterator[str]:
    """10202, 10105: forms that change something are posted with a token; passwords are for password managers."""
    page, posted, tokens = answer.page, 0, 0
    for form in page.of("form"):
        posted += form.get("method") == "post"
        if form.get("method") not in {"get", "post"}:
            yield str(form)
    for field in page.of("input"):
        tokens += field.get("name") == "csrf" and field.get("type") == "hidden" and len(field["value"]) > 20
        if field.get("type") == "password" and field.get("autocomplete") != "current-password":
            yield str(field)
    if tokens != posted:
        yield f"{tokens} tokens, {posted} forms"


def contents(answer: Answer) -> Iterator[str]:
    """10017, 10027, 10030, 10031, 10108, 10109, 90003: no script, no style in a page, no comment, only own files."""
    page = answer.page
    yield from (comment for comment in page.comments)
    yield from (tag for tag, _ in page.elements if tag in {"script", "style", "iframe", "object", "embed", "base"})
    for tag, attributes in page.elements:
        yield from (f"{tag} {name}" for name in attributes if name.startswith("on") or name in {"style", "target"})
    for link in page.of("link"):
        if not re.fullmatch(r"/static/[0-9a-f]{12}/[\w.-]+", link["href"]):
            yield link["href"]
    if answer.is_file:
        yield from re.findall(r"(?i)\b(?:todo|fixme|xxx|bug|password|query|admin)\b", answer.response.text)


_ADDRESSES = {"href", "src", "action", "formaction"}

RULES: tuple[Callable[[Answer], Iterator[str]], ...] = (
    cookies,
    caching,
    types,
    policies,
    transport,
    banners,
    errors,
    addresses,
    forms,
    contents,
)


def answers_of(browser: Browser, *responses: httpx.Response) -> Iterator[Answer]:
    known = frozenset(str(cookie.value) for cookie in browser.cookies.jar if "language" not in cookie.name)
    found = re.findall(r'name="csrf" value="([^"]+)"', "".join(response.text for response in responses))
    for response in responses:
        yield Answer(response=response, secrets=frozenset({*known, *found} - {""}))


@pytest.fixture(name="proxied")
def _proxied(at_proxy: Callable[..., Office]) -> ProxiedOffice:
    office = at_proxy(url=URL, proxies=(f"{PROXY}/32",))
    return ProxiedOffice(**{field.name: getattr(office, field.name) for field in attrs.fields(Office)})


def _refusals(office: ProxiedOffice, browser: Browser) -> Iterator[httpx.Response]:
    """Yield one answer of each kind in which something is refused."""
    form = {"content-type": "application/x-www-form-urlencoded", "sec-fetch-site": "same-origin"}
    yield browser.get("/nothing")
    yield browser.get("/static/0/console.css")
    yield browser.get("/due?a=%ff")
    yield browser.get("/login", headers={"host": "elsewhere.example"})
    yield browser.get("/logout")
    yield browser.send("POST", "/logout")
    yield browser.send("POST", "/login", headers={**form, "content-type": "text/plain"}, content=b"csrf=1")
    yield browser.send("POST", "/login", headers=form, content=b"a=" + b"x" * 70_000)
    yield browser.post("/requests/new", {"login": "nobody", "kind": "rotate", "reason": "", "to": ""})
    yield browser.post("/accounts/okul46/close", {"reason": "deneme", "password": "wrong"})
    yield browser.upload(LIST.replace(b"school", b""))
    yield browser.upload(b"PK\x03\x04" + b"x" * 100, name="units.xlsx")
    yield Browser(office.web, peer="192.0.2.1", origin=URL).get("/login")


def test_no_answer_has_a_finding(proxied: ProxiedOffice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page as every role and as nobody, every kind of refusal, a defect, the API, and the files."""
    browser = proxied.browser()
    answers = [*answers_of(browser, browser.log_in("okul46", proxied.password(TEACHER)))]
    answers += answers_of(browser, browser.post("/language", {"language": "en"}), browser.post("/logout"))
    browsers: dict[str | None, Browser] = {None: proxied.browser(), **{role: proxied.logged_in(role) for role in ROLES}}
    for role, browser in browsers.items():
        for method, path in [*ALLOWED, *PUBLIC, *AT_PROVIDER]:
            if method == "GET" and not path.startswith("/static/"):
                address = address_of(proxied, path)
                answers += answers_of(browser, browser.get(address))
                if role == ADMINISTRATOR:
                    answers += answers_of(browser, browser.send("HEAD", address))
        answers += answers_of(browser, *_refusals(proxied, browser))
        for error in (KeyError(HIDDEN), StoreError("the store is locked")):
            with monkeypatch.context() as broken:
                broken.setattr(Deadlines, "within", _raising(error))
                answers += answers_of(browser, browser.get("/due"))
        for name in ("console.css", "favicon.svg"):
            answers += answers_of(browser, browser.get(address_of_file(name)))
    answers += _of_api(proxied)

    found = {
        f"{rule.__name__}: {answer.place} {answer.response.status_code}: {finding}"
        for answer in answers
        for rule in RULES
        for finding in rule(answer)
    }
    assert not found, "\n".join(sorted(found))
    statuses = {answer.response.status_code for answer in answers}
    assert statuses == {200, 303, 400, 401, 403, 404, 405, 413, 415, 421, 422, 500, 503}
    print(f"{len(RULES)} rules x {len(answers)} answers: nothing found")


def _raising(error: Exception) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def _of_api(office: ProxiedOffice) -> Iterator[Answer]:
    new = office.harness.app.tokens.create(
        "test", service=None, access=TokenAccess.READ, lifetime=timedelta(days=1), actor=ADMINISTRATOR
    )
    assert new.secret
    program = Program(office.browser(), new.secret.reveal())
    paths = [path for method, path in RESOURCES if method == "GET"]
    responses = [program.get(address_of(office, path.replace("{person_id:str}", TEACHER))) for path in paths]
    responses += [program.get("/nothing"), program.post("/requests", {}), office.browser().get("/api/v1/token")]
    for response in responses:
        yield Answer(response=response, secrets=frozenset({new.secret.reveal()}))
