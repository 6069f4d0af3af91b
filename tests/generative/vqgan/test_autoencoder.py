"""The autoencoder of the digits: shapes, locality, and that it learns."""

from collections.abc import Iterator

import pytest
import torch
import torch.nn.functional as F

from snippets.generative.data import grey_digits
from snippets.generative.vqgan.autoencoder import DigitAutoencoder
from snippets.generative.vqgan.quantizer import EMAVectorQuantizer, VectorQuantizer


@pytest.fixture
def model() -> DigitAutoencoder:
    torch.manual_seed(0)
    return DigitAutoencoder(VectorQuantizer(16, 4), width=8)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small convolutions are slower on many threads than on one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def images(n: int) -> torch.Tensor:
    return grey_digits().train[:n].view(n, 1, 8, 8)


def test_shapes_and_decoding(model: DigitAutoencoder) -> None:
    x = images(5)
    reconstruction, loss, codes = model(x)
    assert reconstruction.shape == x.shape
    assert codes.shape == (5, 4, 4)
    assert loss.dim() == 0
    torch.testing.assert_close(
        model.decode(codes), reconstruction.detach(), rtol=0, atol=1e-6
    )


def test_a_code_sees_its_surroundings_and_no_more(model: DigitAutoencoder) -> None:
    """Code (1, 1) sees pixels 0..5 on each axis: its own two, and two on each side."""
    x = images(1).clone().requires_grad_()
    z = model.encoder(x)
    (grad,) = torch.autograd.grad(z[0, :, 1, 1].sum(), x)
    rows = (grad[0, 0].abs().sum(1) > 0).nonzero().flatten().tolist()
    assert set(rows) <= set(range(6))
    assert len(rows) > 2


def test_every_part_gets_its_gradient(model: DigitAutoencoder) -> None:
    """Decoder: reconstruction only. Codebook: its term only. Encoder: both."""
    x = images(20)
    reconstruction, loss, _ = model(x)
    rec = F.mse_loss(reconstruction, x)

    def reached(target: torch.Tensor) -> set[str]:
        grads = torch.autograd.grad(
            target, list(model.parameters()), retain_graph=True, allow_unused=True
        )
        names = [name for name, _ in model.named_parameters()]
        pairs = zip(names, grads, strict=True)
        return {name.split(".")[0] for name, g in pairs if g is not None}

    assert reached(rec) == {"encoder", "decoder"}
    assert reached(loss) == {"encoder", "quantizer"}


@pytest.mark.usefixtures("one_thread")
def test_it_learns_in_a_few_steps() -> None:
    torch.manual_seed(0)
    model = DigitAutoencoder(EMAVectorQuantizer(32, 4), width=16)
    x = images(64)
    model.quantizer.init_from_data(model.encoder(x), torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    errors = []
    for _ in range(40):
        reconstruction, loss, _ = model(x)
        error = F.mse_loss(reconstruction, x) / x.var()
        optimizer.zero_grad()
        (error + loss).backward()
        optimizer.step()
        errors.append(error.item())
    assert errors[-1] < 0.65 < errors[0]
