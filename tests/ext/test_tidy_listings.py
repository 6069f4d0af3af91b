"""Listings stand flush left and end with code; typed blocks stay as they are."""

from __future__ import annotations

import pytest
from tidy_listings import tidy

CODE = """class Box:
    def open(self):
        return self


    def shut(self):
        return None
"""
PAGE = """# 标题

```{literalinclude} ../box.py
:pyobject: Box.open
```

```{literalinclude} ../box.py
:start-at: "class Box"
:end-before: "    def shut"
```

```text

    typed
```
"""


@pytest.mark.parametrize(
    ("code", "tidied"),
    [
        ("    def f():\n        return 1\n", "def f():\n    return 1"),
        ("\n\ndef f():\n\n    pass\n\n\n", "def f():\n\n    pass"),
        ("    a\n\n  b\n", "  a\n\nb"),
        ("", ""),
    ],
)
def test_code_is_flush_left_without_empty_ends(code: str, tidied: str) -> None:
    assert tidy(code) == tidied


@pytest.mark.parametrize("builder", ["html", "latex"])
def test_only_listings_from_files_are_tidied(build, builder: str) -> None:
    files = {"docs/index.md": PAGE, "box.py": CODE}
    built = build(files, extensions=["tidy_listings"], builder=builder)
    if builder == "html":
        shown = [block.get_text() for block in built.article("index").find_all("pre")]
        method, region, typed = shown
        assert method == "def open(self):\n    return self\n"
        assert region == "class Box:\n    def open(self):\n        return self\n"
        assert typed == "    typed\n"
    else:
        (name,) = (path.name for path in built.out.glob("*.tex"))
        lines = built.text(name).splitlines()
        first, second = (i for i, line in enumerate(lines) if "open" in line)
        assert lines[first].startswith(r"\PYG{k}{def}")
        assert lines[second].startswith(" ")
        assert lines[second + 2].startswith(r"\end{sphinxVerbatim}")
    assert built.warnings == ""
