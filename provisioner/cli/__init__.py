"""The command line: parse, call the engine, print. What it promises to scripts is in the README."""

from __future__ import annotations

from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process, and exit."""
    from provisioner.cli.root import root

    root.main()
