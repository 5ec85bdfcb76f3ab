"""How answers look: documents for JSON, pages for browsers."""
