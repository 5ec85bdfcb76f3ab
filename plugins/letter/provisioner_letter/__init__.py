"""Writes passwords as sealed letters: PDF files that only their owner, or a mailer printer, can open."""
