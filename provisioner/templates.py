"""HTML pages, from the Jinja2 templates in the folder ``templates`` of a package."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from provisioner.core.model.text import visible

if TYPE_CHECKING:
    from jinja2 import Environment


def render(package: str, template: str, **values: object) -> str:
    """Return a page.

    Text in the values is escaped, and characters that a browser obeys instead of showing them are made visible.

    Args:

        package: The package that contains the template.

        template: The name of the file.

        values: What the template shows. A name that is missing is an error.
    """
    return _environment(package).get_template(template).render(values)


@cache
def _environment(package: str) -> Environment:
    # Most commands show no page.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _shown(value: object) -> object:
    """Make a value visible; what a macro returns is a page already."""
    return value if hasattr(value, "__html__") else visible(str(value))
