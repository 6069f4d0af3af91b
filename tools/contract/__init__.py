"""The book's contract: pure rules that read the sources and report violations.

Each rule takes the root of a book and returns a list of `Violation`; the tests in
``tests/book`` run all of them, and ``make check`` runs those of one chapter.
"""
