"""Reading `@pytest.mark.checks` without importing the tests."""

import subprocess
import sys

import pytest

from tools.marks import Mark, MarkError, marks_by_label, read_marks

TEST_FILE = '''\
"""A module docstring that says checks."""
import pytest
from pytest import mark


def helper():
    return 1


@pytest.mark.slow
@pytest.mark.checks("eq-vae-elbo", "eq-vae-kl")
def test_elbo():
    """
    Compare with numerical integration.

    The rest is not quoted.
    """


@mark.checks(
    "eq-vae-kl",
)
async def test_kl(): ...


def test_unmarked(): ...


@pytest.mark.checks("eq-vae-class")
class TestPrior:
    @pytest.mark.parametrize("x", [1, 2])
    @pytest.mark.checks("eq-vae-prior", "eq-vae-class")
    def test_mean(self, x):
        """Compare with `scipy`."""

    def test_plain(self): ...

    def helper(self): ...

    class TestInner:
        pytestmark = [pytest.mark.slow, pytest.mark.checks("eq-vae-inner")]

        def test_deep(self): ...
'''


@pytest.fixture
def root(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / "tests" / "generative" / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_every_marked_test_is_read_with_place_labels_and_docstring(root):
    path = "tests/generative/test_vae.py"
    summary = "Compare with numerical integration."
    assert read_marks(root(test_vae=TEST_FILE)) == [
        Mark(path, 12, "test_elbo", ("eq-vae-elbo", "eq-vae-kl"), summary),
        Mark(path, 23, "test_kl", ("eq-vae-kl",), ""),
        Mark(
            path,
            33,
            "TestPrior::test_mean",
            ("eq-vae-class", "eq-vae-prior"),
            "Compare with `scipy`.",
        ),
        Mark(path, 36, "TestPrior::test_plain", ("eq-vae-class",), ""),
        Mark(
            path,
            43,
            "TestPrior::TestInner::test_deep",
            ("eq-vae-class", "eq-vae-inner"),
            "",
        ),
    ]


COLLECT = """\
import pytest


@pytest.hookimpl
def pytest_collection_modifyitems(items):
    for item in items:
        for mark in item.iter_markers("checks"):
            for label in mark.args:
                name = item.nodeid.split("[")[0]
                print("FOUND", name, label)
"""


def test_pytest_itself_sees_the_same_marks(root):
    book = root(test_vae=TEST_FILE, conftest=COLLECT)
    (book / "pytest.ini").write_text("[pytest]\nmarkers =\n  checks\n  slow\n")
    # In a process of its own: a second session in this one would share its plugins.
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "tests"]
    output = subprocess.run(
        [*command, "-p", "no:cacheprovider"],
        cwd=book,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = {tuple(line.split()[1:]) for line in output.splitlines() if "FOUND" in line}
    read = {(m.nodeid, label) for m in read_marks(book) for label in m.labels}
    assert read == found
    assert len(read) == 8


def test_labels_lead_to_their_tests(root):
    found = marks_by_label(root(test_vae=TEST_FILE))
    assert [m.test for m in found["eq-vae-kl"]] == ["test_elbo", "test_kl"]
    assert [m.test for m in found["eq-vae-inner"]] == [
        "TestPrior::TestInner::test_deep"
    ]


def test_module_marks_reach_every_test(root):
    text = (
        "import pytest\n"
        'pytestmark = pytest.mark.checks("eq-a")\n'
        "def test_x(): ...\n"
        "class TestY:\n"
        "    def test_z(self): ...\n"
    )
    marks = read_marks(root(test_a=text))
    assert [(m.test, m.labels) for m in marks] == [
        ("test_x", ("eq-a",)),
        ("TestY::test_z", ("eq-a",)),
    ]


def test_files_come_in_order_and_need_not_have_marks(root):
    one = 'import pytest\n@pytest.mark.checks("eq-{}")\ndef test_x(): ...\n'
    book = root(test_b=one.format("b"), test_a=one.format("a"), test_c="x = 1\n")
    assert [m.labels for m in read_marks(book)] == [("eq-a",), ("eq-b",)]


def test_a_book_without_tests_has_no_marks(tmp_path):
    assert read_marks(tmp_path) == []


def marked(mark, body="def test_x(): ..."):
    return f"import pytest\nNAME = 'eq-x'\n@{mark}\n{body}\n"


REACHES_NONE = "reaches no test"


@pytest.mark.parametrize(
    ("text", "line", "complaint"),
    [
        (marked("pytest.mark.checks(NAME)"), 3, "checks(NAME): write labels as string"),
        (marked("pytest.mark.checks(f'eq-{NAME}')"), 3, "string literals"),
        (marked("pytest.mark.checks(*[NAME])"), 3, "string literals"),
        (marked("pytest.mark.checks(3)"), 3, "checks(3)"),
        (marked("pytest.mark.checks('elbo')"), 3, 'start with "eq-"'),
        (marked("pytest.mark.checks()"), 3, "one or more labels"),
        (marked("pytest.mark.checks('eq-x', why='y')"), 3, "one or more labels"),
        (marked("pytest.mark.checks"), 3, REACHES_NONE),
        (marked("pytest.mark.checks('eq-x')", "def check_x(): ..."), 3, REACHES_NONE),
        (
            marked(
                "pytest.mark.checks('eq-x')", "class Case:\n    def test_x(self): ..."
            ),
            3,
            REACHES_NONE,
        ),
        (
            "import pytest\ndef test_x():\n"
            "    @pytest.mark.checks('eq-x')\n    def test_inner(): ...\n",
            3,
            REACHES_NONE,
        ),
        (
            "import pytest\n@pytest.mark.parametrize('x', [\n"
            "    pytest.param(1, marks=pytest.mark.checks('eq-x'))])\n"
            "def test_x(x): ...\n",
            3,
            REACHES_NONE,
        ),
        (
            "import pytest\nalias = pytest.mark.checks('eq-x')\n"
            "@alias\ndef test_x(): ...\n",
            2,
            REACHES_NONE,
        ),
        (
            "import pytest\npytestmark = [pytest.mark.slow, pytest.mark.checks(N)]\n"
            "def test_x(): ...\n",
            2,
            "checks(N)",
        ),
        ("# checks\ndef test_x(:\n", 2, "invalid syntax"),
    ],
)
def test_what_cannot_be_read_is_an_error_at_its_line(root, text, line, complaint):
    with pytest.raises(MarkError) as caught:
        read_marks(root(test_bad=text))
    message = str(caught.value)
    assert message.startswith(f"tests/generative/test_bad.py:{line}: ")
    assert complaint in message


def test_a_mark_in_a_file_that_pytest_does_not_collect_is_an_error(root):
    with pytest.raises(MarkError, match=r"tests/generative/helpers\.py:3: .*no test"):
        read_marks(root(helpers=marked("pytest.mark.checks('eq-x')")))


def test_other_things_called_checks_are_left_alone(root):
    text = "def test_x(self=None):\n    self.checks()\n    checks('a')\n"
    assert read_marks(root(test_x=text)) == []
