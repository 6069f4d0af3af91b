"""The book's code inside the book: a highlighted page for every source file.

Every Python file of ``snippets/`` and of the parts' ``tests/`` becomes the page
``source/<path without .py>`` with an anchor ``#L12`` for each line. A chapter links
the files that belong to it below its title, every listing links to the file that it
was taken from, and the role ``{src}`` links an identifier to its definition.
"""

from __future__ import annotations

import ast
import hashlib
import re
import textwrap
from collections.abc import Iterator
from functools import cache
from html import escape
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging
from sphinx.util.docutils import ReferenceRole

if TYPE_CHECKING:
    from docutils.nodes import Node, system_message
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

logger = logging.getLogger(__name__)

BUILDERS = ("html", "dirhtml")
KINDS = ("代码", "测试", "实验")
_EXPERIMENT = "_experiment"


# Which files there are, and where they belong


def has_page(root: Path, path: str) -> bool:
    """Tell whether ``path`` (relative to ``root``) gets a page.

    These are snippets and the tests of the book's parts; empty files have no page.
    """
    file = root / path
    top, folder, *_ = PurePosixPath(path).parts
    of_book = top == "snippets" or (root / "docs" / folder).is_dir()
    return of_book and file.is_file() and file.stat().st_size > 0


def source_files(root: Path) -> list[str]:
    """Return the files that get a page, relative to ``root``, sorted."""
    files = [f for top in ("snippets", "tests") for f in (root / top).rglob("*.py")]
    paths = sorted(file.relative_to(root).as_posix() for file in files)
    return [path for path in paths if has_page(root, path)]


def page_name(path: str) -> str:
    """Return the name of the page of a source file."""
    return f"source/{path.removesuffix('.py')}"


def chapter_of(path: str) -> str:
    """Return ``part/slug`` of the chapter that a source file would belong to.

    ``snippets/p/s.py``, ``snippets/p/s/topic.py``, ``snippets/p/s_experiment.py``,
    ``tests/p/test_s.py`` and ``tests/p/s/test_topic.py`` all belong to ``p/s``.
    """
    _, *folders, name = PurePosixPath(path).with_suffix("").parts
    if len(folders) == 1:
        slug = name.removeprefix("test_").removesuffix(_EXPERIMENT)
        return f"{folders[0]}/{slug}"
    return "/".join(folders[:2])


def kind_of(path: str) -> str:
    """Return what a source file is to the reader, one of KINDS."""
    if path.startswith("tests/"):
        return "测试"
    return "实验" if path.endswith(f"{_EXPERIMENT}.py") else "代码"


def root_of(book: Sphinx | BuildEnvironment) -> Path:
    """Return the repository's root."""
    return Path(book.srcdir).parent


def _by_chapter(root: Path) -> dict[str, list[str]]:
    chapters: dict[str, list[str]] = {}
    for path in source_files(root):
        if not path.endswith("/__init__.py"):  # says nothing that its modules do not
            chapters.setdefault(chapter_of(path), []).append(path)
    return chapters


def find_changed_chapters(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """Return the chapters to write again because a file came or went."""
    old = getattr(env, "chapter_sources", {})
    new = {
        name: files
        for name, files in _by_chapter(root_of(app)).items()
        if name in env.found_docs
    }
    env.chapter_sources = new  # type: ignore[attr-defined]
    known = env.found_docs & (old.keys() | new.keys())  # not what has been removed
    return [name for name in known if old.get(name) != new.get(name)]


# Links


class source_link(nodes.inline):  # noqa: N801 (docutils' convention)
    """A link to ``path`` and ``line``; other builders print its content alone."""


def _visit_html(translator: Any, node: source_link) -> None:
    builder = translator.builder
    if builder.name in BUILDERS and has_page(root_of(builder.env), node["path"]):
        page = builder.get_relative_uri(
            builder.current_docname, page_name(node["path"])
        )
        anchor = f"#L{node['line']}" if node["line"] else ""
        tag = translator.starttag(
            node, "a", "", CLASS="source-link", href=page + anchor
        )
        translator.body.append(tag)
        translator.context.append("</a>")
    else:
        translator.context.append("")


def _depart_html(translator: Any, node: source_link) -> None:
    translator.body.append(translator.context.pop())


def _keep(translator: Any, node: source_link) -> None:
    """Print the content alone."""


class LinkSources(SphinxPostTransform):
    """Add the line of files below the title, and a link below every listing."""

    default_priority = 900
    builders = BUILDERS

    def run(self, **kwargs: Any) -> None:
        """Change the resolved doctree of one page."""
        files = getattr(self.env, "chapter_sources", {}).get(self.env.docname)
        title = next(self.document.findall(nodes.title), None)
        if files and title is not None:
            position = title.parent.index(title) + 1
            title.parent.insert(position, chapter_line(files))
        for block in list(self.document.findall(nodes.literal_block)):
            path = relative_path(block.get("source"), root_of(self.env))
            if path and has_page(root_of(self.env), path):
                self._link_listing(block, path)

    def _link_listing(self, block: nodes.literal_block, path: str) -> None:
        text = (root_of(self.env) / path).read_text(encoding="utf-8")
        line = find_line(text, block.astext())
        where = f"{PurePosixPath(path).name}，第 {line} 行" if line else path
        reference = source_link("", where, path=path, line=line)
        listing = block.parent if is_captioned(block) else block
        position = listing.parent.index(listing) + 1
        note = nodes.paragraph("", "", reference, classes=["listing-source"])
        listing.parent.insert(position, note)


def chapter_line(files: list[str]) -> nodes.paragraph:
    """Return the line that names the files of a chapter, by kind."""
    line = nodes.paragraph(classes=["chapter-sources"])
    for kind in KINDS:
        links = [_file_link(path) for path in files if kind_of(path) == kind]
        if links:
            line += nodes.Text(f" · {kind} " if len(line) else f"{kind} ")
            line += links[0]
            for item in links[1:]:
                line += nodes.Text("、")
                line += item
    return line


def _file_link(path: str) -> source_link:
    name = nodes.literal("", PurePosixPath(path).name)
    return source_link("", "", name, path=path, line=0)


def relative_path(source: str | None, root: Path) -> str | None:
    """Return the path of a source file, or None for what is not one."""
    path = Path(source or "")
    folders = (root / "snippets", root / "tests")
    if not any(path.is_relative_to(folder) for folder in folders):
        return None
    return path.relative_to(root).as_posix()


def is_captioned(block: nodes.literal_block) -> bool:
    """Tell whether a listing has a caption, and so a wrapper around both."""
    return "literal-block-wrapper" in block.parent.get("classes", [])


def find_line(text: str, listing: str) -> int:
    """Return the line of ``text`` where ``listing`` begins; 0 if it is not one piece.

    The listing may be dedented and may have lost blank lines at its ends.
    """
    wanted = textwrap.dedent(listing).strip("\n").splitlines()
    lines = text.splitlines()
    for start in range(len(lines) - len(wanted) + 1):
        piece = lines[start : start + len(wanted)]
        same = (a.strip() == b.strip() for a, b in zip(piece, wanted, strict=True))
        if wanted and all(same):
            return start + 1
    return 0


# The role {src}


class SourceRole(ReferenceRole):
    """``{src}`gumbel.sample` ``: a link to the definition of an identifier.

    The target is the end of the dotted name, as much of it as is needed: it is looked
    for in the chapter's own files first, then in all. ``~a.b`` shows ``b`` alone.
    """

    def run(self) -> tuple[list[Node], list[system_message]]:
        """Return the link, or the plain identifier and a warning."""
        target = self.target.lstrip("~")
        short = self.title.startswith("~")
        title = target.rpartition(".")[2] if short else self.title
        content = nodes.literal(self.rawtext, title)
        root = root_of(self.env)
        try:
            path, line = find_definition(root, target, self.env.docname)
        except LookupError as error:
            location = self.get_location()
            logger.warning("%s", error.args[0], location=location, type="source")
            return [content], []
        self.env.note_dependency(str(root / path))
        return [source_link("", "", content, path=path, line=line)], []


def find_definition(root: Path, target: str, docname: str = "") -> tuple[str, int]:
    """Return file and line of the identifier whose dotted name ends in ``target``.

    Raises LookupError when there is none, or more than one.
    """
    everywhere = source_files(root)
    own = [path for path in everywhere if chapter_of(path) == docname]
    for files in (own, everywhere):
        found = {
            name: (path, line)
            for path in files
            for name, line in _definitions_in(root / path, _module(path))
            if f".{name}".endswith(f".{target}")
        }
        if len(found) == 1:
            return next(iter(found.values()))
        if found:
            names = ", ".join(sorted(found))
            raise LookupError(f"{target!r} may be any of {names}: say more of its name")
    raise LookupError(f"no file of snippets/ or of a part's tests/ defines {target!r}")


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _definitions_in(file: Path, module: str) -> list[tuple[str, int]]:
    return _definitions(file, module, file.stat().st_mtime_ns)


@cache
def _definitions(file: Path, module: str, _changed: int) -> list[tuple[str, int]]:
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except SyntaxError as error:
        raise LookupError(f"{file.name}:{error.lineno}: {error.msg}") from error
    return list(_names(tree, module))


def _names(owner: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, int]]:
    for node in owner.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield f"{prefix}.{node.name}", node.lineno
        if isinstance(node, ast.ClassDef):
            yield from _names(node, f"{prefix}.{node.name}")
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for name in targets:
                if isinstance(name, ast.Name):
                    yield f"{prefix}.{name.id}", node.lineno


# The pages


def collect_pages(app: Sphinx) -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the pages whose source, chapter or layout changed since they were made."""
    if app.builder.name not in BUILDERS:
        return
    root, builder = root_of(app), app.builder
    layout = (
        f"{builder.build_info.config_hash} {builder.templates.newest_template_mtime()}"  # type: ignore[attr-defined]
    )
    for path in source_files(root):
        text = (root / path).read_text(encoding="utf-8")
        context = _context(app, path, text)
        stamp = hashlib.sha256(f"{layout}{text}{context['parents']}".encode())
        context["stamp"] = stamp.hexdigest()[:16]
        output = Path(builder.get_output_path(page_name(path)))  # type: ignore[attr-defined]
        if not output.is_file() or context["stamp"] not in output.read_text("utf-8"):
            context["body"] = highlighted(app, text)
            yield page_name(path), context, "source.html"


def _context(app: Sphinx, path: str, text: str) -> dict[str, Any]:
    chapter = chapter_of(path)
    if chapter not in app.env.titles:  # a module that several chapters share
        chapter = f"{chapter.split('/')[0]}/index"
    parents = []
    if chapter in app.env.titles:
        uri = app.builder.get_relative_uri(page_name(path), chapter)
        parents = [{"link": uri, "title": app.env.titles[chapter].astext()}]
    belongs = f"《{parents[0]['title']}》的" if parents else ""
    description = escape(f"{belongs}{kind_of(path)}：{path}")
    return {
        "title": path,
        "kind": kind_of(path),
        "parents": parents,
        "metatags": f'<meta name="description" content="{description}" />',
    }


def highlighted(app: Sphinx, text: str) -> str:
    """Return Python source as HTML; line 12 is ``<span id="L12">``."""
    html = app.builder.highlighter.highlight_block(  # type: ignore[attr-defined]
        text, "python", linenos="inline", linespans="L", anchorlinenos=True
    )
    html = re.sub(r'<span id="L-(\d+)">', r'<span class="line" id="L\1">', html)
    return re.sub(r'href="#L-(\d+)"', r'href="#L\1"', html)


def drop_contents(
    app: Sphinx, pagename: str, template: str, context: dict[str, Any], doctree: None
) -> None:
    """Leave the book's contents out of source pages: they cost most of their time."""
    if template == "source.html":
        names = context["sidebars"]
        context["sidebars"] = [name for name in names if "sidebar-nav" not in name]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the extension."""
    both = (_keep, _keep)
    app.add_node(
        source_link,
        html=(_visit_html, _depart_html),
        latex=both,
        text=both,
        man=both,
        texinfo=both,
    )
    app.add_role("src", SourceRole())
    app.add_post_transform(LinkSources)
    app.add_css_file("sources.css")
    app.connect("env-updated", find_changed_chapters)
    app.connect("html-collect-pages", collect_pages)
    app.connect("html-page-context", drop_contents)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
