"""`make lock` pins what the dev group needs, and nothing that it does not."""

from __future__ import annotations

from pathlib import Path

from packaging.requirements import Requirement

from tools import lock


def test_groups_include_each_other(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        "[dependency-groups]\n"
        'book = ["sphinx>=9"]\n'
        'test = [{ include-group = "book" }, "pytest"]\n'
    )
    groups = lock.groups(tmp_path)
    assert groups == {"book": ["sphinx>=9"], "test": ["sphinx>=9", "pytest"]}


def test_the_closure_holds_transitive_needs_without_extras() -> None:
    pins = lock.closure({"pytest"})
    assert {"pytest", "pluggy", "iniconfig", "packaging"} <= pins.keys()
    assert "setuptools" not in pins  # pytest's own development extra
    assert all("+" not in version for version in pins.values())


def test_what_a_torch_for_gpus_brings_along_is_not_pinned(monkeypatch) -> None:
    class Torch:
        version, requires = "2.13.0", ["triton==3.7", "nvidia-nccl-cu13==2", "jinja2"]

    class Needed:
        version, requires = "3.1", None

    found = {"torch": Torch, "jinja2": Needed}
    monkeypatch.setattr(lock, "distribution", found.__getitem__)
    assert lock.closure({"torch"}) == {"torch": "2.13.0", "jinja2": "3.1"}


def test_constraints_are_what_the_lock_would_write(monkeypatch, tmp_path) -> None:
    root = Path(lock.__file__).parents[1]
    (tmp_path / "pyproject.toml").write_text((root / "pyproject.toml").read_text())
    monkeypatch.setattr(lock, "ROOT", tmp_path)
    wanted = {Requirement(line).name for line in lock.groups(root)["test"]}
    monkeypatch.setattr(lock, "groups", lambda: {"dev": sorted(wanted)})
    assert lock.main() == 0
    written = set((tmp_path / "constraints.txt").read_text().splitlines())
    assert written <= set((root / "constraints.txt").read_text().splitlines())
