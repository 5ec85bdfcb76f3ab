"""What the tokens of the API allow."""

from __future__ import annotations

from enum import StrEnum


class TokenAccess(StrEnum):
    """What a token allows, within the rights of its owner."""

    #: To read, and to change nothing.
    READ = "read"
    #: To do what the owner may do.
    WRITE = "write"
