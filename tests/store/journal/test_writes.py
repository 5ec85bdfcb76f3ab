"""What was written for somebody is known to nobody else, and in all threads that work for the same."""

from __future__ import annotations

import threading
from contextvars import copy_context

from provisioner.store.journal.writes import note_write, noted_writes


def test_a_write_in_a_thread_with_the_context_is_noted() -> None:
    with noted_writes() as written:
        thread = threading.Thread(target=copy_context().run, args=(note_write,))
        thread.start()
        thread.join()

    assert written.is_set()


def test_a_write_of_others_is_not_noted() -> None:
    with noted_writes() as written:
        thread = threading.Thread(target=note_write)
        thread.start()
        thread.join()
    note_write()

    assert not written.is_set()
