"""TeX that is missing, and what TeX says when it fails, in a few lines."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import latex

ROOT = Path(__file__).parents[2]
ERROR = """\
This is XeTeX
! Undefined control sequence.
l.7 a \\nonsense
                b
Here is how much of TeX's memory you used:
"""
TEX = r"""
\label{\detokenize{preface::doc}}
\label{\detokenize{part/one::doc}}
\label{\detokenize{part/one:eq}}
text

a \nonsense b
\label{\detokenize{part/two::doc}}
"""

Commands = Callable[..., None]


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Commands:
    """Return ``commands(name=script)``, which leaves nothing else on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def install(**scripts: str) -> None:
        for name, script in scripts.items():
            file = folder / name.replace("_", "-")
            file.write_text(f"#!/bin/sh\n{script}\n")
            file.chmod(file.stat().st_mode | stat.S_IXUSR)

    return install


def test_nothing_is_missing_where_everything_answers(commands: Commands) -> None:
    commands(latexmk="", xelatex="", kpsewhich="echo /x/$1", fc_list="echo font")
    assert latex.missing() == []
    latex.require()


def test_a_bare_machine_gets_one_sentence(commands: Commands) -> None:
    with pytest.raises(SystemExit) as stop:
        latex.require()
    message = str(stop.value)
    assert "missing: latexmk, xelatex;" in message
    assert "apt install latexmk texlive-xetex" in message
    assert "brew install --cask mactex" in message
    assert "\n" not in message


@pytest.mark.parametrize("name", ["ctexbook.cls", "texgyrepagella-math.otf"])
def test_files_of_tex_are_looked_for(commands: Commands, name: str) -> None:
    kpsewhich = f'[ "$1" = {name} ] || echo "/x/$1"'
    commands(latexmk="", xelatex="", kpsewhich=kpsewhich, fc_list="echo font")
    assert latex.missing() == [name]


def test_fonts_are_looked_for(commands: Commands) -> None:
    fc_list = '[ "$1" = "Noto Serif CJK SC" ] && echo font'
    commands(latexmk="", xelatex="", kpsewhich="echo x", fc_list=fc_list)
    assert latex.missing() == ["Noto Sans CJK SC"]


def test_the_command_line_fails_with_the_sentence(commands: Commands) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tools.latex"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("The PDF needs TeX and fonts")


def test_the_check_knows_the_fonts_of_the_preamble_and_the_packages_of_ci() -> None:
    preamble = (ROOT / "docs/_latex/preamble.tex").read_text("utf-8")
    assert set(re.findall(r"\\setCJK\w+font\{(.+?)\}", preamble)) == set(latex.FONTS)
    families = re.findall(r"\\set(?:main|mono|math)font\{(.+?)\}", preamble)
    for family in families:
        assert any(file.startswith(family) for file in latex.FILES)
    ci = (ROOT / ".ci/run").read_text("utf-8").split()
    assert set(latex.DEBIAN.split()) <= set(ci)


# -- What TeX says


def test_an_error_is_shown_with_its_place(tmp_path: Path) -> None:
    tex = tmp_path / "book.tex"
    tex.write_text(TEX)
    assert latex.explain(ERROR, tex).splitlines() == [
        "LaTeX, in docs/part/one.md:",
        "! Undefined control sequence.",
        r"l.7 a \nonsense",
        "                b",
    ]


def test_an_error_without_a_line_is_cut_short(tmp_path: Path) -> None:
    log = "! Emergency stop.\n" + "noise\n" * 2000
    shown = latex.explain(log, tmp_path / "book.tex").splitlines()
    assert shown[:2] == ["LaTeX:", "! Emergency stop."]
    assert len(shown) <= latex.SHOWN + 1


def test_complaints_are_shown_once_and_not_without_end() -> None:
    glyph = "Missing character: There is no 龘 in font TeX Gyre Pagella!"
    reference = "LaTeX Warning: Reference `x' on page 1 undefined on input line 5."
    twice = "LaTeX Warning: Label `x' multiply defined."
    harmless = "LaTeX Warning: Label(s) may have changed. Rerun."
    log = "\n".join([glyph, harmless, reference, glyph, twice])
    assert latex.complaints(log) == [glyph, reference, twice]
    many = "\n".join(f"Missing character: {n}" for n in range(20))
    assert latex.complaints(many)[-1] == f"… and {20 - latex.SHOWN} more"
    assert latex.complaints(harmless) == []


@pytest.fixture
def typeset(commands: Commands, tmp_path: Path) -> Callable[[str, int], int]:
    """Return ``typeset(log, status)``, a run of a latexmk that leaves this log."""
    tex = tmp_path / "latex/book.tex"
    tex.parent.mkdir()
    tex.write_text(TEX)

    def run(log: str, status: int) -> int:
        (tmp_path / "log").write_text(log)
        made = "echo pdf > book.pdf; echo aux > book.aux"
        copy = f'while read -r l; do echo "$l"; done < {tmp_path}/log > book.log'
        commands(latexmk=f"{copy}; {made}; echo last words; exit {status}")
        return latex.typeset(tex, tmp_path / "output")

    return run


def test_a_pdf_comes_with_its_log(typeset, tmp_path: Path) -> None:
    assert typeset("fine\n", 0) == 0
    output = tmp_path / "output"
    assert {f.name for f in output.iterdir()} == {"book.pdf", "book.log", "book.aux"}
    assert (output / "book.log").read_text() == "fine\n"


def test_a_failing_run_leaves_nothing_and_says_why(typeset, tmp_path, capsys) -> None:
    assert typeset("! Undefined.\nl.7 a\n", 12) == 12
    assert "in docs/part/one.md:\n! Undefined." in capsys.readouterr().err
    assert not (tmp_path / "output").exists()


def test_without_an_error_in_the_log_latexmk_is_quoted(typeset, capsys) -> None:
    assert typeset("", 1) == 1
    assert capsys.readouterr().err == "latexmk:\nlast words\n"


def test_a_complaint_fails_the_build(typeset, tmp_path: Path, capsys) -> None:
    assert typeset("Missing character: 龘\n", 0) == 1
    assert capsys.readouterr().err == "LaTeX:\nMissing character: 龘\n"
    assert not (tmp_path / "output").exists()
