"""Pages as PDF files, to print and to sign. They need the extra ``pdf``."""

from __future__ import annotations

import hashlib
import threading
from functools import cache
from importlib.util import find_spec

#: Pango, which draws the text, is not safe with threads.
_LOCK = threading.Lock()


@cache
def is_possible() -> bool:
    """Whether PDF files can be made."""
    return find_spec("weasyprint") is not None


def pdf_of(html: str) -> bytes:
    """Return a page as a tagged PDF file. The same page gives the same bytes.

    Args:

        html: The page. It contains its styles, and nothing that would have to be fetched.

    Raises:

        ValueError: Something would have to be fetched.
    """
    from weasyprint import HTML
    from weasyprint.urls import FatalURLFetchingError, URLFetcher

    identifier = hashlib.sha256(html.encode()).digest()[:16]
    nothing = URLFetcher(allowed_protocols=(), allow_redirects=False, fail_on_errors=True)
    try:
        with _LOCK:
            page = HTML(string=html, url_fetcher=nothing)
            return bytes(page.write_pdf(pdf_identifier=identifier, pdf_variant="pdf/ua-1"))
    except FatalURLFetchingError:
        msg = "the page names something outside of it"
        raise ValueError(msg) from None
