"""KaTeX's formulas in fewer bytes, drawn where KaTeX draws them to a tenth of a pixel.

Two thirds of a chapter's HTML are formulas, and most of their markup says nothing:
classes that no rule of KaTeX's style sheet asks for, spans without any, lengths that
come thousandfold. `lighten` drops the former, gives the common lengths and classes
short names, and leaves struts and fillers to the style sheet, which `light_sheet`
rewrites to match. MathML, the formula of screen readers, keeps all that they read.

``docs/_static/formula_lengths.css`` names the common lengths; which ones these are is
counted by ``python -m tools.formula_lengths``. A length without a name stays as it is.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree as ET

DOCS = Path(__file__).resolve().parent.parent
SHEET = DOCS / "_vendor" / "katex" / "katex.min.css"
LENGTHS = DOCS / "_static" / "formula_lengths.css"
LENGTH_RULE = re.compile(r"^\.katex \.(?P<name>\w+)\{(?P<style>[^}]*)\}$", re.MULTILINE)

# KaTeX's classes that come most often; the names of lengths are capitals.
SHORT = {
    "accent-body": "a",
    "katex-base": "b",
    "boldsymbol": "c",
    "delimsizing": "d",
    "frac-line": "e",
    "mfrac": "f",
    "mathbb": "g",
    "mathcal": "h",
    "mathnormal": "i",
    "katex-accent": "j",
    "mathbf": "k",
    "vlist": "l",
    "msupsub": "m",
    "nulldelimiter": "n",
    "op-symbol": "o",
    "mathrm": "p",
    "vlist-r": "r",
    "mspace": "s",
    "vlist-t": "t",
    "op-limits": "u",
}
# Scripts in a line of text, nine in ten of all changes of size.
SCRIPT, SCRIPT_CLASSES = "x", {"katex-sizing", "reset-size6", "size3"}
BASE = SHORT["katex-base"]

# What the spans that are left out did: their heights are variables of their parents.
# b: a strut in each piece of a line. l: one in each entry of a list.
STRUTS = """
.katex .b::before{content:"";display:inline-block;height:var(--h);\
vertical-align:var(--d,0)}
.katex .l>span:not(:empty)::before{content:"";display:inline-block;overflow:hidden;\
width:0;height:var(--p)}
.katex .x{font-size:.7em}
"""
VARIABLES = {
    "katex-strut": {"height": "--h", "vertical-align": "--d"},
    "pstrut": {"height": "--p"},
}

CLASS = re.compile(r"\.(-?[A-Za-z_][\w-]*)")
FONT_FACE = re.compile(r"@font-face\{[^}]*\}")
# Rules that choose by place: children of these, or grandchildren, stay spans.
KEEP_CHILDREN = {"vlist", "katex-inner", "delim-size1", "delim-size4"}
KEEP_GRANDCHILDREN = {"vlist", "mfrac"}
UNREAD = re.compile(r' (?:stretchy|separator|fence)="(?:true|false)"')


@cache
def named_lengths() -> dict[str, str]:
    """Return the class for each common style."""
    sheet = LENGTHS.read_text(encoding="utf-8") if LENGTHS.exists() else ""
    return {rule["style"]: rule["name"] for rule in LENGTH_RULE.finditer(sheet)}


def light_sheet() -> str:
    """Return KaTeX's style sheet for what `lighten` writes."""
    sheet = SHEET.read_text(encoding="utf-8")

    def renamed(match: re.Match[str]) -> str:
        return "." + SHORT.get(match[1], match[1])

    faces = "".join(FONT_FACE.findall(sheet))
    return faces + CLASS.sub(renamed, FONT_FACE.sub("", sheet)) + STRUTS


@cache
def asked_classes() -> frozenset[str]:
    """Return the classes that some rule asks for, KaTeX's or the book's own."""
    sheet = FONT_FACE.sub("", SHEET.read_text(encoding="utf-8"))
    return frozenset([*CLASS.findall(sheet), "cjk_fallback"])


def lighten(formula: str) -> str:
    """Return KaTeX's HTML of one formula in fewer bytes."""
    root = ET.fromstring(formula)
    for box in root.iter("span"):
        if box.get("class") == "katex-html":
            _cut_classes(box)
            _leave_struts(box)
            _unwrap(box, [])
            _join(box)
            _shorten(box)
    html = ET.tostring(root, encoding="unicode", method="html")
    return UNREAD.sub("", html)


def _classes(span: ET.Element) -> list[str]:
    return span.get("class", "").split()


def _set(span: ET.Element, name: str, value: str) -> None:
    if value:
        span.set(name, value)
    else:
        span.attrib.pop(name, None)


def _cut_classes(box: ET.Element) -> None:
    asked = asked_classes()
    for span in box.iter("span"):
        _set(span, "class", " ".join(name for name in _classes(span) if name in asked))


def _unwrap(parent: ET.Element, ancestors: list[str]) -> None:
    """Put the content of spans that mean nothing in their place."""
    own = _classes(parent)
    for child in list(parent):
        _unwrap(child, own)
    if KEEP_CHILDREN & set(own) or KEEP_GRANDCHILDREN & set(ancestors):
        return
    for child in list(parent):
        if child.tag == "span" and not child.attrib:
            _replace_by_content(parent, child)


def _replace_by_content(parent: ET.Element, child: ET.Element) -> None:
    place = list(parent).index(child)
    parent.remove(child)
    _append_text(parent, place, child.text)
    for offset, grandchild in enumerate(list(child)):
        parent.insert(place + offset, grandchild)
    _append_text(parent, place + len(child), child.tail)


def _append_text(parent: ET.Element, place: int, text: str | None) -> None:
    """Add text before the child at ``place``."""
    if not text:
        return
    if place == 0:
        parent.text = (parent.text or "") + text
    else:
        before = parent[place - 1]
        before.tail = (before.tail or "") + text


def _leave_struts(box: ET.Element) -> None:
    """Move the heights of struts to their parents; drop what only makes room.

    A list that goes below its line has a second row, and a cell in the first that
    keeps Safari from taking it for the line. The strut of the piece has that room.
    """
    for parent in list(box.iter("span")):
        for child in list(parent):
            match _classes(child):
                case ["katex-strut" | "pstrut" as kind]:
                    parent.remove(child)
                    _add_lengths(parent, child, VARIABLES[kind])
                case ["vlist-s"]:
                    parent.remove(child)
                case ["vlist-t", "vlist-t2"]:
                    child.set("class", "vlist-t")
                    child.remove(child[1])


def _add_lengths(parent: ET.Element, span: ET.Element, names: dict[str, str]) -> None:
    lengths = (entry.split(":") for entry in _entries(span))
    moved = [f"{names[name]}:{value}" for name, value in lengths]
    _set(parent, "style", ";".join([*_entries(parent), *moved]))


def _join(parent: ET.Element) -> None:
    """Make one span of a script and its list, and of a sign and equal spaces beside."""
    for child in list(parent):
        _join(child)
        if _classes(child) == ["msupsub"]:
            (only,) = child
            only.set("class", f"{only.get('class')} msupsub")
            only.tail = child.tail
            parent[list(parent).index(child)] = only
    place = 0
    while place + 1 < len(parent):
        left, right = parent[place : place + 2]
        if left.tail and _is_space(left) and left.attrib == right.attrib:
            left.text, left.tail = left.tail, right.tail
            width = left.get("style", "").removeprefix("margin-right:").rstrip(";")
            left.attrib = {"style": f"margin:0 {width}"}
            parent.remove(right)
        place += 1


def _is_space(span: ET.Element) -> bool:
    width = re.fullmatch(r"margin-right:[\d.]+em;?", span.get("style", ""))
    return _classes(span) == ["mspace"] and not len(span) and bool(width)


def _entries(span: ET.Element) -> list[str]:
    return [entry for entry in span.get("style", "").split(";") if entry]


def _shorten(box: ET.Element) -> None:
    """Give classes and common lengths their short names."""
    for span in box.iter("span"):
        if span is box:
            continue
        names = [SHORT.get(name, name) for name in _classes(span)]
        if set(names) >= SCRIPT_CLASSES:
            names = [SCRIPT, *(name for name in names if name not in SCRIPT_CLASSES)]
        entries = [entry for entry in _entries(span) if entry != "margin-left:0em"]
        style = re.sub(r"(?<=[: -])0\.", ".", ";".join(entries))
        if name := named_lengths().get(style):
            names, style = [*names, name], ""
        _set(span, "class", " ".join(names))
        _set(span, "style", style)
