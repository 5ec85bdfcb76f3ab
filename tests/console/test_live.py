"""Pages follow long work while it goes on, without a reload; streams end with the session and with the server."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from types import SimpleNamespace

import attrs
import pytest
from playwright.sync_api import Browser as Chromium
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, sync_playwright

from provisioner.console import live, visit
from provisioner.console.assets import address
from provisioner.console.live import LiveProgress, Streams
from provisioner.testing import chromium
from provisioner.testing.clock import FakeClock
from provisioner.testing.faults import Fault
from tests.console.buffering_proxy import buffered
from tests.console.conftest import served
from tests.console.test_lists import LIST
from tests.console_office import LOGINS, OFFICER, Office

#: How long a step may take, in milliseconds.
PATIENCE = 120_000


async def events(streams: Streams, *steps: LiveProgress, session: str = "s") -> list[tuple[str | None, object]]:
    """Return the events of a stream, each as its name and its data."""
    left = iter(steps)
    found = [(one.event, one.data) async for one in streams._events(lambda: next(left), session)]
    return [one for one in found if one[0] != "here"]


def test_a_stream_tells_what_is_new_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_EVERY", 0)
    steps = [
        LiveProgress(html="1"),
        LiveProgress(html="1"),
        LiveProgress(html="2"),
        LiveProgress(is_over=True, html="2"),
    ]
    streams = Streams()

    assert asyncio.run(events(streams, *steps)) == [("progress", "1"), ("progress", "2"), ("over", "-")]
    assert streams.count == 0


def test_there_are_few_streams_of_a_session_and_of_all() -> None:
    """Otherwise one browser with many tabs, or many of them, would keep the console busy."""

    async def run() -> tuple[object, int]:
        streams, is_over = Streams(most=3, of_session=2), LiveProgress(html="1")
        opened = [streams._events(lambda: is_over, session) for session in ("a", "a", "b")]
        for stream in opened:
            await anext(stream)
        refused = [await events(streams, session="a"), await events(streams, session="c")]
        for stream in opened:
            await stream.aclose()  # the browsers have gone
        return refused, streams.count

    assert asyncio.run(run()) == ([[("full", "-")]] * 2, 0)


def test_a_server_that_stops_ends_streams_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_EVERY", 3600)

    async def run() -> None:
        streams = Streams()
        stream = streams._events(lambda: LiveProgress(html="1"), "s")
        assert [(await anext(stream)).event for _ in range(2)] == ["here", "progress"]
        streams.end()
        assert [one async for one in stream] == []

    asyncio.run(run())


def test_a_stream_is_heard_while_a_step_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page can't tell a stream that says nothing from one that a proxy holds back."""
    monkeypatch.setattr(live, "_SILENCE", 0.01)
    heard = threading.Event()

    def look() -> LiveProgress:
        assert heard.wait(PATIENCE / 1000)
        return LiveProgress(is_over=True)

    async def run() -> list[str | None]:
        found = []
        async for message in Streams()._events(look, "s"):
            found.append(message.event)
            if len(found) == 3:
                heard.set()
        return found

    found = asyncio.run(run())
    assert (found[:3], found[-1]) == (["here"] * 3, "over")


def test_a_stream_is_heard_between_two_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_SILENCE", 0.01)
    monkeypatch.setattr(live, "_EVERY", 3600)

    async def run() -> list[str | None]:
        stream = Streams()._events(lambda: LiveProgress(html="1"), "s")
        found = [(await anext(stream)).event for _ in range(4)]
        await stream.aclose()
        return found

    assert asyncio.run(run()) == ["here", "progress", "here", "here"]


def test_a_page_that_waits_for_the_log_in_is_live_again_afterwards(office: Office) -> None:
    answer = office.browser().get("/comparison?by-itself=1")

    assert answer.headers["location"] == "/login?next=%2Fcomparison"


def test_a_stream_and_its_script_keep_no_session_alive(office: Office) -> None:
    """A page that is left open would never be logged out."""
    clock, browser = office.harness.clock, office.logged_in(OFFICER)
    assert isinstance(clock, FakeClock)
    idle = timedelta(minutes=office.harness.app.config.content.console.idle_minutes)

    clock.advance(idle - timedelta(minutes=1))
    assert browser.get(address("live.js")).status_code == 200
    answer = browser.get("/live/comparison")

    assert answer.text.startswith("event: here\r\ndata: -\r\nretry: 3000")
    assert "event: over" in answer.text
    wanted = {"cache-control": "no-store", "x-accel-buffering": "no"}
    assert {name: answer.headers[name] for name in wanted} == wanted
    assert answer.headers["content-type"].startswith("text/event-stream")
    clock.advance(timedelta(minutes=2))
    assert browser.get("/live/comparison").status_code == 303
    assert browser.get("/me").status_code == 303


def test_a_page_that_reloads_itself_keeps_no_session_alive(office: Office) -> None:
    """Without JavaScript, a page that is left open would never be logged out."""
    clock, browser = office.harness.clock, office.logged_in(OFFICER)
    assert isinstance(clock, FakeClock)
    idle = timedelta(minutes=office.harness.app.config.content.console.idle_minutes)
    begun = SimpleNamespace(under_way=Future(), began_at=clock())
    office.console.comparisons.keep(OFFICER, begun)  # type: ignore[arg-type]
    [address] = re.findall('<meta http-equiv="refresh" content="3; url=(.*?)">', browser.get("/comparison").text)

    clock.advance(idle - timedelta(minutes=1))
    assert browser.get(address).status_code == 200
    clock.advance(timedelta(minutes=2))

    assert browser.get("/me").status_code == 303


def test_a_stream_is_over_when_the_session_has_ended(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_EVERY", 0)
    browser, steps = office.logged_in(OFFICER), []

    class Endless:
        """A comparison that does not end."""

        def done(self) -> bool:
            steps.append(1)
            if len(steps) == 3:
                office.console.sessions.end_all(OFFICER)
            return False

    begun = SimpleNamespace(under_way=Endless())
    office.console.comparisons.keep(OFFICER, begun)  # type: ignore[arg-type]

    assert "event: over" in browser.get("/live/comparison").text
    assert len(steps) == 3


def test_a_step_that_fails_ends_the_stream(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page is loaded again and says why."""
    browser = office.logged_in(OFFICER)

    def fail(_: str) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(office.console.comparisons, "of", fail)

    assert "event: over" in browser.get("/live/comparison").text


@attrs.define(eq=False)
class Watched:
    """A page on which a list is being applied. The directory opens as many accounts as it is let."""

    page: Page
    url: str
    let: threading.Semaphore
    complaints: list[str]


@pytest.fixture(name="chromium_", scope="module")
def _chromium() -> Iterator[Chromium]:
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium.program(), args=list(chromium.ARGUMENTS))
        yield browser
        browser.close()


@contextmanager
def watched(
    office: Office,
    chromium_: Chromium,
    *,
    script: bool,
    proxied: Callable[[str], AbstractContextManager[str]] = nullcontext,
) -> Iterator[Watched]:
    let, complaints = threading.Semaphore(0), list[str]()
    office.faults.pause = lambda: assert_(let.acquire(timeout=PATIENCE / 1000))
    office.faults.on("account_create", Fault.PAUSE)

    def note(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    with served(office) as server, proxied(server) as url:
        context = chromium_.new_context(base_url=url, java_script_enabled=script, locale="en")
        try:
            context.set_default_timeout(PATIENCE)
            context.on("console", note)
            page = log_in(context, office)
            page.goto("/lists")
            page.set_input_files("#file", {"name": "units.csv", "mimeType": "text/csv", "buffer": LIST})
            page.click("main .panel button")
            page.click('main form[action$="/apply"] button')
            page.get_by_text("0 of 3 accounts").wait_for()
            yield Watched(page, url, let, complaints)
        finally:
            let.release(3)
            context.close()


def assert_(value: object) -> None:
    assert value


def log_in(context: BrowserContext, office: Office) -> Page:
    page = context.new_page()
    page.goto("/login")
    context.add_cookies([{"name": "provisioner-language", "value": "en", "url": page.url}])
    page.fill("#login", LOGINS[OFFICER])
    page.fill("#password", office.password(OFFICER))
    page.click("main button")
    return page


@pytest.mark.slow
@pytest.mark.server("chromium")
@pytest.mark.parametrize("script", [True, False])
def test_a_page_follows_a_list_with_and_without_script(office: Office, chromium_: Chromium, script: bool) -> None:
    """With script, the page stays: a person who reads it, or marks text, is not disturbed until the end."""
    with watched(office, chromium_, script=script) as seen:
        if script:
            seen.page.evaluate("window.isTheSame = true")

        seen.let.release()
        seen.page.get_by_text("1 of 3 accounts").wait_for()
        if script:
            assert seen.page.evaluate("window.isTheSame")
            assert seen.page.title().startswith("1/3")
        seen.let.release(2)

        seen.page.get_by_text("Everything is done.").wait_for()
        assert seen.page.locator("[data-live]").count() == 0
        assert seen.complaints == []


@pytest.mark.slow
@pytest.mark.server("chromium")
def test_an_open_page_leads_to_the_log_in_after_a_log_out_everywhere(office: Office, chromium_: Chromium) -> None:
    with watched(office, chromium_, script=True) as seen:
        other = chromium_.new_context(base_url=seen.url)
        other.set_default_timeout(PATIENCE)
        page = log_in(other, office)
        page.goto("/me")
        page.check("#everywhere")
        page.click('form[action="/logout"] button')

        seen.page.wait_for_url("**/login?next=*")
        assert seen.complaints == []


@pytest.mark.slow
@pytest.mark.server("chromium")
def test_a_page_whose_stream_a_proxy_holds_back_says_so_and_reloads_itself(
    office: Office, chromium_: Chromium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It showed the same progress for ever."""
    monkeypatch.setattr(visit, "LONGEST_SILENCE", 2)
    with watched(office, chromium_, script=True, proxied=buffered) as seen:
        seen.let.release()
        seen.page.get_by_text("No live messages arrive from the server.").wait_for()
        seen.page.get_by_text("1 of 3 accounts").wait_for()
        assert seen.page.url.endswith("?by-itself=1")
        seen.let.release(2)

        seen.page.get_by_text("Everything is done.").wait_for()
        assert seen.page.get_by_text("No live messages").count() == 0
        assert seen.complaints == []
