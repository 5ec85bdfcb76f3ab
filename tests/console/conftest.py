"""A small organisation with a console."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from provisioner.console.server import make_console
from provisioner.console.site import Site
from provisioner.console.web import make_web
from tests.console_office import Office, opened


@pytest.fixture(name="office")
def _office(tmp_path: Path) -> Iterator[Office]:
    with opened(tmp_path) as office:
        yield office


@pytest.fixture(name="at_proxy")
def _at_proxy(office: Office) -> Callable[..., Office]:
    """Return a function that makes the console stand behind a proxy."""

    def make(**settings: Any) -> Office:
        changed = attrs.evolve(office.harness.app.config.content.console, **settings)
        content = attrs.evolve(office.harness.app.config.content, console=changed)
        office.harness.app.config = attrs.evolve(office.harness.app.config, content=content)
        console = make_console(office.harness.app, Site.behind_proxy(changed))
        return attrs.evolve(office, console=console, web=make_web(console))

    return make
