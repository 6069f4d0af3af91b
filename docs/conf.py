"""Sphinx configuration of the book."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

project = "推导·实现·检验"
author = "《推导·实现·检验》作者"
copyright = "2026, 《推导·实现·检验》作者"
language = "zh_CN"
version = release = "0.1.0"

extensions = [
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinxcontrib.bibtex",
    # The book's own (docs/_ext), one concern each.
    "accessible",
    "author_year",
    "chapter_end",
    "chapter_map",
    "chapter_numbers",
    "chapters",
    "checks",
    "chinese_search",
    "chinese_ui",
    "contract_rules",
    "epub_book",
    "exercises",
    "experiment_list",
    "figure_sizes",
    "gathered",
    "interactive",
    "join_lines",
    "katex_math",
    "latex_book",
    "light_code",
    "light_theme",
    "misconceptions",
    "pdf_link",
    "phrase_titles",
    "previews",
    "printed_rules",
    "printed_sources",
    "results",
    "source_pages",
    "stable_anchors",
    "term_index",
    "tidy_listings",
]
exclude_patterns = ["_*"]
templates_path = ["_templates"]
nitpicky = True
suppress_warnings = ["myst.strikethrough"]

myst_enable_extensions = [
    "amsmath",
    "attrs_inline",
    "colon_fence",
    "deflist",
    "dollarmath",
    "fieldlist",
]
myst_dmath_double_inline = False
myst_footnote_transition = False
myst_heading_anchors = 3
myst_heading_slug_func = "stable_anchors.pinyin_slug"
myst_links_external_new_tab = True

# -- Numbers: chapters count through the parts; (3.1) for everything (chapter_numbers)
numfig_format = {
    "figure": "图 %s",
    "table": "表 %s",
    "code-block": "代码 %s",
    "exercise": "练习 %s",
    "section": "第 %s 节",
}
math_eqref_format = "({number})"

# -- Mathematics: this one dict feeds KaTeX and LaTeX
katex_macros = {
    r"\argmax": r"\operatorname*{arg\,max}",
    r"\argmin": r"\operatorname*{arg\,min}",
    r"\Bernoulli": r"\operatorname{Bernoulli}",
    r"\Categorical": r"\operatorname{Categorical}",
    r"\Cov": r"\operatorname{Cov}",
    r"\dd": r"\mathrm{d}",
    r"\E": r"\mathbb{E}",
    r"\Exponential": r"\operatorname{Exp}",
    r"\Gumbel": r"\operatorname{Gumbel}",
    r"\ind": r"\mathbf{1}",
    r"\KL": r"D_{\mathrm{KL}}",
    r"\logsumexp": r"\operatorname{logsumexp}",
    r"\Normal": r"\mathcal{N}",
    r"\onehot": r"\operatorname{onehot}",
    r"\R": r"\mathbb{R}",
    r"\sg": r"\operatorname{sg}",
    r"\softmax": r"\operatorname{softmax}",
    r"\tr": r"\operatorname{tr}",
    r"\Uniform": r"\mathcal{U}",
    r"\Var": r"\operatorname{Var}",
}

# -- Bibliography
bibtex_bibfiles = ["../references.bib"]
bibtex_default_style = "book_author_year"
bibtex_reference_style = "chinese_author_year"
bibtex_cite_id = "ref-{key}"  # a count would move when an entry is added

# -- HTML
repository_url = os.environ.get("BOOK_REPOSITORY_URL", "").rstrip("/")
html_baseurl = os.environ.get(
    "BOOK_BASE_URL", os.environ.get("READTHEDOCS_CANONICAL_URL", "")
)
if html_baseurl:  # a published book: cards for shared links, a site map, a 404 page
    extensions += ["sharing", "sphinxext.opengraph", "sphinx_sitemap"]
    extensions += ["notfound.extension"]
    ogp_site_url = html_baseurl
    ogp_site_name = project
    ogp_image = "_static/card.png"
    ogp_image_alt = "推导·实现·检验：一本开放的机器学习书"
    ogp_social_cards = {"enable": False}  # drawn once, with the book's own fonts
    sitemap_url_scheme = "{link}"
    notfound_urls_prefix = urlsplit(html_baseurl).path or "/"
    notfound_template = "page.html"
    notfound_context = {
        "title": "没有这一页",
        "body": "<h1>没有这一页</h1>\n<p>它也许搬走了；请用搜索，或从目录找起。</p>",
    }
html_theme = "sphinx_book_theme"
html_title = "推导·实现·检验"
html_favicon = "_static/favicon.svg"
html_static_path = ["_static"]
html_css_files = ["book.css"]
html_sidebars = {
    "**": ["logo.html", "search-button-field.html", "sbt-sidebar-nav.html"]
}
html_copy_source = False
html_show_sourcelink = False
html_permalinks_icon = "#"
html_secnumber_suffix = " "
html_context = {"default_mode": "auto"}
html_theme_options = {
    "logo": {
        "image_light": "_static/logo.svg",
        "image_dark": "_static/logo.svg",
        "text": "推导·实现·检验",
    },
    "navbar_persistent": [],
    "search_bar_text": "搜索全书…",
    "toc_title": "本页内容",
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    "repository_url": repository_url,
    "use_repository_button": bool(repository_url),
    "use_issues_button": False,  # chapter_end has a better link
    "use_edit_page_button": bool(repository_url),
    "path_to_docs": "docs",
    "repository_branch": "main",
    "footer_content_items": ["footer.html"],
}
copybutton_selector = "div.highlight pre"
copybutton_prompt_text = r"^\$ "
copybutton_prompt_is_regexp = True

# -- PDF: the rest is in latex_book and _latex/preamble.tex
latex_documents = [("index", "book.tex", project, author, "manual", True)]
