"""``make check CHAPTER=part/slug``: everything that one chapter must hold.

Each stage returns violations; a stage that cannot say more than an earlier one is
skipped, so that the first thing to mend is on top.
"""
