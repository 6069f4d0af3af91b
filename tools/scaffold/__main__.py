"""``make new-chapter PART=generative SLUG=diffusion TITLE=扩散模型``."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tools.scaffold import RefusedError, new_chapter, planned, write

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Write the chapter and say what to do next."""
    part, slug, title = (os.environ.get(n, "") for n in ("PART", "SLUG", "TITLE"))
    try:
        chapter = new_chapter(ROOT, part, slug, title)
        files = planned(ROOT, chapter)
    except RefusedError as error:
        print(f"{error}. Nothing was written.", file=sys.stderr)
        return 2
    write(files)
    for path in files:
        print(f"  {path.relative_to(ROOT)}")
    print(f"Now its experiment runs; then `make check CHAPTER={chapter.name}`.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
