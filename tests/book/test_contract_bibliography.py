"""Bibliography: a citation is a verified entry."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tools.contract.bibliography import check_bibliography, cited_keys
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]
ENTRY = """\
@inproceedings{jang2017categorical,
  author = {Jang, Eric and Gu, Shixiang},
  title = {Categorical Reparameterization with {Gumbel}-Softmax},
  booktitle = {ICLR},
  year = {2017},
  eprint = {1611.01144},
  archivePrefix = {arXiv},
}
"""
BOOK = """\
@book{hastie2009elements,
  author = {Hastie, Trevor},
  title = {The Elements},
  publisher = {Springer},
  year = 2009,
  isbn = {978-0-387-84857-0},
}
"""
CITED = "# 章\n\n{cite:p}`jang2017categorical`，{cite:t}`hastie2009elements`。\n"


def found(book, bib: str = ENTRY + BOOK, page: str = CITED):
    root = book({"references.bib": bib, "docs/gen/vae.md": page})
    return [(v.path, v.line, v.rule) for v in check_bibliography(root)]


def test_the_book() -> None:
    violations = check_bibliography(ROOT)
    assert not violations, report(violations)


VALID = {
    "plain": ENTRY + BOOK,
    "comment": f"% 注释\n{ENTRY}\n% more\n{BOOK}\n",
    "doi": (ENTRY + BOOK).replace(
        "eprint = {1611.01144}", "doi = {10.1162/neco.1992.1}"
    ),
    "url": (ENTRY + BOOK).replace(
        "eprint = {1611.01144}", "url = {https://a.org/b?c=d}"
    ),
    "wrapped url": (ENTRY + BOOK).replace(
        "eprint = {1611.01144}", r"howpublished = {\url{https://a.org/b}}"
    ),
    "old arXiv": (ENTRY + BOOK).replace("1611.01144", "cond-mat/0506438"),
    "editor": (ENTRY + BOOK).replace("author = {Hastie", "editor = {Hastie"),
    "parentheses": ENTRY + BOOK.replace("@book{", "@BOOK(")[:-2] + ")",
    "month macro": (ENTRY + BOOK).replace("year = 2009", "month = jan, year = 2009"),
}


@pytest.mark.parametrize("bib", VALID.values(), ids=VALID)
def test_clean(book, bib: str) -> None:
    assert found(book, bib) == []


@pytest.mark.parametrize(
    ("author", "key"),
    [
        (r"L{\'e}onard, N.", "leonard2017categorical"),
        (r"Doll{\'a}r, P. and Jang, E.", "dollar2017categorical"),
        ('van den Oord, A{\\"a}ron', "oord2017categorical"),
        ("van den Oord, Aaron", "vandenoord2017categorical"),
        ("Ben Zaken, Elad", "benzaken2017categorical"),
        ("{OpenAI}", "openai2017categorical"),
        ("Eric Jang", "jang2017word2vec"),
    ],
)
def test_keys_name_the_first_author(book, author: str, key: str) -> None:
    bib = ENTRY.replace("Jang, Eric and Gu, Shixiang", author)
    bib = bib.replace("jang2017categorical", key) + BOOK
    page = CITED.replace("jang2017categorical", key)
    assert found(book, bib, page) == []


@pytest.mark.parametrize(
    "key",
    [
        "jang2016categorical",
        "gu2017categorical",
        "Jang2017categorical",
        "jang2017",
        "jang17a",
    ],
)
def test_misnamed_keys(book, key: str) -> None:
    bib = ENTRY.replace("jang2017categorical", key) + BOOK
    page = CITED.replace("jang2017categorical", key)
    assert found(book, bib, page) == [("references.bib", 1, "bib-key")]


def dated(year: str, locator: str) -> str:
    entry = ENTRY.replace("2017", year).replace("eprint = {1611.01144}", locator)
    return entry + BOOK


@pytest.mark.parametrize(
    ("year", "locator"),
    [
        ("2015", "eprint = {1611.01144}"),
        ("2015", "eprint = {1702.00160}"),
        ("2006", "eprint = {0801.2008}"),
        ("2004", "eprint = {cond-mat/0506438}"),
        ("1997", "eprint = {cs.LG/9812021}"),
        ("2016", "doi = {10.1109/CVPR.2017.632}"),
        ("2021", "doi = {10.18653/v1/2022.acl-short.1}"),
        ("1976", "doi = {10.1111/j.2517-6161.1977.tb01600.x}"),
        ("2999", "eprint = {1611.01144}"),
    ],
)
def test_impossible_years(book, year: str, locator: str) -> None:
    page = CITED.replace("2017", year)
    expected = [("references.bib", 1, "bib-year")]
    assert found(book, dated(year, locator), page) == expected


@pytest.mark.parametrize(
    ("year", "locator"),
    [
        ("2016", "eprint = {1611.01144}"),
        ("2016", "eprint = {1701.00160}"),  # submitted on the last day of 2016
        ("2020", "eprint = {1611.01144}"),  # a later version, or the journal's
        ("1998", "eprint = {cs.LG/9812021}"),
        ("2007", "doi = {10.1111/j.1467-9868.2005.00503.x}"),  # accepted in 2005
        ("1975", "doi = {10.1111/j.2044-8317.1975.tb00525.x}"),  # 2044: of the ISSN
        ("1999", "url = {https://arxiv.org/abs/1301.6705}"),  # posted 13 years later
        ("2011", "doi = {10.1145/2020408.2020426}"),  # numbers, not years
        ("1999", "doi = {10.1162/a.2091.3}"),  # 2091 is no year yet
    ],
)
def test_possible_years(book, year: str, locator: str) -> None:
    assert found(book, dated(year, locator), CITED.replace("2017", year)) == []


def test_identifiers_of_other_archives_carry_no_year(book) -> None:
    bib = dated("2015", "eprint = {1611.01144}").replace("{arXiv}", "{PubMed}")
    assert found(book, bib, CITED.replace("2017", "2015")) == []


def test_next_year_is_allowed_and_no_later(book) -> None:
    this = datetime.now(UTC).year
    for year, rules in ((this + 1, []), (this + 2, ["bib-year"])):
        bib = dated(str(year), "eprint = {1611.01144}")
        page = CITED.replace("2017", str(year))
        assert [rule for *_, rule in found(book, bib, page)] == rules


@pytest.mark.parametrize("field", ["author", "title", "year", "booktitle"])
def test_incomplete(book, field: str) -> None:
    lines = ENTRY.splitlines(keepends=True)
    bib = "".join(line for line in lines if not line.strip().startswith(field)) + BOOK
    (violation,) = check_bibliography(
        book({"references.bib": bib, "docs/gen/vae.md": CITED})
    )
    assert violation.rule == "bib-incomplete"
    assert f"jang2017categorical: @inproceedings without {field}" in violation.message


@pytest.mark.parametrize("kind", ["article", "misc", "phdthesis", "inproceding"])
def test_venue_depends_on_type(book, kind: str) -> None:
    bib = ENTRY.replace("inproceedings", kind) + BOOK
    expected = [] if kind == "misc" else [("references.bib", 1, "bib-incomplete")]
    assert found(book, bib) == expected


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  eprint = {1611.01144},\n", ""),
        ("1611.01144", "arXiv:1611.01144"),
        ("1611.01144", "1611.0114400"),
        ("1611.01144", "161.01144"),
        ("eprint = {1611.01144}", "doi = {https://doi.org/10.1162/neco}"),
        ("eprint = {1611.01144}", "doi = {10.1162}"),
        ("eprint = {1611.01144}", "url = {www.a.org}"),
        ("eprint = {1611.01144}", "howpublished = {https://a.org}"),
        ("eprint = {1611.01144}", "isbn = {978-0-387-84857-0}"),  # books alone
    ],
)
def test_locators(book, old: str, new: str) -> None:
    assert old in ENTRY
    assert found(book, ENTRY.replace(old, new) + BOOK) == [
        ("references.bib", 1, "bib-locator")
    ]


def test_uncited_and_unknown(book) -> None:
    page = CITED.replace("hastie2009elements", "hastie2009element")
    assert found(book, page=page) == [
        ("docs/gen/vae.md", 3, "bib-unknown"),
        ("references.bib", 9, "bib-uncited"),
    ]


def test_code_cites_nothing(book) -> None:
    page = CITED.replace(
        "{cite:t}`hastie2009elements`", "`` {cite:t}`hastie2009elements` ``"
    )
    assert found(book, page=page) == [("references.bib", 9, "bib-uncited")]


@pytest.mark.parametrize(
    "role", ["cite", "cite:ps", "cite:ct", "cite:alp", "footcite:t"]
)
def test_every_cite_role(book, role: str) -> None:
    assert found(book, page=CITED.replace("cite:p", role)) == []


def test_cited_keys() -> None:
    assert cited_keys("a") == ["a"]
    assert cited_keys("{见}a{第 3, 4 页}, b ,c") == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("hastie2009elements", "jang2017categorical", "key"),
        (
            "{The Elements}",
            "{CATEGORICAL reparameterization with Gumbel-Softmax}",
            "title",
        ),
        ("isbn = {978-0-387-84857-0}", "eprint = {1611.01144}", "eprint"),
    ],
)
def test_repeated(book, old: str, new: str, same: str) -> None:
    root = book({"references.bib": ENTRY + BOOK.replace(old, new), "docs/a.md": CITED})
    repeated = [v for v in check_bibliography(root) if v.rule == "bib-repeated"]
    assert [v.line for v in repeated] == [9]
    assert f"same {same} as jang2017categorical (line 1)" in repeated[0].message


def test_repeated_doi(book) -> None:
    bib = (ENTRY + BOOK).replace("year =", "doi = {10.1162/A}, year =")
    bib = bib.replace("10.1162/A", "10.1162/a", 1)
    assert found(book, bib) == [("references.bib", 9, "bib-repeated")]


MALFORMED = {
    "no closing brace": (ENTRY.rstrip()[:-1] + BOOK, 8),
    "no comma": (ENTRY.replace("ICLR},", "ICLR}") + BOOK, 5),
    "open field": (ENTRY.replace("{ICLR}", "{ICLR") + BOOK, None),
    "unknown macro": (ENTRY.replace("{ICLR}", "iclr") + BOOK, 4),
    "field twice": (ENTRY.replace("year =", "Title = {x},\n  year =") + BOOK, 1),
    "no key": (ENTRY.replace("jang2017categorical,", "") + BOOK, None),
}


@pytest.mark.parametrize(("bib", "line"), MALFORMED.values(), ids=MALFORMED)
def test_malformed(book, bib: str, line: int | None) -> None:
    root = book({"references.bib": bib, "docs/gen/vae.md": CITED})
    broken = [v for v in check_bibliography(root) if v.rule == "bib-syntax"]
    assert broken
    assert line in (None, broken[0].line)
    assert "jang2017categorical" in broken[0].message or line is None


def test_text_after_an_entry(book) -> None:
    assert found(book, f"{ENTRY}}}\n{BOOK}") == [("references.bib", 9, "bib-stray")]
    assert found(book, f"{ENTRY}{BOOK}article{{x2000y,\n}}\n") == [
        ("references.bib", 16, "bib-stray")
    ]
