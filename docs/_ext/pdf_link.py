"""A link to the PDF in the HTML, when the PDF was built before it.

``make pdf`` leaves ``build/pdf/book.pdf``; it is copied into the HTML, and templates
see its name there as ``book_pdf``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

PDF = "build/pdf/book.pdf"


def offer_pdf(app: Sphinx, config: Config) -> None:
    """Add the PDF to the files and to the context of the pages."""
    pdf = Path(app.confdir).parent / PDF
    if pdf.is_file() and not app.tags.has("epub"):
        config.html_extra_path = [*config.html_extra_path, str(pdf)]
        config.html_context = {**config.html_context, "book_pdf": pdf.name}


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    app.connect("config-inited", offer_pdf)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
