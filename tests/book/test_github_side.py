"""What GitHub reads: workflows without loose ends, forms, and commands that exist."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = {path.name: path.read_text("utf-8") for path in GITHUB.glob("workflows/*")}
FORMS = sorted(set(GITHUB.glob("ISSUE_TEMPLATE/*.yml")) - set(GITHUB.glob("*/config*")))

# Every permission to write, and why: the rest of the workflows can only read.
GRANTED = {
    ("ci.yml", "pages"): {"pages": "write", "id-token": "write"},  # publishes main
    ("weekly.yml", "report"): {"issues": "write"},  # opens the issue
    ("release.yml", "publish"): {"contents": "write"},  # creates the release
}
# These run with the repository's rights on what a stranger has sent.
DANGEROUS = {"pull_request_target", "workflow_run", "issue_comment", "issues"}
PINNED = re.compile(r"[\w.-]+(/[\w.-]+)+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
NOT_FOR_PULL_REQUESTS = "github.event_name == 'push' && "


# -- Workflows


def problems(name: str, text: str) -> list[str]:
    """Return what is wrong with a workflow, one line for each problem."""
    workflow = yaml.load(text, yaml.BaseLoader)  # keeps `on` a word
    triggers = set(workflow["on"])
    found = [f"trigger {trigger}" for trigger in sorted(triggers & DANGEROUS)]
    uses = re.findall(r"^\s*(?:- )?uses: *(.*?) *$", text, re.M)
    found += [f"not pinned: {use}" for use in uses if not PINNED.fullmatch(use)]
    if workflow.get("permissions") != {"contents": "read"}:
        found.append("permissions of the workflow are not contents: read")
    if "concurrency" not in workflow:
        found.append("no concurrency")
    if "pull_request" in triggers and re.search(r"\bsecrets\b", text):
        found.append("secrets in a workflow of pull requests")
    for job_name, job in workflow["jobs"].items():
        granted = GRANTED.get((name, job_name), {})
        found += [f"{job_name}: {line}" for line in job_problems(job, granted)]
        writes = "write" in job.get("permissions", {}).values()
        guarded = job.get("if", "").startswith(NOT_FOR_PULL_REQUESTS)
        if "pull_request" in triggers and writes and not guarded:
            found.append(f"{job_name}: may write in a pull request")
    return found


def job_problems(job: dict[str, Any], granted: dict[str, str]) -> Iterator[str]:
    if not job.get("timeout-minutes", "").isdigit():
        yield "no timeout-minutes"
    if job.get("permissions", {}) != granted:
        yield "permissions differ from GRANTED"
    for step in job.get("steps", []):
        if "${{" in step.get("run", ""):
            yield "an expression inside run: pass it through env"
        is_checkout = step.get("uses", "").startswith("actions/checkout@")
        if is_checkout and step.get("with", {}).get("persist-credentials") != "false":
            yield "the checkout keeps its credentials"


@pytest.mark.parametrize("name", sorted(WORKFLOWS))
def test_workflows(name: str) -> None:
    assert problems(name, WORKFLOWS[name]) == []


@pytest.mark.parametrize(
    ("name", "old", "new", "problem"),
    [
        ("ci.yml", " # v4.2.2", "", "not pinned: actions/checkout@11bd"),
        (
            "ci.yml",
            "@11bd71901bbe5b1630ceea73d27597364c9af683 #",
            "@v4 #",
            "not pinned",
        ),
        (
            "ci.yml",
            "  pull_request:",
            "  pull_request_target:",
            "trigger pull_request_t",
        ),
        ("ci.yml", "timeout-minutes: 40", "continue-on-error: true", "no timeout"),
        ("ci.yml", "  contents: read", "  contents: write", "permissions of the work"),
        ("ci.yml", "pages: write # to", "contents: write # to", "pages: permissions"),
        ("ci.yml", "concurrency:", "x-concurrency:", "no concurrency"),
        (
            "ci.yml",
            "if: github.event_name == 'push' && ",
            "if: ",
            "may write in a pull",
        ),
        ("ci.yml", "vars.PIP_EXTRA", "secrets.PIP_EXTRA", "secrets in a workflow"),
        (
            "ci.yml",
            "persist-credentials: false",
            "clean: true",
            "keeps its credentials",
        ),
        ("ci.yml", "run: make test", "run: echo ${{ github.head_ref }}", "inside run"),
        ("weekly.yml", "issues: write", "contents: write", "report: permissions"),
        (
            "weekly.yml",
            "见 ${RUN_URL}",
            "见 ${{ github.event.issue.title }}",
            "report: an expression inside run",
        ),
    ],
)
def test_a_broken_workflow_is_seen(name: str, old: str, new: str, problem: str) -> None:
    assert old in WORKFLOWS[name]
    assert problem in "\n".join(problems(name, WORKFLOWS[name].replace(old, new, 1)))


def test_an_action_has_one_version() -> None:
    pins = re.findall(r"uses: (\S+)@(.+)", "\n".join(WORKFLOWS.values()))
    assert len(set(pins)) == len(dict(pins))


# -- The commands that the workflows run, against a `gh` that notes what it is asked


@pytest.fixture
def gh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put ``gh`` on the PATH; it prints $OPEN for a list. Return its notes."""
    log, script = tmp_path / "gh.log", tmp_path / "bin/gh"
    script.parent.mkdir()
    script.write_text(
        f'#!/bin/bash\necho "$@" >> {log}\n[[ $2 != list ]] || echo -n "$OPEN"\n'
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
    return log


def last_step(name: str, job: str) -> str:
    return yaml.safe_load(WORKFLOWS[name])["jobs"][job]["steps"][-1]["run"]


def run_as_github_does(script: str, folder: Path, **env: str) -> int:
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    return subprocess.run(
        command, cwd=folder, env={**os.environ, **env}, check=False
    ).returncode


@pytest.mark.parametrize(
    ("open_issue", "asked"),
    [("", "issue create --label drift"), ("17", "issue comment 17 --body")],
)
def test_drift_has_one_issue(
    gh: Path, tmp_path: Path, open_issue: str, asked: str
) -> None:
    hostile = "$(touch hacked)"
    env = {"PACKAGES": "failure", "LINKS": hostile, "RUN_URL": "https://x/1"}
    script = last_step("weekly.yml", "report")
    assert run_as_github_does(script, tmp_path, OPEN=open_issue, **env) == 0
    *_, listed, last = gh.read_text("utf-8").splitlines()
    assert listed.startswith("issue list --label drift --state open")
    assert last.startswith(asked)
    assert "failure" in last
    assert hostile in last
    assert "https://x/1" in last
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("damaged", [False, True])
def test_a_release_has_the_files_whose_sums_agree(
    gh: Path, tmp_path: Path, damaged: bool
) -> None:
    names = ("book-html.zip", "book.pdf", "book.epub")
    for name in names:
        (tmp_path / name).write_text(name)
    sums = f"sha256sum {' '.join(names)} > SHA256SUMS"
    assert sums in WORKFLOWS["release.yml"]
    assert run_as_github_does(sums, tmp_path) == 0
    if damaged:
        (tmp_path / "book.pdf").write_text("another")
    script = last_step("release.yml", "publish")
    status = run_as_github_does(script, tmp_path, GITHUB_REF_NAME="v1.2.3")
    assert (status != 0, not gh.exists()) == (damaged, damaged)
    if not damaged:
        assert gh.read_text().startswith("release create v1.2.3 --verify-tag ")
        assert all(f" {name} " in gh.read_text() for name in names)


def other_versions(*arguments: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if k != "TORCH_NIGHTLY_INDEX_URL"}
    command = ["bash", str(ROOT / ".ci/other-versions"), *arguments]
    return subprocess.run(
        command, env=env, check=False, capture_output=True, encoding="utf-8"
    )


def test_other_versions_says_what_it_takes_and_what_it_left_out() -> None:
    matrix = yaml.safe_load(WORKFLOWS["weekly.yml"])["jobs"]["packages"]["strategy"]
    kinds = "|".join(leg["packages"] for leg in matrix["matrix"]["include"])
    for wrong in ([], ["newest"]):
        refused = other_versions(*wrong)
        assert refused.returncode == 2
        assert refused.stderr.strip().endswith(f"other-versions {kinds}")
    skipped = other_versions("nightly-torch")
    assert skipped.returncode == 0
    assert skipped.stdout.startswith("::warning::nothing was tested")


# -- Every `make x` that somebody is told to type exists

STAMP = re.compile(r"\.venv/(book|test|dev)")
IN_TEXT = (  # `make html`, or after a prompt
    re.compile(r"`(make [^`]+)`"),
    re.compile(r"^\s*\$ (?:\w+=\S+ )*(make .*?)(?:#.*)?$", re.M),
)
IN_SHELL = (re.compile(r"^\s*(?:- )?(?:run: )?(make .*?)(?:[&|;#].*)?$", re.M),)
Commands = tuple[re.Pattern[str], ...]
SPEAKING = (
    "*.md",
    "docs/**/*.md",
    "docs/_ext/*.py",
    "tools/**/*.py",
    "tools/**/*.jinja",
    ".github/**/*.md",
)
RUNNING = (".ci/*", ".github/workflows/*.yml", ".readthedocs.yaml")


def told(patterns: tuple[str, ...], commands: Commands) -> dict[str, str]:
    """Return the targets that files name, each with one of the files."""
    found = {}
    for file in sorted({f for pattern in patterns for f in ROOT.glob(pattern)}):
        for target in targets_named(file.read_text("utf-8"), commands):
            found[target] = file.relative_to(ROOT).as_posix()
    return found


def targets_named(text: str, commands: Commands) -> set[str]:
    lines = [line for command in commands for line in command.findall(text)]
    # Variables (ARGS="-k gumbel", ONLY=<part>/<slug>) and options are not targets.
    words = [re.sub(r'\w+="[^"]*"', "", line).split()[1:] for line in lines]
    return {word for line in words for word in line if re.fullmatch(r"[\w./-]+", word)}


def targets_of(makefile: str) -> set[str]:
    return set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M))


def test_every_make_target_that_is_named_exists() -> None:
    named = told(SPEAKING, IN_TEXT) | told(RUNNING, IN_SHELL)
    assert {"html", "test", "pdf", "zip", "lock", ".venv/dev"} <= named.keys()
    known = targets_of((ROOT / "Makefile").read_text("utf-8"))
    missing = {
        target: file
        for target, file in named.items()
        if target not in known and not STAMP.fullmatch(target)
    }
    assert missing == {}


@pytest.mark.parametrize(
    ("commands", "text", "targets"),
    [
        (IN_TEXT, "run `make htlm` and `make test ARGS=x`", {"htlm", "test"}),
        (IN_TEXT, "make and git make it", set()),
        (IN_TEXT, "$ PIP_EXTRA_INDEX_URL=<x> make test  # make no", {"test"}),
        (IN_TEXT, "`make experiments ONLY=<part>/<slug>`", {"experiments"}),
        (IN_SHELL, "      - run: make zip epub", {"zip", "epub"}),
        (IN_SHELL, 'make test C="$c" ARGS="-n auto -k $o" || status=1', {"test"}),
        (IN_SHELL, "packages=(python3-venv make chromium)", set()),
    ],
)
def test_names_of_targets_are_read(
    commands: Commands, text: str, targets: set[str]
) -> None:
    assert targets_named(text, commands) == targets


# -- Forms and files


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.stem)
def test_issue_forms(path: Path) -> None:
    form = yaml.safe_load(path.read_text("utf-8"))
    assert form.keys() == {"name", "description", "title", "labels", "body"}
    assert re.match(r"[一-鿿]", form["name"]), "Chinese comes first"
    fields = [item for item in form["body"] if item["type"] != "markdown"]
    names = [field["id"] for field in fields]
    labels = [field["attributes"]["label"] for field in fields]
    assert len(set(names)) == len(names)
    assert len(set(labels)) == len(labels)
    assert any(field.get("validations", {}).get("required") for field in fields)


def test_an_erratum_can_be_filled_in_by_a_link() -> None:
    """Only an `input` takes its value from the address as it is."""
    form = yaml.safe_load((GITHUB / "ISSUE_TEMPLATE/erratum.yml").read_text("utf-8"))
    inputs = {item["id"] for item in form["body"] if item["type"] == "input"}
    assert {"chapter", "equation", "page", "version"} <= inputs


def placeholders(codeowners: str) -> list[str]:
    lines = [line.partition("#")[0] for line in codeowners.splitlines()]
    return [line for line in lines if "@ORGANISATION" in line]


def test_no_placeholder_owns_code() -> None:
    """GitHub ignores an owner that does not exist, without a word."""
    text = (GITHUB / "CODEOWNERS").read_text("utf-8")
    assert placeholders(text) == []
    assert placeholders(text.replace("# /docs/ ", "/docs/ ")) != []


def test_one_version_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    conf = (ROOT / "docs/conf.py").read_text("utf-8")
    release = re.search(r'^version = release = "(.+)"$', conf, re.M)[1]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    newest = re.search(r"^## \[(.+?)\]", changelog, re.M)[1]
    assert {release, citation["version"], newest} == {project["version"]}
