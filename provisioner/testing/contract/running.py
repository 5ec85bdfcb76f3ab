"""Runs a contract inside this process, whatever pytest's configuration around it says, and tells what each check found.

The command line uses it for targets that are configured, and the kit's own tests for targets that are broken.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import pytest

from provisioner.testing.contract import tags
from provisioner.testing.contract.results import Result, Verdict
from provisioner.testing.contract.tags import Tag

#: What would let pytest do other things than it is told here.
ENVIRONMENT = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")

#: Keeps plug-ins of pytest away that happen to be installed.
NO_PLUGINS = "PYTEST_DISABLE_PLUGIN_AUTOLOAD"


@attrs.define(eq=False)
class Reporter:
    """A plug-in of pytest that turns its reports into results."""

    tell: Callable[[Result], None]
    results: list[Result] = attrs.field(factory=list, init=False)
    #: Whether the user wants no more of it.
    interrupted: bool = attrs.field(default=False, init=False)
    _reports: list[pytest.TestReport] = attrs.field(factory=list, init=False)

    def pytest_configure(self, config: pytest.Config) -> None:
        """Make the marks known, and keep the arguments of checks out of reports: a target may show anything."""
        tags.register(config)
        config.option.tbstyle = "short"

    def pytest_keyboard_interrupt(self, excinfo: pytest.ExceptionInfo[BaseException]) -> None:
        """Tell the user's wish from pytest's own, which takes the same way after errors in a module."""
        self.interrupted = excinfo.type is KeyboardInterrupt

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what was reported of one check: its preparation, itself, and its end."""
        self._reports.append(report)
        if report.when == "teardown":
            result = _result(self._reports)
            self._reports = []
            self.results.append(result)
            self.tell(result)


def run(
    suite: Path, *plugins: object, junit: Path | None = None, tell: Callable[[Result], None] = lambda _: None
) -> list[Result]:
    """Run all checks of a module.

    Args:

        suite: The file of the module.

        plugins: Further plug-ins of pytest, for example one with fixtures.

        junit: Where to write the results as JUnit XML.

        tell: Told of each result at once.

    Returns:

        The results, in their order.

    Raises:

        RuntimeError: The module cannot be collected; this is a defect of its author.

        KeyboardInterrupt: The user wants no more of it.
    """
    reporter = Reporter(tell)
    with TemporaryDirectory(prefix="contract-") as folder, _environment():
        arguments = [*_arguments(Path(folder)), *([f"--junitxml={junit}"] if junit else []), str(suite)]
        code = pytest.main(arguments, plugins=[reporter, *plugins])
    if reporter.interrupted:
        raise KeyboardInterrupt
    if code not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        msg = f"pytest ended with {code} before the checks"
        raise RuntimeError(msg)
    return reporter.results


def _arguments(folder: Path) -> Sequence[str]:
    """Return the options that make pytest deaf to everything around it."""
    empty = folder / "pytest.ini"
    empty.write_text("[pytest]\n", encoding="utf-8")
    return [
        f"--config-file={empty}",
        f"--rootdir={folder}",
        f"--basetemp={folder / 'temp'}",
        "--noconftest",
        "--import-mode=importlib",
        "--junit-prefix=contract",
        "-pno:terminal",
        "-pno:cacheprovider",
        "-pno:doctest",
        "-pno:unraisableexception",
        "-pno:threadexception",
    ]


@contextmanager
def _environment() -> Iterator[None]:
    """Keep what users say to their own pytest away from ours."""
    kept = {name: os.environ.pop(name) for name in (*ENVIRONMENT, NO_PLUGINS) if name in os.environ}
    os.environ[NO_PLUGINS] = "1"
    try:
        yield
    finally:
        del os.environ[NO_PLUGINS]
        os.environ.update(kept)


def _result(reports: Sequence[pytest.TestReport]) -> Result:
    """Join what was reported of one check. What went wrong first counts."""
    decisive = next((report for report in reports if not report.passed), reports[-1])
    name, _, case = decisive.location[2].rpartition(".")[2].partition("[")
    verdicts = {"passed": Verdict.OK, "failed": Verdict.FAILED, "skipped": Verdict.SKIPPED}
    return Result(
        check=name.removeprefix("test_"),
        case=case.removesuffix("]"),
        verdict=verdicts[decisive.outcome],
        tag=next(tag for tag in Tag if tag in decisive.keywords),
        reason=_reason(decisive),
        seconds=sum(report.duration for report in reports),
        left_behind=tuple(str(value) for key, value in reports[-1].user_properties if key == "left behind"),
    )


def _reason(report: pytest.TestReport) -> str:
    """Return, in a sentence, why a check failed or was skipped."""
    match report.longrepr:
        case None:
            return ""
        case (_, _, str() as reason):
            return reason.removeprefix("Skipped: ")
        case other:
            return _crash(other)


def _crash(longrepr: Any) -> str:
    crash = getattr(longrepr, "reprcrash", None)
    message = crash.message if crash else str(longrepr)
    first, *_ = message.splitlines() or [""]
    return first.removeprefix("AssertionError: ").removeprefix("Failed: ")
