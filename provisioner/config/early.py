"""What is known of the configuration before it is loaded, and even if it cannot be: its place and its language.

``--help`` and the first error messages need no more. So nothing is imported here that takes time.
"""

from __future__ import annotations

import os
import re

DEFAULT_FILE = "provisioner.toml"
ENVIRONMENT_VARIABLE = "PROVISIONER_CONFIG"

LANGUAGES = ("tr", "en")
#: The language of a configuration that names none.
DEFAULT_LANGUAGE = "tr"

#: The language stands before the first table of a file, so this much of it is enough.
_HEAD = 65536
_SETTING = re.compile(rb"""^[ \t]*language[ \t]*=[ \t]*["'](tr|en)["']""", re.MULTILINE)
_TABLE = re.compile(rb"^[ \t]*\[", re.MULTILINE)


def configuration_file(given: str | None) -> str:
    """Return the path of the configuration file: the one given, the one in the environment, or the default."""
    return given or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_FILE


def configured_language(file: str) -> str | None:
    """Return the language that a configuration file asks for, also if something else in it is wrong.

    Args:

        file: The path of the file.

    Returns:

        ``tr`` or ``en``; ``None`` if there is no such file, or it cannot be read.
    """
    if not os.path.isfile(file):  # noqa: PTH113 - pathlib takes longer to import than all of this
        return None
    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - as above
            head = stream.read(_HEAD)
    except OSError:
        return None
    table = _TABLE.search(head)
    setting = _SETTING.search(head, 0, table.start() if table else len(head))
    return setting.group(1).decode() if setting else DEFAULT_LANGUAGE
