"""English sentences of libraries, as messages that can be translated.

Their sentences are already formatted. The variable part becomes a value here, so that the rest is the key of a
translation.
"""

from __future__ import annotations

import re

from provisioner.core.model.text import Text, literal

_PLACED = re.compile(r"(.*) \((?:at line (\d+), column (\d+)|at end of document)\)", re.DOTALL)
#: What the TOML reader quotes: a key as a tuple, or a key or a character at the end.
_QUOTED = re.compile(r"\(.*\)|(?:'.*'|\".*\")$", re.DOTALL)
_BOUND = re.compile(r"'(\w+)' must be (>=|<=|>|<|in) (.*)", re.DOTALL)


def toml_problem(error: Exception) -> Text:
    """Return why a file can't be read as TOML, with the place if it is known."""
    found = _PLACED.fullmatch(str(error))
    if found is None:
        return literal(str(error))
    reason, line, column = _toml_reason(found[1]), found[2], found[3]
    if line is None:
        return Text("{reason} (at end of document)", {"reason": reason})
    return Text("{reason} (at line {line}, column {column})", {"reason": reason, "line": line, "column": column})


def _toml_reason(reason: str) -> Text:
    found = _QUOTED.search(reason)
    if found is None:
        return literal(reason)
    return Text(f"{reason[: found.start()]}{{quoted}}{reason[found.end() :]}", {"quoted": found[0]})


def bound(words: str) -> Text:
    """Return what a validator of attrs reports about a setting that is out of bounds."""
    found = _BOUND.fullmatch(words)
    if found is None:
        return literal(words)
    return Text(f"'{{name}}' must be {found[2]} {{bound}}", {"name": found[1], "bound": found[3]})
