"""Seeds: a test fails each time or never."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.contract.seeds import check_seeds, unseeded
from tools.contract.violation import report

ROOT = Path(__file__).resolve().parents[2]
IMPORTS = """\
import random
import numpy as np
import torch
import torch.nn.functional as F
from numpy.random import default_rng
from scipy import stats
from torch import nn, randn
from torch.distributions import Normal
"""


def lines(body: str, *, test: bool, header: str = "def test_a():") -> list[int]:
    text = IMPORTS + f"{header}\n" + "".join(f"    {x}\n" for x in body.splitlines())
    first = IMPORTS.count("\n") + 1
    found = unseeded("a.py", text, may_seed_globally=test)
    assert {v.rule for v in found} <= {"random-unseeded"}
    return [v.line - first for v in found]


def test_the_book() -> None:
    violations = check_seeds(ROOT)
    assert not violations, report(violations)


TORCH = [
    "torch.rand(3)",
    "torch.randn(3)",
    "torch.randint(0, 2, (3,))",
    "torch.randperm(3)",
    "torch.normal(0.0, 1.0, (3,))",
    "torch.bernoulli(p)",
    "torch.multinomial(p, 2)",
    "torch.poisson(p)",
    "torch.rand(3, generator=None)",
    "randn(3)",
    "torch.randn_like(x)",
    "F.gumbel_softmax(x)",
    "torch.empty(3).exponential_()",
    "x.normal_(0, 1)",
    "x.uniform_()",
    "x.bernoulli_(0.5)",
    "Normal(0, 1).sample((3,))",
    "torch.distributions.Categorical(p).rsample()",
    "q = Normal(m, s); q.rsample()",
]
OTHERS = [
    "np.random.rand(3)",
    "np.random.seed(0)",
    "np.random.shuffle(x)",
    "np.random.default_rng()",
    "np.random.default_rng(None)",
    "default_rng()",
    "random.random()",
    "random.shuffle(x)",
    "random.choice(x)",
    "random.Random()",
    "stats.norm.rvs(3)",
    "stats.norm(0, 1).rvs(size=3)",
]
SEEDED = [
    "torch.rand(3, generator=g)",
    "x.exponential_(generator=g)",
    "np.random.default_rng(0)",
    "default_rng(seed=0)",
    "np.random.Generator(np.random.PCG64(0))",
    "random.Random(0).shuffle(x)",
    "rng.normal(3)",
    "stats.norm.rvs(3, random_state=0)",
    "torch.zeros(3)",
    "x.sample(3)",
    "nn.init.normal_(w)",
    "torch.manual_seed(0)",
    "sample(3)",
]


@pytest.mark.parametrize("call", TORCH + OTHERS)
def test_unseeded(call: str) -> None:
    assert lines(call, test=True) == [1]
    assert lines(call, test=False) == [1]


@pytest.mark.parametrize("call", SEEDED)
def test_seeded(call: str) -> None:
    assert lines(call, test=True) == []
    assert lines(call, test=False) == []


@pytest.mark.parametrize("call", TORCH)
def test_global_seed_serves_torch_in_tests_alone(call: str) -> None:
    assert lines(f"torch.manual_seed(0)\n{call}", test=True) == []
    assert lines(f"torch.manual_seed(0)\n{call}", test=False) == [2]
    assert lines(f"{call}\ntorch.manual_seed(0)", test=True) == [1]
    assert lines(f"g = torch.Generator().manual_seed(0)\n{call}", test=True) == [2]


@pytest.mark.parametrize("call", OTHERS)
def test_global_seed_serves_nothing_else(call: str) -> None:
    assert lines(f"torch.manual_seed(0)\n{call}", test=True) == [2]


FIXTURE = "import pytest\n@pytest.fixture{0}\ndef {1}():\n    torch.manual_seed(0)\n"


def count(text: str, **options) -> int:
    return len(unseeded("a.py", IMPORTS + text, may_seed_globally=True, **options))


def test_fixtures() -> None:
    draw = "def test_a({}):\n    torch.rand(3)\n"
    assert count(FIXTURE.format("", "seed") + draw.format("seed")) == 0
    assert count(FIXTURE.format("", "seed") + draw.format("other")) == 1
    assert count(FIXTURE.format("(autouse=True)", "seed") + draw.format("")) == 0
    assert count(draw.format("seed"), shared=frozenset(["seed"])) == 0


def test_helpers() -> None:
    """A helper is seeded when each of its uses is."""
    helper = "def wrong(x):\n    return torch.rand(3)\n"
    seeded = "def test_a():\n    torch.manual_seed(0)\n    wrong(1)\n"
    assert count(helper) == 1
    assert count(helper + seeded) == 0
    assert count(helper + seeded + "def test_b():\n    wrong(1)\n") == 1
    between = "def middle():\n    return wrong(2)\n"
    assert count(helper + between + seeded.replace("wrong", "middle")) == 0
    listed = '@pytest.mark.parametrize("f", [wrong])\ndef test_a(f):\n    '
    assert count(f"{helper}{listed}torch.manual_seed(0)\n    f(1)\n") == 0
    assert count(f"{helper}{listed}f(1)\n") == 1
    assert count("def wrong():\n    wrong()\n    torch.rand(3)\n") == 1


def test_module_level_draws() -> None:
    assert count("torch.manual_seed(0)\nX = torch.rand(3)\n") == 1
    assert (
        count("G = torch.Generator().manual_seed(0)\nX = torch.rand(3, generator=G)\n")
        == 0
    )


def test_local_names_are_not_modules() -> None:
    assert unseeded("a.py", "def f(random):\n    return random.random()\n") == []


def test_folders(book) -> None:
    draw = (
        "import torch\n\ndef f():\n    torch.manual_seed(0)\n    return torch.rand(3)\n"
    )
    root = book(
        {
            "snippets/gen/vae.py": draw,
            "snippets/gen/vae_experiment.py": draw,
            "tests/gen/test_vae.py": draw,
            "tests/conftest.py": "import torch, pytest\n@pytest.fixture\ndef seed():\n"
            "    torch.manual_seed(0)\n",
            "tests/gen/test_b.py": "import torch\ndef test(seed):\n    torch.rand(3)\n",
        }
    )
    (violation,) = check_seeds(root)
    assert str(violation) == (
        "snippets/gen/vae.py:5: [random-unseeded] torch.rand draws unseeded numbers"
        " — pass generator="
    )
