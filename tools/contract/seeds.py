"""Randomness is seeded: a test fails each time or never, a figure comes out the same.

Tests and experiments may call ``torch.manual_seed`` first; the other snippets pass a
generator, so that a caller decides.
"""

from __future__ import annotations

import ast
from pathlib import Path

from tools.contract.modules import EXPERIMENT
from tools.contract.python_source import Function, name_of, parse, scoped
from tools.contract.text import words
from tools.contract.violation import Violation

TORCH = words("bernoulli multinomial normal poisson rand randint randn randperm")
IN_PLACE = words(
    "bernoulli_ cauchy_ exponential_ geometric_ log_normal_ normal_ random_ uniform_"
)
NUMPY_SEEDED = words(
    "BitGenerator Generator MT19937 PCG64 PCG64DXSM Philox RandomState SFC64"
    " SeedSequence default_rng"
)
NUMPY_TAKES_SEED = NUMPY_SEEDED - {"Generator", "BitGenerator"}
_DEPTH = 4  # of helpers that call helpers
# torch functions that draw from the global generator and take no other
GLOBAL_ONLY = frozenset(["rand_like", "randn_like", "randint_like", "gumbel_softmax"])


def check_seeds(root: Path) -> list[Violation]:
    """Return the unseeded randomness of snippets/ and tests/."""
    found = []
    for file in sorted((root / "snippets").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        text = file.read_text(encoding="utf-8")
        is_experiment = path.endswith(EXPERIMENT)
        found += unseeded(path, text, may_seed_globally=is_experiment)
    shared = frozenset().union(
        *(
            seeding_functions(parse(file.read_text(encoding="utf-8")))
            for file in (root / "tests").rglob("conftest.py")
        )
    )
    for file in sorted((root / "tests").rglob("*.py")):
        path = file.relative_to(root).as_posix()
        text = file.read_text(encoding="utf-8")
        found += unseeded(path, text, may_seed_globally=True, shared=shared)
    return found


def unseeded(
    path: str,
    text: str,
    *,
    may_seed_globally: bool = False,
    shared: frozenset[str] = frozenset(),
) -> list[Violation]:
    """Return the calls of a module that draw random numbers without a seed.

    ``shared`` names the fixtures of conftest.py that seed torch.
    """
    tree = parse(text)
    names = Names(tree)
    seeding = Seeding(tree, shared) if may_seed_globally else None
    found = []
    for node, scope in scoped(tree):
        problem = names.problem(node) if isinstance(node, ast.Call) else ""
        is_torch = problem.startswith("torch")
        if not problem or (is_torch and seeding and seeding.covers(node, scope)):
            continue
        cure = "pass generator=" if is_torch else "use a generator with a seed"
        if is_torch and may_seed_globally:
            cure += " or call torch.manual_seed(...) before it"
        message = f"{problem} draws unseeded numbers — {cure}"
        found.append(Violation(path, node.lineno, "random-unseeded", message))
    return found


class Names:
    """What the modules torch, numpy and random are called in a file."""

    def __init__(self, tree: ast.Module) -> None:
        self.known: dict[str, str] = {}
        for node, _ in scoped(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    bound = alias.asname or alias.name.split(".")[0]
                    self.known[bound] = alias.name if alias.asname else bound
            elif isinstance(node, ast.ImportFrom) and node.module:
                for alias in node.names:
                    full = f"{node.module}.{alias.name}"
                    self.known[alias.asname or alias.name] = full
        self.distributions = {
            target.id
            for node, _ in scoped(tree)
            if isinstance(node, ast.Assign) and self._is_distribution(node.value)
            for target in node.targets
            if isinstance(target, ast.Name)
        }

    def _is_distribution(self, node: ast.AST) -> bool:
        return isinstance(node, ast.Call) and self.full(node.func).startswith(
            "torch.distributions."
        )

    def _samples(self, function: ast.expr) -> bool:
        """Tell whether a torch distribution is sampled: it takes no generator."""
        return (
            isinstance(function, ast.Attribute)
            and function.attr in ("sample", "rsample")
            and (
                self._is_distribution(function.value)
                or getattr(function.value, "id", None) in self.distributions
            )
        )

    def full(self, function: ast.expr) -> str:
        """Return the dotted name of what is called, imports resolved."""
        if isinstance(function, ast.Attribute):
            owner = self.full(function.value)
            return f"{owner}.{function.attr}" if owner else ""
        if isinstance(function, ast.Name):
            return self.known.get(function.id, "")
        return ""

    def problem(self, call: ast.Call) -> str:
        """Return the name of an unseeded source of randomness, or nothing."""
        full = self.full(call.func)
        module, _, name = full.rpartition(".")
        given = {keyword.arg: keyword.value for keyword in call.keywords}
        no_generator = _is_none(given.get("generator"))
        if module == "torch" and name in TORCH and no_generator:
            return full
        if module.startswith("torch") and name in GLOBAL_ONLY and no_generator:
            return full
        if module == "torch.nn.init":
            return ""  # initial weights are as random as those of nn.Linear itself
        attribute = getattr(call.func, "attr", "")
        if (attribute in IN_PLACE and no_generator) or self._samples(call.func):
            return f"torch's .{attribute}"
        if attribute == "rvs" and _is_none(given.get("random_state")):
            return "scipy's .rvs"
        if module == "numpy.random":
            return full if _unseeded_numpy(name, call) else ""
        if module == "random":
            seeded = name in ("Random", "seed") and bool(call.args)
            return "" if seeded else full
        return ""


def _unseeded_numpy(name: str, call: ast.Call) -> bool:
    if name not in NUMPY_SEEDED:
        return True
    seeds = [*call.args, *(k.value for k in call.keywords)]
    return name in NUMPY_TAKES_SEED and (not seeds or _is_none(seeds[0]))


def _is_none(value: ast.expr | None) -> bool:
    return value is None or (isinstance(value, ast.Constant) and value.value is None)


class Seeding:
    """Which functions of a test module run after ``torch.manual_seed``."""

    def __init__(self, tree: ast.Module, shared: frozenset[str]) -> None:
        self.seeding = seeding_functions(tree) | shared
        self.uses: dict[str, list[tuple[ast.expr, Function | None]]] = {}
        for node, scope in scoped(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                self.uses.setdefault(node.id, []).append((node, scope))

    def covers(self, node: ast.expr, scope: Function | None, depth: int = 0) -> bool:
        """Tell whether a seed was set when ``node`` is reached.

        In a test: before it, or in a fixture; in a helper: before each of its uses.
        """
        if scope is None or depth > _DEPTH:
            return False
        if "*" in self.seeding or {a.arg for a in scope.args.args} & self.seeding:
            return True
        if any(self._seeds_before(n, node, scope) for n in ast.walk(scope)):
            return True
        uses = [use for use in self.uses.get(scope.name, ()) if use[1] is not scope]
        return bool(uses) and all(self.covers(*use, depth + 1) for use in uses)

    def _seeds_before(self, call: ast.AST, node: ast.expr, scope: Function) -> bool:
        seeds = _seeds(call) or (
            isinstance(call, ast.Call) and name_of(call.func) in self.seeding
        )
        in_decorator = node.lineno < scope.lineno  # it is used when the body runs
        return seeds and (call.lineno < node.lineno or in_decorator)


def _seeds(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Call)
        and name_of(node.func) == "manual_seed"
        and bool(node.args or node.keywords)
        # torch.Generator().manual_seed(0) seeds that generator alone
        and not (
            isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Call)
        )
    )


def seeding_functions(tree: ast.Module) -> frozenset[str]:
    """Return the fixtures and helpers that seed torch; "*" if one is automatic."""
    found = set()
    for scope in {scope for node, scope in scoped(tree) if scope and _seeds(node)}:
        automatic = any("autouse=True" in ast.unparse(d) for d in scope.decorator_list)
        found.add("*" if automatic else scope.name)
    return frozenset(found)
