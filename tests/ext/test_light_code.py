"""Code without spans that colour nothing: the same text, the same colours."""

from __future__ import annotations

import re

from light_code import LightFormatter
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

CODE = "def f(x: int) -> str:\n    return 'a' + str(x)  # why\n"


def without(html: str, classes: str) -> str:
    return re.sub(rf'<span class="(?:{classes})">([^<]*)</span>', r"\1", html)


def test_only_plain_spans_are_gone() -> None:
    whole = highlight(CODE, PythonLexer(), HtmlFormatter())
    light = highlight(CODE, PythonLexer(), LightFormatter())
    assert light == without(whole, "n|nn|p|w")
    assert '<span class="k">return</span>' in light
    assert len(light) < len(whole)
