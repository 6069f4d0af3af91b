"""Run the experiments whose sources have moved on, or verify the recorded results.

python -m tools.rerun [--all] [--only generative/vae] [--verify] [--list]``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.fingerprint import ROOT, digests, fingerprint

SUFFIX = "_experiment.py"


def experiments(root: Path = ROOT) -> dict[str, Path]:
    """Return ``part/slug`` and file of every experiment."""
    files = sorted((root / "snippets").glob(f"*/*{SUFFIX}"))
    return {f"{f.parent.name}/{f.name.removesuffix(SUFFIX)}": f for f in files}


def recorded(chapter: str, root: Path = ROOT) -> dict:
    """Return the chapter's results.json, or an empty dict when there is none."""
    path = root / "docs" / chapter / "results.json"
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        sys.exit(f"{path}:{error.lineno}: not JSON ({error.msg}); run it again")


def is_stale(chapter: str, source: Path, root: Path = ROOT) -> bool:
    """Tell whether sources or figures have changed since the results were recorded."""
    results = recorded(chapter, root)
    return results.get("fingerprint") != fingerprint(source, root) or (
        results.get("files") != digests(root / "docs" / chapter)
    )


def differences(old: dict, new: dict) -> list[str]:
    """Compare two results.json: one line for each disagreement."""
    lines = []
    for key in sorted(old["values"].keys() | new["values"].keys()):
        if key not in new["values"]:
            lines.append(f"{key}: recorded, but the run no longer measures it")
        elif key not in old["values"]:
            lines.append(f"{key}: measured, but not recorded")
        else:
            lines += _beyond_tolerance(key, old["values"][key], new["values"][key])
    recorded, made = sorted(old["files"]), sorted(new["files"])
    if recorded != made:  # names alone: other machines draw other bytes
        lines.append(f"files: recorded {recorded}, made {made}")
    return lines


def _beyond_tolerance(key: str, old: dict, new: dict) -> list[str]:
    allowed = old.get("abs_tol", 0.0) + old.get("rel_tol", 0.0) * abs(old["value"])
    if abs(new["value"] - old["value"]) <= allowed:
        return []
    return [
        f"{key}: recorded {old['value']:.6g}, now {new['value']:.6g}"
        f" (tolerance {allowed:.2g})"
    ]


def run(source: Path, *arguments: str) -> int:
    """Run one experiment in a process of its own."""
    module = ".".join(source.relative_to(ROOT).with_suffix("").parts)
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


def verify(chapter: str, source: Path) -> list[str]:
    """Run an experiment aside and compare it with what is recorded."""
    old = recorded(chapter)
    if not old:
        return [f"no results recorded; run `make experiments ONLY={chapter}`"]
    with tempfile.TemporaryDirectory() as folder:
        if run(source, "--out", folder):
            return ["the experiment failed (see above)"]
        new = json.loads((Path(folder) / "results.json").read_text(encoding="utf-8"))
    return differences(old, new)


def main() -> int:
    """Run or verify what the command line selects; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--all", action="store_true", help="also what is up to date")
    parser.add_argument("--only", metavar="PART/SLUG", help="one chapter")
    parser.add_argument("--verify", action="store_true", help="compare, keep nothing")
    parser.add_argument("--list", action="store_true", help="print what is stale")
    options = parser.parse_args()

    chosen = experiments()
    if options.only:
        if options.only not in chosen:
            sys.exit(f"no experiment {options.only!r}; there are: {', '.join(chosen)}")
        chosen = {options.only: chosen[options.only]}
    if not (options.all or options.verify):
        chosen = {name: f for name, f in chosen.items() if is_stale(name, f)}
    if options.list:
        print("\n".join(chosen) or "every experiment is up to date")
        return 0
    if not chosen:
        print("Every experiment is up to date (ALL=1 runs them all the same).")
    return _work_through(chosen, options.verify)


def _work_through(chosen: dict[str, Path], check: bool) -> int:
    from tqdm import tqdm

    failures: dict[str, list[str]] = {}
    for chapter, source in (bar := tqdm(chosen.items(), disable=not chosen)):
        bar.set_description(chapter)
        if check:
            lines = verify(chapter, source)
        else:
            lines = ["the experiment failed (see above)"] if run(source) else []
        if lines:
            failures[chapter] = lines
    for chapter, lines in failures.items():
        print(f"{chapter}:", *lines, sep="\n  ", file=sys.stderr)
    if check and not failures:
        print(f"{len(chosen)} experiment(s) agree with what is recorded.")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
