"""The command line: parse, call the engine, print. What it promises to scripts is in the README."""

from __future__ import annotations

import gc
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line of this process, and exit."""
    gc.disable()  # until the command is imported: all that is imported lives until the end; searching it takes 5 %
    gc.set_threshold(100_000)  # of what a command makes, too, most lives until its end
    from provisioner.cli.root import root
    from provisioner.cli.streams import open_standard_streams

    open_standard_streams()
    if reconfigure := getattr(sys.stdout, "reconfigure", None):
        reconfigure(errors="replace")  # a name with a letter that the terminal does not know is no reason to fail
    try:
        root.main()
    finally:
        gc.freeze()  # before it exits, the interpreter would search all that was imported for garbage, several times
