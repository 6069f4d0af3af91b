"""Citations read （Jang 等，2017） and Jang 等（2017）; labels are never ambiguous."""

from __future__ import annotations

import pytest

BIB = r"""
@misc{jang2017one, author={Jang, Eric and Gu, S. and Poole, B.},
  title={One A* BERT}, year=2017}
@misc{jang2017two, author={Jang, Eric and Gu, S. and Poole, B.}, title={Two}, year=2017}
@misc{kingma2014auto, author={Kingma, D. and van den Oord, A.}, title={X}, year=2014}
@misc{kusner2016gans, author={Kusner, M. and Hern{\'a}ndez-Lobato, J.}, title={Y},
  year=2016}
@misc{su2019reparam, author={苏剑林}, title={漫谈}, year=2019}
"""
PAGE = """# 标题

甲{cite:p}`jang2017one`。
乙{cite:t}`su2019reparam`说。
丙{cite:p}`kingma2014auto,jang2017two`。
丁{cite:p}`kusner2016gans`。

```{bibliography}
```
"""


SETTINGS = {
    "extensions": ["sphinxcontrib.bibtex", "author_year"],
    "bibtex_bibfiles": ["../references.bib"],
    "bibtex_default_style": "book_author_year",
    "bibtex_reference_style": "chinese_author_year",
}


@pytest.fixture(scope="module")
def built(build):
    return build(
        {"docs/index.md": PAGE, "references.bib": BIB},
        **SETTINGS,
    )


def test_citations_use_full_width_punctuation(built) -> None:
    text = built.article("index").text.replace("\xa0", " ")
    assert "甲（Jang 等，2017a）。" in text
    assert "乙苏剑林（2019）说。" in text
    assert "丙（Jang 等，2017b；Kingma 与 van den Oord，2014）。" in text


def test_equal_labels_are_told_apart(built) -> None:
    labels = [tag.text.strip("[]") for tag in built.page("index").select(".label")]
    found = [label for label in labels if label]
    assert "Jang 等 2017a" in found
    assert "Jang 等 2017b" in found
    assert "苏剑林 2019" in found
    assert "Kusner 与 Hernández-Lobato 2016" in found
    assert "duplicate" not in built.warnings


def test_titles_keep_their_capitals(built) -> None:
    assert "One A* BERT." in built.article("index").text


def test_letters_do_not_pile_up_in_later_builds(build, built) -> None:
    again = build(
        {"docs/index.md": PAGE + "\n又一句。\n"},
        root=built.app.srcdir.parent,
        **SETTINGS,
    )
    assert "甲（Jang 等，2017a）。" in again.article("index").text
    assert "2017aa" not in again.text("index.html")
