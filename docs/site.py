"""Hooks of mkdocs: the pages outside ``docs`` become part of the site, and links to source files become plain text.

So the same Markdown can be read in the repository and on the site.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]

#: Where the pages outside ``docs`` are on the site, by their path in the repository.
OUTSIDE: Mapping[str, str] = {
    "README.md": "index.md",
    "README.tr.md": "project/tr.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "examples/dovecot-passwd/README.md": "project/examples/dovecot-passwd.md",
    "examples/two-workers/README.md": "project/examples/two-workers.md",
    "examples/iredmail/README.md": "project/examples/iredmail.md",
    "examples/ldap-family/README.md": "project/examples/ldap-family.md",
    "examples/monitoring/README.md": "project/examples/monitoring.md",
    "examples/postgresql-roles/README.md": "project/examples/postgresql-roles.md",
    "examples/schools-in-august/README.md": "project/examples/schools-in-august.md",
    "examples/ucs/README.md": "project/examples/ucs.md",
    "plugins/ldap/README.md": "project/plugins/ldap.md",
    "plugins/letter/README.md": "project/plugins/letter.md",
    "plugins/mail/README.md": "project/plugins/mail.md",
    "plugins/pys/README.md": "project/plugins/pys.md",
    "plugins/sms/README.md": "project/plugins/sms.md",
    "provisioner/testing/README.md": "project/provisioner/testing.md",
    "provisioner/testing/contract/README.md": "project/provisioner/testing/contract.md",
}

_ORIGINS = {page: origin for origin, page in OUTSIDE.items()}
_LINK = re.compile(r"\[([^]]*)\]\((?!\w+:|#)([^)#]*)(#[^)]*)?\)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages outside ``docs``."""
    for origin, page in OUTSIDE.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / origin)))
    return files


def on_page_markdown(markdown: str, /, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """Let links lead to where the pages are on the site."""
    here = page.file.src_uri
    origin = _ORIGINS.get(here, f"docs/{here}")
    return _LINK.sub(lambda link: _on_site(link, here, posixpath.dirname(origin)), markdown)


def _on_site(link: re.Match[str], here: str, folder: str) -> str:
    text, target, anchor = link[1], posixpath.normpath(posixpath.join(folder, link[2])), link[3] or ""
    page = OUTSIDE.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    if page is None:
        return text if (ROOT / target).exists() else link[0]
    return f"[{text}]({posixpath.relpath(page, posixpath.dirname(here) or '.')}{anchor})"
