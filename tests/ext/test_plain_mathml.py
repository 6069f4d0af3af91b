"""Letters and spaces of the EPUB's formulas."""

from __future__ import annotations

import pytest
from katex_math import render
from plain_mathml import plain_mathml


@pytest.mark.parametrize(
    ("tex", "letter"),
    [
        (r"\mathbb{E}", "𝔼"),
        (r"\mathbb{R}", "ℝ"),
        (r"\mathcal{N}", "𝒩"),
        (r"\mathcal{L}", "ℒ"),
        (r"\boldsymbol{x}", "𝒙"),
        (r"\boldsymbol{\mu}", "𝝁"),
        (r"\boldsymbol{\Sigma}", "𝚺"),
        (r"\mathbf{1}", "𝟏"),
        (r"\mathfrak{C}", "ℭ"),
        (r"\mathtt{a}", "𝚊"),
    ],
)
def test_letters_have_their_own_characters(tex: str, letter: str) -> None:
    formula = plain_mathml(render(tex, macros={}, output="mathml"))
    body = formula.partition("<annotation")[0]
    assert letter in body
    assert "mathvariant" not in body


def test_upright_letters_and_unknown_characters_stay() -> None:
    upright = '<mi mathvariant="normal">d</mi>'
    assert plain_mathml(upright) == upright
    assert plain_mathml('<mi mathvariant="bold">汉</mi>') == "<mi>汉</mi>"


@pytest.mark.parametrize(
    ("tex", "spaced"),
    [(r"\log p", True), (r"\log\theta", True), (r"\log(p)", False)],
)
def test_functions_are_spaced_before_letters_only(tex: str, spaced: bool) -> None:
    formula = plain_mathml(render(tex, macros={}, output="mathml"))
    assert ("mspace" in formula) == spaced
