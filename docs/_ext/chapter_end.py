"""The end of a page in HTML: when the chapter changed, how to cite it, where to report.

The link to report a mistake fills in the form .github/ISSUE_TEMPLATE/erratum.yml; it is
there only if the theme knows the repository's address. erratum.js offers the same at
each ✓, with the equation's number.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from chapter_citation import bibtex, edition_of, gb7714
from chapter_history import last_changes
from gathered import chapters
from jinja2 import Environment
from source_pages import BUILDERS, root_of

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

TEMPLATE = Path(__file__).with_suffix(".html")
FORM = "erratum.yml"


def find_changed(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Return the chapters to write again because their date is another."""
    old = getattr(env, "chapter_dates", {})
    new = last_changes(root_of(env), chapters(env))
    env.chapter_dates = new  # type: ignore[attr-defined]
    known = env.found_docs & (old.keys() | new.keys())  # not what has been removed
    return [name for name in known if old.get(name) != new.get(name)]


def erratum_address(repository: str, docname: str, title: str, version: str) -> str:
    """Return the address of the form, with page and version filled in."""
    fields = {
        "template": FORM,
        "title": f"勘误：{title.partition('：')[0]}",
        "chapter": f"{docname} {title}",
        "version": version,
    }
    return f"{repository}/issues/new?{urlencode(fields, quote_via=quote)}"


def add_end(
    app: Sphinx,
    pagename: str,
    templatename: str,
    context: dict[str, Any],
    doctree: object,
) -> None:
    """Append the end to the body of a page that has a source."""
    no_text = pagename not in app.env.titles or pagename == app.config.root_doc
    if no_text or app.builder.name not in BUILDERS:
        return
    title = app.env.titles[pagename].astext()
    values: dict[str, Any] = {"erratum": None, "is_chapter": False}
    if repository := app.config.html_theme_options.get("repository_url"):
        release = app.config.release
        values["erratum"] = erratum_address(repository, pagename, title, release)
    if pagename in chapters(app.env):
        values |= _chapter_values(app, pagename, title, context.get("pageurl") or "")
    if values["erratum"] or values["is_chapter"]:
        template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
        html = template.from_string(TEMPLATE.read_text(encoding="utf-8"))
        context["body"] += html.render(values)


def _chapter_values(app: Sphinx, docname: str, title: str, url: str) -> dict[str, Any]:
    edition = edition_of(app.config, root_of(app))
    date = app.env.chapter_dates.get(docname)  # type: ignore[attr-defined]
    day = None
    if date:
        year, month, number = map(int, date.split("-"))
        day = f"{year} 年 {month} 月 {number} 日"
    entry = bibtex(edition, docname, title, url)
    return {
        "is_chapter": True,
        "date": date,
        "day": day,
        "gb7714": gb7714(edition, title, url),
        "dated": bool(url),
        "bibtex": app.builder.highlighter.highlight_block(entry, "bibtex"),  # type: ignore[attr-defined]
    }


def add_script(app: Sphinx) -> None:
    """Give the pages the script if there is a form to lead to."""
    has_form = bool(app.config.html_theme_options.get("repository_url"))
    if has_form and app.builder.name in BUILDERS:
        app.add_js_file("erratum.js", loading_method="defer")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.add_css_file("finding.css")
    app.connect("builder-inited", add_script)
    app.connect("env-updated", find_changed)
    app.connect("html-page-context", add_end)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
