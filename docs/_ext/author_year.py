"""Author–year citations in Chinese: （Jang 等，2017）, Jang 等（2017）."""

from __future__ import annotations

import string
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sphinxcontrib.bibtex.plugin
from pybtex.plugin import register_plugin
from pybtex.richtext import Text
from pybtex.style.formatting.plain import Style as PlainStyle
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.template import field as field_of
from pybtex.style.template import sentence
from sphinxcontrib.bibtex.style.referencing import BracketStyle, PersonStyle
from sphinxcontrib.bibtex.style.referencing.author_year import AuthorYearReferenceStyle

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pybtex.database import Entry, Person
    from sphinx.application import Sphinx


def _brackets() -> BracketStyle:
    return BracketStyle(left="（", right="）", sep="；")


def _persons() -> PersonStyle:
    return PersonStyle(sep="、", sep2=" 与 ", last_sep=" 与 ", other=" 等")


@dataclass
class ChineseAuthorYear(AuthorYearReferenceStyle):
    """Author–year references with full-width punctuation."""

    bracket_textual: BracketStyle = field(default_factory=_brackets)
    bracket_parenthetical: BracketStyle = field(default_factory=_brackets)
    bracket_author: BracketStyle = field(default_factory=_brackets)
    bracket_label: BracketStyle = field(default_factory=_brackets)
    bracket_year: BracketStyle = field(default_factory=_brackets)
    person: PersonStyle = field(default_factory=_persons)
    author_year_sep: str = "，"
    text_reference_sep: str = ""
    post_text_sep: str = "，"


class AuthorYearLabels(BaseLabelStyle):
    """Labels such as "Jang et al. 2017" for the bibliography page."""

    def format_labels(self, sorted_entries: Iterable[Entry]) -> Iterator[str]:
        """Yield one label for each entry.

        The years of equal ones get a, b, … in the entry itself, so that the citations
        in the text tell them apart as well.
        """
        entries = list(sorted_entries)
        labels = [_label(entry) for entry in entries]
        seen: Counter[str] = Counter()
        for entry, label in zip(entries, labels, strict=True):
            suffix = ""
            if labels.count(label) > 1:
                suffix = string.ascii_lowercase[seen[label]]
                entry.fields["year"] = _year(entry) + suffix
            seen[label] += 1
            yield label + suffix


def _year(entry: Entry) -> str:
    """Return the year without a letter that an earlier build has put there."""
    return entry.fields.get("year", "").rstrip(string.ascii_lowercase)


def _label(entry: Entry) -> str:
    names = [_surname(person) for person in entry.persons["author"]]
    if len(names) > 2:
        names = [f"{names[0]} 等"]
    return f"{' 与 '.join(names)} {_year(entry)}".strip()


def _surname(person: Person) -> str:
    r"""Return ``Hernández`` where the entry says ``Hern{\'a}ndez``."""
    return str(Text.from_latex(" ".join(person.prelast_names + person.last_names)))


class AuthorYearStyle(PlainStyle):
    """Pybtex's plain style, sorted by author and year, with readable labels."""

    default_sorting_style = "author_year_title"
    default_label_style = "book_author_year"

    def format_title(
        self, e: Entry, which_field: str, as_sentence: bool = True
    ) -> object:
        """Keep the capitals of a title as they stand in the file."""
        title = field_of(which_field)
        return sentence[title] if as_sentence else title


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the styles; conf.py chooses them by name."""
    register_plugin("pybtex.style.labels", "book_author_year", AuthorYearLabels)
    register_plugin("pybtex.style.formatting", "book_author_year", AuthorYearStyle)
    sphinxcontrib.bibtex.plugin.register_plugin(
        "sphinxcontrib.bibtex.style.referencing",
        "chinese_author_year",
        ChineseAuthorYear,
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
