"""Honest tests: a test that cannot fail is a defect."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent, indent

import pytest

from tools.contract.honest_tests import check_honesty, dishonest
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]


def rules(text: str) -> list[tuple[int, str]]:
    return [(v.line, v.rule) for v in dishonest("tests/test_a.py", dedent(text))]


def in_test(body: str, *, also: str = "assert f(1) == 2") -> str:
    lines = indent(f"{dedent(body).strip()}\n{also}\n", "    ")
    return f"def test_a():\n{lines}"


def test_the_book() -> None:
    violations = check_honesty(ROOT)
    assert not violations, report(violations)


@pytest.mark.parametrize(
    "statement",
    [
        "x == 1",
        "x.shape == (8, 6)",
        "0 < x < 1",
        "x is None",
        "x in y",
        "not x",
        "x == 1 and y",
        "torch.equal(x, y)",
        "torch.allclose(x, y)",
        "np.array_equal(x, y)",
        "math.isclose(x, y)",
        "(x > 0).all()",
        "any(x)",
        "all(v > 0 for v in x)",
        "path.exists()",
        "torch.autograd.gradcheck(f, x)",
        "with pytest.raises(ValueError):\n    x == 1",
    ],
)
def test_discarded_comparisons(statement: str) -> None:
    line = 2 + statement.count("\n")
    assert rules(in_test(statement)) == [(line, "test-discarded")]


@pytest.mark.parametrize(
    "statement",
    [
        "x = y == 1",
        "f(x == 1)",
        "return x == 1",
        "f(1)",
        "'a docstring'",
        "x.backward()",
    ],
)
def test_used_comparisons(statement: str) -> None:
    assert rules(in_test("assert f(1) == 2", also=statement)) == []


@pytest.mark.parametrize(
    "statement",
    [
        "assert (x == 1, 'message')",
        "assert True",
        "assert 1",
        "assert 'message'",
        "assert f'{x}'",
        "assert [x]",
        "assert x == 1 or True",
        "assert (v > 0 for v in x)",
        "assert (x > 0).all",
        "assert lambda: x",
    ],
)
def test_constant_asserts(statement: str) -> None:
    assert rules(in_test(statement)) == [(2, "test-constant")]


@pytest.mark.parametrize(
    "statement",
    [
        "assert x == x",
        "assert x.shape is x.shape",
        "assert f(x) == f(x)",
        "assert f( x,1 ) == f(x, 1)",
        "assert y == f(x) == f(x)",
        "assert y and f(x) == f(x)",
        "assert f(x) == pytest.approx(f(x), abs=1e-6)",
        "assert torch.allclose(f(x), f(x), atol=1e-6)",
        "assert f(x).equal(f(x))",
        "torch.testing.assert_close(f(x), f(x), rtol=0, atol=0)",
        "torch.testing.assert_close(actual=f(x), expected=f(x))",
        "torch.testing.assert_close(f(x), expected=f(x))",
        "np.testing.assert_allclose(actual=f(x), desired=f(x))",
        "np.testing.assert_array_equal(x[0], x[0])",
    ],
)
def test_comparisons_with_itself(statement: str) -> None:
    assert rules(in_test(statement)) == [(2, "test-itself")]


@pytest.mark.parametrize(
    "statement",
    [
        "assert x, 'message'",
        "assert not ()",
        "first, second = f(x), f(x)\nassert first == second, 'deterministic'",
        "assert f(x) == g(x)",
        "assert f(x) == f(y)",
        "assert f(x) <= f(x)",
        "assert f(x) != f(x), 'random'",
        "assert not torch.equal(f(x), f(x)), 'random'",
        "assert f(x) == pytest.approx(g(x))",
        "assert x == y == z",
        "assert x.equal(y)",
        "torch.testing.assert_close(f(x), g(x))",
        "torch.testing.assert_close(actual=f(x), expected=g(x))",
        "check(f(x), f(x))",
        "assert x == 1 or y == 2",
        "assert x != x, 'nan'",
        "assert x",
        "assert False, 'not reached'",
    ],
)
def test_asserts_that_may_fail(statement: str) -> None:
    assert rules(in_test(statement)) == []


IDLE = {
    "call alone": "def test_a():\n    f(1)\n",
    "nothing": "def test_a():\n    pass\n",
    "in a class": "class TestA:\n    def test_a(self):\n        f(1)\n",
    "helper without assert": "def helper():\n    f()\ndef test_a():\n    helper()\n",
    "helper never called": "def helper():\n    assert f()\ndef test_a():\n    f()\n",
    "fixture without assert": (
        "@pytest.fixture\ndef x():\n    return 1\ndef test_a(x):\n    f(x)\n"
    ),
    "async": "async def test_a():\n    await f()\n",
    "comment": "def test_a():\n    x = f()  # assert x\n",
}


@pytest.mark.parametrize("text", IDLE.values(), ids=IDLE)
def test_idle_tests(text: str) -> None:
    line = text.split("def test_a")[0].count("\n") + 1
    assert rules(text) == [(line, "test-idle")]


BUSY = {
    "assert": "def test_a():\n    assert f()\n",
    "raises": "def test_a():\n    with pytest.raises(ValueError):\n        f()\n",
    "warns": "def test_a():\n    with pytest.warns(UserWarning):\n        f()\n",
    "torch": "def test_a():\n    torch.testing.assert_close(f(), 1)\n",
    "numpy": "def test_a():\n    np.testing.assert_allclose(f(), 1)\n",
    "mock": "def test_a():\n    m.assert_called_once()\n",
    "browser": "def test_a(page):\n    expect(page).to_have_title('x')\n",
    "hypothesis": (
        "def test_a():\n    @given(st.floats())\n    def inner(x):\n"
        "        assert f(x)\n    inner()\n"
    ),
    "helper": "def helper():\n    assert f()\ndef test_a():\n    helper()\n",
    "helper of a helper": (
        "def one():\n    assert f()\ndef two():\n    one()\ndef test_a():\n    two()\n"
    ),
    "method": (
        "class TestA:\n    def check(self):\n        assert f()\n"
        "    def test_a(self):\n        self.check()\n"
    ),
    "fixture": (
        "@pytest.fixture\ndef x():\n    yield\n    assert f()\ndef test_a(x):\n    x\n"
    ),
    "loop": "def test_a():\n    for x in y:\n        assert f(x)\n",
}


@pytest.mark.parametrize("text", BUSY.values(), ids=BUSY)
def test_busy_tests(text: str) -> None:
    assert rules(text) == []


def test_helpers_of_conftest(book) -> None:
    root = book(
        {
            "tests/conftest.py": "def check(x):\n    assert x\n\ndef same(x):\n    x\n",
            "tests/a/test_a.py": "def test_a():\n    check(f())\n",
            "tests/a/test_b.py": "def test_b(same):\n    same(f())\n",
            "tests/a/helper.py": "def test_like():\n    f()\n",
        }
    )
    assert [(v.path, v.rule) for v in check_honesty(root)] == [
        ("tests/a/test_b.py", "test-idle")
    ]


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    assert f()\nexcept:\n    pass",
        "try:\n    assert f()\nexcept AssertionError:\n    pass",
        "try:\n    assert f()\nexcept (ValueError, Exception):\n    x = 1",
        "try:\n    if x:\n        assert f()\nexcept Exception as e:\n    print(e)",
        "with suppress(AssertionError):\n    assert f()",
        "with contextlib.suppress(ValueError, Exception):\n    assert f()",
    ],
)
def test_swallowed_asserts(body: str) -> None:
    assert rules(in_test(body)) == [(2, "test-swallowed")]


@pytest.mark.parametrize(
    "body",
    [
        "try:\n    assert f()\nexcept ValueError:\n    pass",
        "try:\n    assert f()\nexcept Exception:\n    raise",
        "try:\n    assert f()\nexcept:\n    pytest.fail('x')",
        "try:\n    f()\nexcept Exception:\n    pass",
        "try:\n    assert f()\nfinally:\n    g()",
        "with suppress(OSError):\n    assert f()",
    ],
)
def test_asserts_not_swallowed(body: str) -> None:
    assert rules(in_test(body)) == []


@pytest.mark.parametrize(
    "text",
    [
        in_test("pytest.skip()"),
        "@pytest.mark.skip\n" + in_test(""),
        "@pytest.mark.skip()\n" + in_test(""),
        "@pytest.mark.skipif(x)\n" + in_test(""),
        "@pytest.mark.xfail\n" + in_test(""),
        "@pytest.mark.xfail(raises=ValueError)\n" + in_test(""),
        "pytestmark = pytest.mark.skipif(x)\n" + in_test(""),
    ],
)
def test_skips_without_reason(text: str) -> None:
    assert [rule for _, rule in rules(text)] == ["test-skip"]


@pytest.mark.parametrize(
    "text",
    [
        in_test("pytest.skip('no TeX')"),
        in_test("pytest.skip(reason='no TeX')"),
        "@pytest.mark.skip('no TeX')\n" + in_test(""),
        "@pytest.mark.skipif(x, reason='no TeX')\n" + in_test(""),
        "@pytest.mark.xfail(reason='known')\n" + in_test(""),
    ],
)
def test_skips_with_reason(text: str) -> None:
    assert rules(text) == []
