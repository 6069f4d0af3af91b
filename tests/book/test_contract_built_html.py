"""The built HTML: no raw markup, no broken link, no foreign request, no English."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.contract.built_html import check_built_html
from tools.contract.violation import report

PAGE = """\
<!DOCTYPE html>
<html lang="zh-CN"><head>
<title>变分自编码器</title>
<meta name="description" content="一章的说明">
<link rel="stylesheet" href="_static/book.css?v=1">
<link rel="icon" href="data:image/svg+xml,x">
<link rel="canonical" href="https://book.example.org/vae.html">
<style>p { background: url("_static/a.svg") }</style>
</head><body>
<h1 id="vae">变分自编码器</h1>
<p title="提示">正文里的 <code>$HOME **kwargs {eq}`x` {{ }}</code> 与
<span class="katex"><math><annotation encoding="application/x-tex">
\\begin{aligned} $x$</annotation></math><span class="katex-html" aria-hidden="true"
><span class="base"><span>x</span>$</span></span></span></p>
<pre><span id="line-1"><span class="n">Next</span> $ make {{x}}
</span></pre> <a href="#line-1">第一行</a>
<a href="https://example.org/">外面</a> <a href="#vae">本页</a>
<a href="gen/mae.html#loss">别页</a> <a href="gen/mae.html?highlight=x">别页</a>
<a href="_static/a.svg">图</a> <a href="#">顶</a> <a href="mailto:a@b.c">信</a>
<img src="_static/a.svg" alt="一条曲线">
<script src="_static/a.js"></script><script>let next = "Next $ **";</script>
</body></html>
"""
OTHER = PAGE.replace("_static", "../_static").replace("gen/mae.html", "mae.html")
OTHER = OTHER.replace('id="vae"', 'id="loss"').replace("#vae", "#loss")
CSS = "@font-face { src: url('fonts/%41.woff2') } /* url(http://a.org) */"


def built(book, page: str = PAGE, **more: str) -> Path:
    files = {
        "vae.html": page,
        "gen/mae.html": OTHER,
        "_static/book.css": CSS,
        "_static/fonts/A.woff2": "",
        "_static/a.svg": "",
        "_static/a.js": "",
        "_static/ignored.html": "<p>$</p>",
    }
    return book(files | more)


def found(book, page: str = PAGE, **more: str) -> list[tuple[str, str]]:
    return [(v.path, v.rule) for v in check_built_html(built(book, page, **more))]


def test_the_book(built_book: Path) -> None:
    violations = check_built_html(built_book)
    assert not violations, report(violations)


def test_clean(book) -> None:
    assert found(book) == []


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("**“加粗”**字", "**"),
        ("价格 $x$", "$"),
        ("见 {eq}`eq-vae-x`", "{role}`"),
        ("见 {cite:p}`x`", "{role}`"),
        ("{{ name }}", "{{"),
        ("\\begin{align}", "\\begin{"),
        ('<img src="_static/a.svg" alt="曲线 $x$">', "$"),
        ('<a title="**粗**" href="#vae">字</a>', "**"),
        ('<b aria-label="{{x}}">字</b>', "{{"),
        ('<meta property="og:description" content="$x$">', "$"),
        ("<kbd>$</kbd>", "$"),
        ("<p><code>a</code> $</p>", "$"),
        ("<pre><code>a</code> x</pre> $", "$"),
    ],
)
def test_raw_markup(book, text: str, sign: str) -> None:
    page = PAGE.replace("</body>", f"{text}\n</body>")
    (violation,) = check_built_html(built(book, page))
    assert (violation.path, violation.rule) == ("vae.html", "html-markup")
    assert violation.message.startswith(f"literal {sign}")
    assert violation.line == page.split(text)[0].count("\n") + 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<h1", "<h2"),
        ("</body>", "<h1>二</h1></body>"),
        ('lang="zh-CN"', 'lang="zh_CN"'),
        ('lang="zh-CN"', 'lang="en"'),
        (' lang="zh-CN"', ""),
        ('content="一章的说明"', 'content=" "'),
        ('<meta name="description" content="一章的说明">', ""),
        ("</body>", '\n<p id="vae">二</p></body>'),
        ("</body>", '\n<p id="">二</p></body>'),
    ],
)
def test_pages(book, old: str, new: str) -> None:
    assert old in PAGE
    assert found(book, PAGE.replace(old, new)) == [("vae.html", "html-page")]


@pytest.mark.parametrize("host", ["https://cdn.org/a", "//cdn.org/a", "http://cdn.org"])
@pytest.mark.parametrize(
    "request_",
    [
        '<script src="{}"></script>',
        '<link rel="stylesheet" href="{}">',
        '<link rel="shortcut icon" href="{}">',
        '<link rel="preload" as="font" href="{}">',
        '<link rel="preconnect" href="{}">',
        '<img alt="一条曲线" src="{}">',
        '<img alt="一条曲线" srcset="_static/a.svg 1x, {} 2x">',
        '<iframe src="{}"></iframe>',
        '<video poster="{}"></video>',
        '<object data="{}"></object>',
        '<p style="background: url({})">字</p>',
        '<style>@import "{}";</style>',
        "<style>p {{ src: url('{}') }}</style>",
        '<svg><image xlink:href="{}"/></svg>',
    ],
)
def test_foreign_requests(book, host: str, request_: str) -> None:
    page = PAGE.replace("</body>", f"{request_.format(host)}</body>")
    assert found(book, page) == [("vae.html", "html-request")]


@pytest.mark.parametrize(
    ("css", "rule"),
    [
        ("@import 'https://a.org/b.css';", "html-request"),
        ("p { background: url(//a.org/b.png) }", "html-request"),
        ("p { background: url(lost.png) }", "html-link"),
        ("p { background: url(book.css) }", None),
        ("p { background: url(data:image/png;base64,x) }", None),
        ("p { fill: url(#a) }", None),
    ],
)
def test_style_sheets(book, css: str, rule: str | None) -> None:
    expected = [("_static/book.css", rule)] if rule else []
    assert found(book, **{"_static/book.css": css}) == expected


@pytest.mark.parametrize(
    "link",
    [
        '<a href="lost.html">字</a>',
        '<a href="gen/mae.html#lost">字</a>',
        '<a href="#lost">字</a>',
        '<a href="gen/">字</a>',
        '<a href="/vae.html">字</a>',
        '<a href="../vae.html#vae">字</a>',
        '<img alt="一条曲线" src="_static/lost.svg">',
        '<script src="_static/lost.js"></script>',
        '<link rel="stylesheet" href="_static/lost.css">',
    ],
)
def test_broken_links(book, link: str) -> None:
    page = PAGE.replace("</body>", f"{link}</body>")
    assert found(book, page) == [("vae.html", "html-link")]


@pytest.mark.parametrize(
    "link",
    [
        '<a href="%E7%AB%A0.html#%E8%8A%82">字</a>',
        '<a href="章.html#节">字</a>',
        '<a href="./gen/../vae.html#vae">字</a>',
        '<a name="old"></a><a href="#old">字</a>',
        '<a href="_static/a.svg#part">字</a>',
        '<a href="javascript:void(0)">字</a>',
    ],
)
def test_working_links(book, link: str) -> None:
    page = PAGE.replace("</body>", f"{link}</body>")
    assert (
        found(
            book,
            page,
            **{"章.html": PAGE.replace('id="vae"', 'id="节"').replace("#vae", "")},
        )
        == []
    )


@pytest.mark.parametrize(
    "text",
    [
        "<p>Next</p>",
        "<p> previous </p>",
        "<h2>Contents</h2>",
        "<span>Skip to main content</span>",
        '<button aria-label="Color mode">字</button>',
        '<button data-bs-title="Color mode">字</button>',
        '<button title="Toggle primary sidebar">字</button>',
        '<input placeholder="Search...">',
        '<input placeholder="Search the docs ...">',
        '<a href="#vae" title="Permalink to this heading">#</a>',
        '<a href="#vae" title="Link to this equation">#</a>',
        '<button data-tooltip="Copy">字</button>',
    ],
)
def test_english(book, text: str) -> None:
    page = PAGE.replace("</body>", f"{text}</body>")
    assert found(book, page) == [("vae.html", "html-english")]


@pytest.mark.parametrize(
    "text", ["Next Token Prediction", "PyTorch", "Copy-on-write", "Main 函数", "Tiny"]
)
def test_english_terms(book, text: str) -> None:
    assert found(book, PAGE.replace("</body>", f"<p>{text}</p></body>")) == []


def test_text_that_declares_itself_english(book) -> None:
    """Only what stands below lang="en" is exempt, not what follows it."""
    quoted = '<p lang="en">Next <b>Contents<br></b> By the way</p>'
    assert found(book, PAGE.replace("</body>", f"{quoted}</body>")) == []
    page = PAGE.replace("</body>", f"{quoted}<p>Next</p></body>")
    assert found(book, page) == [("vae.html", "html-english")]
