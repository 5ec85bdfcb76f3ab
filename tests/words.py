"""Words in what a command printed."""

from __future__ import annotations

import re


def has_word(text: str, word: str) -> bool:
    """Say whether the text has the word; not as a part of an id, a hash or a time, which have every digit by chance."""
    return re.search(rf"((?<![-\w])|(?<=\\n)){re.escape(word)}(?![-\w])", text) is not None
