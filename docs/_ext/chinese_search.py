"""Full-text search in Chinese that needs no dictionary, no server and no network.

Chinese is indexed by its characters and by its pairs of neighbouring characters; other
words by their stem, identifiers whole and by their parts. A query is cut by the same
rules in the browser (``chinese_search.js``) and all its terms must occur in a page.
So a phrase that occurs is always found. The pairs of a phrase could also occur apart
from each other; pages that have the phrase in a title, or its terms often, come first.

Sphinx's own Chinese search is not usable in 9.0: its page asks for a stemmer that does
not exist (sphinx-doc/sphinx#14229), and cuts queries otherwise than the index.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import snowballstemmer
from docutils import nodes
from sphinx import package_dir
from sphinx.search import SearchLanguage
from sphinx.search._stopwords.en import ENGLISH_STOPWORDS

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.util.typing import ExtensionMetadata
    from sphinx.writers.html5 import HTML5Translator

# Ideographs, with 々 and 〇; the same ranges stand in chinese_search.js.
HAN = "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
HAN_RUN = re.compile(rf"[{HAN}]+")
TOKEN = re.compile(rf"[{HAN}]+|(?:(?![{HAN}])\w)+")
ACCENT = re.compile("[\u0300-\u036f]")
PART_BORDER = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])")
TEX_COMMAND = re.compile(r"\\[A-Za-z]+")

# Sphinx's index does not count. A term that occurs often in a page is indexed a second
# and a third time, behind one and two of these characters (for private use).
OFTEN = "\ue000"
OFTEN_COUNTS = (4, 16)

JAVASCRIPT = Path(__file__).with_suffix(".js")
SPHINX_STEMMERS = package_dir / "search" / "minified-js"


def tokens(text: str) -> list[str]:
    """Return the runs of ideographs and the other words of ``text``, accents removed.

    The case is kept, for it shows the parts of an identifier.
    """
    plain = ACCENT.sub("", unicodedata.normalize("NFKD", text))
    return [word for token in TOKEN.findall(plain) if (word := token.strip("_"))]


def query_terms(text: str) -> list[str]:
    """Return what a page must contain to be found by the query ``text``.

    ``splitQuery`` in chinese_search.js does the same in the browser.
    """
    terms: list[str] = []
    for token in tokens(text):
        if HAN_RUN.match(token) and len(token) > 1:
            terms += map("".join, pairwise(token))
        else:
            terms.append(token.lower())
    return terms


def index_terms(text: str) -> list[str]:
    """Return the terms by which ``text`` can be found, of any query within it."""
    text = TEX_COMMAND.sub(" ", text)
    terms = query_terms(text)
    for token in tokens(text):
        if HAN_RUN.match(token):
            terms += token
        elif len(parts := PART_BORDER.split(token)) > 1:
            terms += map(str.lower, parts)
    return terms


# Porter's algorithm is frozen. The newer "english" one is not: Sphinx's script and
# snowballstemmer carry versions that disagree on "interval".
_porter = snowballstemmer.stemmer("porter")


@cache
def stem(word: str) -> str:
    """Return the stem of an English word, and any other word as it is."""
    return _porter.stemWord(word) if word.isascii() and word.isalpha() else word


class ChineseSearch(SearchLanguage):
    """Registered for ``zh``, which Sphinx also takes for ``zh_CN``."""

    lang = "zh"
    language_name = "Chinese"
    stopwords = ENGLISH_STOPWORDS  # dropped from queries, kept in the index

    def __init__(self, options: dict[str, str]) -> None:
        """Prepare the scripts of the search page."""
        super().__init__(options)
        self.js_stemmer_code = "\n".join(
            (SPHINX_STEMMERS / name).read_text(encoding="utf-8")
            for name in ("base-stemmer.js", "porter-stemmer.js")
        )
        self.js_splitter_code = JAVASCRIPT.read_text(encoding="utf-8")

    def split(self, input: str) -> list[str]:
        """Return the terms of a piece of text for the index."""
        return input.split() if input.startswith(OFTEN) else index_terms(input)

    def stem(self, word: str) -> str:
        """Return the form of a term that stands in the index."""
        return stem(word)

    def word_filter(self, word: str) -> bool:
        """Tell whether to index a term; the search page drops numbers from queries."""
        return not (word.isascii() and word.isdigit())


class search_terms(nodes.Element):  # noqa: N801
    """Terms that only the search index sees."""


def skip(translator: HTML5Translator, node: search_terms) -> None:
    """Write nothing."""
    raise nodes.SkipNode


def add_search_terms(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Add what Sphinx cannot see, for it indexes each piece of text alone."""
    if app.builder.format == "html":
        index_across_markup(doctree)
        mark_frequent_terms(doctree)


def index_across_markup(doctree: nodes.document) -> None:
    """Make terms findable that go on in a link or in emphasis: ``**方差**缩减``."""
    for block in doctree.findall(nodes.TextElement):
        whole = isinstance(block, (nodes.title, nodes.FixedTextElement))
        if whole or isinstance(block.parent, nodes.TextElement):
            continue
        pieces = [index_terms(text) for text in block.findall(nodes.Text)]
        if len(pieces) > 1:
            lost = set(index_terms(block.astext())).difference(*pieces)
            hide(block, sorted(lost))


def mark_frequent_terms(doctree: nodes.document) -> None:
    """Let the search page know which terms occur often, to list such pages first."""
    texts = doctree.findall(nodes.Text)
    counts = Counter(stem(term) for text in texts for term in index_terms(text))
    marked = [
        OFTEN * level + term
        for level, least in enumerate(OFTEN_COUNTS, start=1)
        for term in sorted(counts)
        if counts[term] >= least
    ]
    hide(doctree, marked)


def hide(parent: nodes.Element, terms: list[str]) -> None:
    """Put terms where the search index sees them and no reader does."""
    if terms:
        parent += search_terms("", nodes.Text(" ".join(terms)))


def leave_out_tables_of_contents(
    app: Sphinx, doctree: nodes.document, docname: str
) -> None:
    """Keep a page that lists the chapters from being a hit for each of their titles."""
    for block in doctree.findall(nodes.compound):
        if "toctree-wrapper" in block["classes"]:
            block["classes"].append("no-search")


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the extension."""
    app.add_search_language(ChineseSearch)
    app.add_node(search_terms, html=(skip, None))
    app.connect("doctree-resolved", leave_out_tables_of_contents)
    # After whatever else edits the resolved text.
    app.connect("doctree-resolved", add_search_terms, priority=900)
    return {
        "env_version": 1,
        "parallel_read_safe": True,
        "parallel_write_safe": True,
    }
