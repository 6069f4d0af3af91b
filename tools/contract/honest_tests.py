"""A test that cannot fail is a defect: what the tests' sources show without running."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from tools.contract.python_source import (
    FUNCTIONS,
    Function,
    functions,
    name_of,
    parse,
    scoped,
)
from tools.contract.text import words
from tools.contract.violation import Violation

# Calls that return a verdict: as a statement of their own they are thrown away.
VERDICTS = words(
    "all any allclose array_equal array_equiv equal isclose isfinite isin isnan"
    " issubset issuperset is_file exists startswith endswith gradcheck"
)
# Calls that require two things to be equal.
EQUALITIES = words(
    "allclose array_equal array_equiv equal isclose assert_allclose"
    " assert_array_almost_equal assert_array_equal assert_close assert_equal"
)
# Calls that fail a test by themselves, besides all that is called assert…
RAISING = words(
    "raises warns fail expect fnmatch_lines no_fnmatch_line re_match_lines"
    " run_state_machine_as_test"
)


def check_honesty(root: Path) -> list[Violation]:
    """Return tests that assert nothing, and comparisons that nobody looks at."""
    found = []
    shared = _helpers(root, [*(root / "tests").rglob("conftest.py")])
    for file in sorted((root / "tests").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        found += dishonest(path, file.read_text(encoding="utf-8"), shared)
    return found


def dishonest(
    path: str, text: str, shared: frozenset[str] = frozenset()
) -> list[Violation]:
    """Return what is wrong with one test module.

    ``shared`` names the fixtures and helpers of conftest.py that assert.
    """
    tree = parse(text)
    found = [
        Violation(path, line, rule, message)
        for node, _ in scoped(tree)
        for line, rule, message in _problems(node)
    ]
    if Path(path).name.startswith("test_"):
        found += idle_tests(path, tree, shared)
    return found


def _problems(node: ast.AST) -> Iterator[tuple[int, str, str]]:
    if isinstance(node, ast.Expr) and _is_verdict(node.value):
        text = ast.unparse(node.value)
        yield node.lineno, "test-discarded", f"`{text}` is thrown away — assert it"
    elif isinstance(node, ast.Assert) and (problem := _always_true(node.test)):
        yield node.lineno, "test-constant", f"{problem} — assert what may be false"
    elif side := _compared_with_itself(node):
        message = f"`{ast.unparse(side)}` is compared with itself — compare it with an"
        message += " independent value; of two runs, name the first and the second"
        yield node.lineno, "test-itself", message
    elif isinstance(node, ast.Try) and _hides_assert(node):
        message = "`except: pass` swallows the failing assert — let it fail"
        yield node.lineno, "test-swallowed", message
    elif isinstance(node, ast.With) and _suppresses(node):
        message = "`suppress` swallows the failing assert — let it fail"
        yield node.lineno, "test-swallowed", message
    elif isinstance(node, ast.Call) and _skips_without_reason(node):
        message = f"`{ast.unparse(node.func)}` without a reason — say what is missing"
        yield node.lineno, "test-skip", message
    elif isinstance(node, FUNCTIONS):
        for decorator in node.decorator_list:
            if ast.unparse(decorator) in ("pytest.mark.skip", "pytest.mark.xfail"):
                message = f"@{ast.unparse(decorator)} without a reason — say why"
                yield node.lineno, "test-skip", message


def _is_verdict(value: ast.expr) -> bool:
    """Tell whether an expression statement computes a truth value in vain."""
    if isinstance(value, ast.Await):
        value = value.value
    if isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not):
        return True
    if isinstance(value, ast.BoolOp):
        return any(map(_is_verdict, value.values))
    return isinstance(value, ast.Compare) or (
        isinstance(value, ast.Call) and name_of(value.func) in VERDICTS
    )


def _always_true(test: ast.expr) -> str:
    if isinstance(test, ast.Tuple | ast.List | ast.Set) and test.elts:
        return f"a non-empty {type(test).__name__.lower()} is always true"
    if isinstance(test, ast.Attribute) and test.attr in VERDICTS:
        return f"`{ast.unparse(test)}` is a method, not its answer: call it"
    if isinstance(test, ast.Constant) and test.value:
        return f"`assert {ast.unparse(test)}` always holds"
    if isinstance(test, ast.JoinedStr | ast.Lambda | ast.GeneratorExp):
        return f"`{ast.unparse(test)}` is always true"
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return next(filter(None, map(_always_true, test.values)), "")
    return ""


def _compared_with_itself(node: ast.AST) -> ast.expr | None:
    """Return what an assertion compares with the very same expression.

    Only what is written out is seen: a variable that holds ``f(x)`` is not ``f(x)``.
    """
    if isinstance(node, ast.Assert):
        conditions = [node.test]
        if isinstance(node.test, ast.BoolOp) and isinstance(node.test.op, ast.And):
            conditions = node.test.values
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        conditions = [node.value]
    else:
        conditions = []
    for pair in (pair for condition in conditions for pair in _compared(condition)):
        if len({ast.dump(_bare(side)) for side in pair}) == 1:
            return pair[0]
    return None


def _compared(condition: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield the pairs of expressions that a condition requires to be equal."""
    if isinstance(condition, ast.Compare):
        sides = [condition.left, *condition.comparators]
        for operator, *pair in zip(condition.ops, sides, sides[1:], strict=False):
            if isinstance(operator, ast.Eq | ast.Is):
                yield pair[0], pair[1]
    elif isinstance(condition, ast.Call) and name_of(condition.func) in EQUALITIES:
        given = {keyword.arg: keyword.value for keyword in condition.keywords}
        first, second = given.get("actual"), given.get("expected", given.get("desired"))
        sides = [*condition.args, *filter(None, (first, second))]
        if len(sides) > 1:
            yield sides[0], sides[1]
        elif sides and isinstance(condition.func, ast.Attribute):
            yield condition.func.value, sides[0]  # x.equal(y)


def _bare(side: ast.expr) -> ast.expr:
    """Return an expression without the tolerance around it."""
    is_call = isinstance(side, ast.Call) and name_of(side.func) == "approx"
    return side.args[0] if is_call and side.args else side


def _hides_assert(node: ast.Try) -> bool:
    return _has_assert(node.body) and any(
        _catches_assertions(handler) and not _acts(handler.body)
        for handler in node.handlers
    )


def _catches_assertions(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    names = {name_of(n) for n in ast.walk(handler.type) if isinstance(n, ast.expr)}
    return bool(names & {"AssertionError", "Exception", "BaseException"})


def _acts(body: list[ast.stmt]) -> bool:
    """Tell whether a handler raises, fails or asserts."""
    return any(
        isinstance(node, ast.Raise | ast.Assert)
        or (isinstance(node, ast.Call) and name_of(node.func) == "fail")
        for statement in body
        for node in ast.walk(statement)
    )


def _suppresses(node: ast.With) -> bool:
    return _has_assert(node.body) and any(
        isinstance(item.context_expr, ast.Call)
        and name_of(item.context_expr.func) == "suppress"
        and any(
            name_of(a) in ("AssertionError", "Exception", "BaseException")
            for a in item.context_expr.args
        )
        for item in node.items
    )


def _has_assert(body: list[ast.stmt]) -> bool:
    return any(
        isinstance(n, ast.Assert) for statement in body for n in ast.walk(statement)
    )


def _skips_without_reason(call: ast.Call) -> bool:
    if name_of(call.func) not in ("skip", "skipif", "xfail"):
        return False
    name = ast.unparse(call.func)
    reasons = {keyword.arg for keyword in call.keywords} & {"reason", "msg"}
    if name in ("pytest.mark.skipif", "pytest.mark.xfail"):
        return not reasons
    return name in ("pytest.skip", "pytest.mark.skip", "pytest.xfail") and not (
        reasons or call.args
    )


def idle_tests(
    path: str, tree: ast.Module, shared: frozenset[str] = frozenset()
) -> list[Violation]:
    """Return the test functions in which nothing can fail on purpose.

    Helpers count: functions of the module that assert, directly or by a call of
    another that does, and the fixtures and helpers that ``shared`` names.
    """
    found = []
    helpers = asserting_helpers(tree) | shared
    for test in functions(tree):
        if not test.name.startswith("test") or asserts(test, helpers):
            continue
        fixtures = {a.arg for a in (*test.args.args, *test.args.kwonlyargs)}
        if not fixtures & helpers:
            message = f"{test.name} asserts nothing — compare with an independent value"
            found.append(Violation(path, test.lineno, "test-idle", message))
    return found


def asserting_helpers(tree: ast.AST) -> frozenset[str]:
    """Return the names of a module's functions that assert, tests excepted."""
    helpers = [f for f in functions(tree) if not f.name.startswith("test")]
    direct = frozenset(f.name for f in helpers if asserts(f))
    return direct | {f.name for f in helpers if asserts(f, direct)}


def asserts(function: Function, helpers: frozenset[str] = frozenset()) -> bool:
    """Tell whether a function asserts, or calls what does."""
    for statement in function.body:
        for node in ast.walk(statement):
            if isinstance(node, ast.Assert):
                return True
            if isinstance(node, ast.Call):
                name = name_of(node.func)
                if name in RAISING or name.startswith("assert"):
                    return True
                if name in helpers:
                    return True
    return False


def _helpers(root: Path, files: list[Path]) -> frozenset[str]:
    names = (
        asserting_helpers(parse(file.read_text(encoding="utf-8"))) for file in files
    )
    return frozenset().union(*names)
