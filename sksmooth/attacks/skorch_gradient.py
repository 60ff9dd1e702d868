"""The gradient of a smoothed net's loss, from draws of noise that are fresh at every step."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from ..backends.skorch import SkorchBackend, is_binary
from ..noise import Noise
from ..noise.streams import Purpose, block_rows

__all__ = ["NoisyGradient", "batch_rows"]

_GRADIENT_COSTS = 8  # as many rows less a batch: backpropagation keeps every layer's output


class NoisyGradient:
    """The mean over noise of a net's loss, and its gradient.

    What comes out is the logarithm of that mean. It rises in the same direction, and does not
    vanish where the net is so sure that the loss itself is too small for a number.

    Parameters
    ----------
    backend : SkorchBackend
        The base classifier.
    noise : Noise
        Distribution of the draws.
    n_draws : int
        Draws a step.
    loss : str
        "probability" or "cross-entropy".
    batch_size : int
        Noisy rows, at most, per call of the net.
    """

    def __init__(
        self, backend: SkorchBackend, noise: Noise, n_draws: int, loss: str, batch_size: int
    ) -> None:
        self.backend, self.n_draws, self.batch_size = backend, n_draws, batch_size
        self.source = backend.source(noise, "philox")
        self.log_loss = _LOSSES[loss]
        self.excess = _excess_of(backend.net)
        wide = backend.device.type != "mps"  # which has no float64
        self.dtype = torch.float64 if wide else torch.float32

    def __call__(
        self,
        X: NDArray[np.floating],
        codes: NDArray[np.int64],
        keys: NDArray[np.uint64],
        step: int,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the logarithm of the mean loss, row by row, and its gradient.

        Parameters
        ----------
        X : ndarray of shape (n_rows, *shape)
            Rows, as far as they have been moved.
        codes : ndarray of shape (n_rows,)
            Their classes, in which a large loss is a wrong answer.
        keys : ndarray of shape (n_rows, 2)
            Name the draws, together with `step`.
        step : int
            Each has draws of its own.

        Returns
        -------
        value : ndarray of shape (n_rows,)
            Logarithms of the mean losses.
        gradient : ndarray of shape (n_rows, *shape)
            Their gradients.
        """
        target = torch.from_numpy(codes).to(self.backend.device)
        value = torch.full((len(X),), -torch.inf, dtype=self.dtype)
        gradient = torch.zeros(X.shape, dtype=self.dtype)
        for draws in self._draws(X, keys, step):
            for part in draws.split(self.batch_size, dim=1):
                also, rise = self._of(part, target)
                # the logarithm of the sum of losses so far, and its gradient: a weighted mean
                total = torch.logaddexp(value, also)
                gradient = _times(gradient, (value - total).exp())
                gradient += _times(rise, (also - total).exp())
                value = total
        self._refuse_unless_finite(gradient, "The gradient of the net's scores was")
        return value.numpy().astype(np.float64) - np.log(self.n_draws), gradient.double().numpy()

    def _draws(self, X: NDArray[np.floating], keys: NDArray[np.uint64], step: int) -> Any:
        """Yield noisy copies of the rows, of shape (n_rows, some draws, *shape)."""
        block = block_rows(X[0].size)
        # whole blocks, so that the draws do not depend on how many of them are made at a time
        at_once = max(1, self.batch_size // block) * block
        blocks = -(-self.n_draws // block)
        for first in range(0, self.n_draws, at_once):
            n = min(at_once, self.n_draws - first)
            noisy = self.source.empty(len(X) * n, X)
            for i, key in enumerate(keys):
                self.source.prepare(X[i])
                number = step * blocks + first // block
                self.source.fill(key, number, Purpose.TRAIN, noisy[i * n : (i + 1) * n])
            yield torch.as_tensor(noisy).reshape(len(X), n, *X.shape[1:])

    def _of(self, noisy: torch.Tensor, target: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the logarithm of the sum of losses over some draws, and its gradient."""
        n, draws = noisy.shape[:2]
        # a copy, because a net's first layer may work in place, which a leaf does not allow
        leaf = noisy.reshape(n * draws, *noisy.shape[2:]).requires_grad_()
        with torch.enable_grad():
            scores = self.backend.scores(leaf.clone())
            if not scores.requires_grad:
                raise ValueError(
                    "The net's scores have no gradient: its module, or an infer of your own, works "
                    "without them (torch.no_grad, detach, numpy)."
                )
            if not is_binary(self.backend.net):
                scores = scores[:, : self.backend.n_classes]
            self._refuse_unless_finite(scores, "The net's scores were")
            excess = self.excess(scores.to(self.dtype), target.repeat_interleave(draws))
            value = self.log_loss(excess.reshape(n, draws)).logsumexp(dim=1)
            (gradient,) = torch.autograd.grad(value.sum(), leaf)
        total = gradient.to(self.dtype).reshape(noisy.shape).sum(dim=1)
        return value.detach().cpu(), total.cpu()

    @staticmethod
    def _refuse_unless_finite(values: torch.Tensor, what: str) -> None:
        if not torch.isfinite(values).all():
            raise ValueError(
                f"{what} NaN or infinite on noisy copies of a row. An attack that goes on from "
                "there would fail, and look like robustness. Check the model on noisy input."
            )


def batch_rows(backend: SkorchBackend, row: NDArray[np.floating]) -> int:
    """Return how many noisy rows are a batch that suits net and device."""
    return max(1, backend.batch_rows(row) // _GRADIENT_COSTS)


def _times(rows: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
    return rows * factor.reshape(-1, *[1] * (rows.ndim - 1))


# Of the excess s, the logarithm of the odds of a wrong answer, come the two losses: cross-entropy
# is log(1 + exp(s)), the probability of a wrong answer 1 / (1 + exp(-s)). Both are exp(s) for small
# s, which is why their logarithms are found without them.


def _log_cross_entropy(excess: torch.Tensor) -> torch.Tensor:
    small = excess < -30.0
    large = functional.softplus(torch.where(small, 0.0, excess)).log()
    return torch.where(small, excess, large)


_LOSSES: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "probability": functional.logsigmoid,
    "cross-entropy": _log_cross_entropy,
}


def _excess_of(net: Any) -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """Return how scores and class codes become the logarithm of the odds of a wrong answer."""
    if is_binary(net):
        edge = torch.logit(torch.tensor(float(net.threshold)), eps=1e-6).item()

        def of_one(scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
            above = scores.reshape(-1) - edge
            return torch.where(codes == 1, -above, above)

        return of_one
    criterion = getattr(net.criterion_, "_orig_mod", net.criterion_)
    # skorch takes the logarithm of what a module returns for this criterion, and of no other's
    probabilities = isinstance(criterion, torch.nn.NLLLoss)

    def of_many(scores: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        if probabilities:
            scores = scores.clamp(min=torch.finfo(torch.float32).tiny).log()
        column = codes[:, None]
        others = scores.scatter(1, column, -torch.inf).logsumexp(dim=1)
        return others - scores.gather(1, column)[:, 0]

    return of_many
