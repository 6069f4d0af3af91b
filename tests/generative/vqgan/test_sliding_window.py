"""The sliding window against a list of origins, plain sampling and known rules."""

import pytest
import torch
from torch import Tensor

from snippets.generative.vqgan.code_transformer import CodeTransformer, sample_codes
from snippets.generative.vqgan.sliding_window import (
    sliding_window_sample,
    window_origin,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


# --- wrong versions that the chapter names --------------------------------------------


def wrong_origin_without_border(i: int, size: int, window: int) -> int:
    return i - window // 2  # right: between 0 and size - window


# --- where the window is --------------------------------------------------------------


@pytest.mark.checks("eq-vqgan-window-origin")
@pytest.mark.parametrize(("size", "window"), [(12, 4), (7, 3), (5, 5), (6, 1), (9, 8)])
def test_window_is_the_most_central_one_that_fits(size: int, window: int) -> None:
    """Of all windows on the axis that hold the cell, the one nearest to its wish."""
    for i in range(size):
        fitting = [o for o in range(size - window + 1) if o <= i < o + window]
        wish = i - window // 2
        best = min(fitting, key=lambda o: abs(o - wish))
        assert window_origin(i, size, window) == best


@pytest.mark.checks("eq-vqgan-window-origin")
def test_origins_of_the_text() -> None:
    """The twelve origins by hand; without the border they leave the grid."""
    origins = [window_origin(i, 12, 4) for i in range(12)]
    assert origins == [0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 8]
    wrong = [wrong_origin_without_border(i, 12, 4) for i in (0, 1, 11)]
    assert wrong == [-2, -1, 9]  # two windows begin, and one ends, outside


@pytest.mark.checks("eq-vqgan-window-origin")
def test_origins_and_places_that_the_sampler_reports() -> None:
    """Origin plus local place is the cell, for all 30 calls in raster order."""
    seen = []

    def record(patch: Tensor, local: int, origin: tuple[int, int]) -> Tensor:
        seen.append((origin, local, tuple(patch.shape)))
        return torch.zeros(len(patch), 2)

    sliding_window_sample(record, 3, 5, 6, 3, seeded())
    assert len(seen) == 30
    for (origin, local, shape), cell in zip(seen, range(30), strict=True):
        i, j = divmod(cell, 6)
        assert origin == (window_origin(i, 5, 3), window_origin(j, 6, 3))
        assert divmod(local, 3) == (i - origin[0], j - origin[1])
        assert shape == (3, 9)


# --- what it samples ------------------------------------------------------------------


def test_a_window_as_large_as_the_grid_is_plain_sampling() -> None:
    """Bit by bit the same codes as `sample_codes` with the same generator."""
    torch.manual_seed(0)
    model = CodeTransformer(5, 2, 16, width=8, heads=2)
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.5 * torch.randn(p.shape, generator=seeded(1)))
    cond = torch.ones(20, 1, dtype=torch.long)
    plain = sample_codes(model, cond, generator=seeded(2))
    grids = sliding_window_sample(
        lambda patch, local, origin: model(cond, patch[:, :local])[:, -1],
        20, 4, 4, 4, seeded(2),
    )  # fmt: skip
    assert torch.equal(grids.flatten(1), plain)
    assert plain.unique().numel() == 5


def test_a_local_rule_is_continued_on_a_larger_grid() -> None:
    """Left neighbour plus one; in the first column the cell above plus one."""

    def rule(patch: Tensor, local: int, origin: tuple[int, int]) -> Tensor:
        logits = torch.full((len(patch), 3), -1e9)
        if local == 0:
            return torch.zeros(len(patch), 3)
        before = patch[:, local - 1] if local % 3 else patch[:, local - 3]
        logits[range(len(patch)), (before + 1) % 3] = 0.0
        return logits

    grids = sliding_window_sample(rule, 30, 7, 9, 3, seeded())
    cells = torch.arange(7).unsqueeze(1) + torch.arange(9)
    assert torch.equal(grids, (grids[:, :1, :1] + cells) % 3)
    assert grids[:, 0, 0].unique().tolist() == [0, 1, 2]


def test_known_cells_are_known_and_the_others_are_not() -> None:
    """Codes 1 and 2 mark what has been drawn; 0 is what has not."""

    def mark(patch: Tensor, local: int, origin: tuple[int, int]) -> Tensor:
        assert bool((patch[:, :local] > 0).all())
        assert bool((patch[:, local:] == 0).all())
        return torch.tensor([-1e9, 0.0, 0.0]).expand(len(patch), 3)

    grids = sliding_window_sample(mark, 4, 6, 5, 3, seeded())
    assert bool((grids > 0).all())


def test_generator_decides() -> None:
    def uniform(patch: Tensor, local: int, origin: tuple[int, int]) -> Tensor:
        return torch.zeros(len(patch), 4)

    state = torch.get_rng_state()
    a, b, c = (
        sliding_window_sample(uniform, 2, 4, 4, 2, seeded(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    assert torch.equal(torch.get_rng_state(), state)


def test_bad_input() -> None:
    for window in (0, 6):
        with pytest.raises(
            ValueError, match=rf"window must be in 1\.\.5, got {window}"
        ):
            window_origin(0, 5, window)
    for cell in (-1, 5):
        with pytest.raises(ValueError, match=rf"cell must be in 0\.\.4, got {cell}"):
            window_origin(cell, 5, 3)

    def never(patch: Tensor, local: int, origin: tuple[int, int]) -> Tensor:
        raise AssertionError("the input is refused before anything is drawn")

    for grid in ((3, 9), (9, 3)):
        with pytest.raises(ValueError, match="a window of 4 does not fit a grid of"):
            sliding_window_sample(never, 1, *grid, 4)
    with pytest.raises(ValueError, match="n must be at least 1, got 0"):
        sliding_window_sample(never, 0, 4, 4, 4)
