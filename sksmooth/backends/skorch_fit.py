"""Training skorch nets under noise that is fresh in every batch."""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback

from .skorch import float_dtype, is_binary

__all__ = ["fit_net", "seeded"]


def fit_net(
    net: Any,
    X: NDArray[np.floating],
    codes: NDArray[np.int64],
    *,
    noise: Any,
    seed: bytes,
    reproducible: bool,
    fit_params: dict[str, Any],
) -> Any:
    """Train a net, in place, under noise that is fresh in every batch.

    The noise is added before the module's first layer, on its device, in training and in skorch's
    validation, so that early stopping looks at what will be certified. Afterwards the net carries
    no trace of it.

    Parameters
    ----------
    net : skorch net
        Not yet fitted.
    X : ndarray of shape (n_samples, *shape)
        Rows.
    codes : ndarray of shape (n_samples,), int64
        Class codes.
    noise : Noise
        Gives ``draw(rng, shape)``.
    seed : bytes
        Seed of the noise, and of torch's own generators if `reproducible`.
    reproducible : bool
        Whether to seed the initial weights, shuffling and dropout too.
    fit_params : dict
        Passed to the net.
    """
    if is_binary(net) and codes.max() > 1:
        raise ValueError(
            f"{type(net).__name__} tells two classes apart, but y has {codes.max() + 1}. Use "
            "skorch.NeuralNetClassifier with one output per class."
        )
    device = torch.device(net.device or "cpu")
    with seeded(net, seed, enabled=reproducible):
        net.initialize()
        noisy = _TrainingNoise(noise, torch.Generator(device).manual_seed(_as_int(seed)))
        net.callbacks_.append(("sksmooth_training_noise", noisy))
        try:
            target = codes.astype(np.float32) if is_binary(net) else codes
            # torch refuses read-only arrays, such as memory maps
            rows = torch.from_numpy(np.require(X, requirements="W"))
            net.partial_fit(rows.to(float_dtype(net)), target, **fit_params)
        finally:
            net.callbacks_ = [entry for entry in net.callbacks_ if entry[1] is not noisy]
            noisy.remove()
            # a module that a callback copied in training and put back at its end
            for part in net.module_.modules():
                for key, hook in list(part._forward_pre_hooks.items()):
                    if isinstance(getattr(hook, "__self__", None), _TrainingNoise):
                        del part._forward_pre_hooks[key]
    return net


@contextlib.contextmanager
def seeded(net: Any, seed: bytes, *, enabled: bool) -> Iterator[None]:
    """Seed torch's own generators, which draw weights, order and dropout, and put them back."""
    device = torch.device(net.device or "cpu")
    cuda = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cuda, enabled=enabled):
        if enabled:
            torch.manual_seed(_as_int(seed))
        yield


def _as_int(seed: bytes) -> int:
    return int.from_bytes(seed[:7], "little")  # manual_seed takes less than 64 bits


class _TrainingNoise(Callback):
    """Keeps a hook with noise on the net's module, also when the module is replaced in training."""

    def __init__(self, noise: Any = None, generator: torch.Generator | None = None) -> None:
        self.noise = noise
        self.rng = _TorchDraws(generator)
        self.module: Any = None
        self.handle: Any = None

    def on_batch_begin(self, net: Any, **kwargs: Any) -> None:
        if self.module is not net.module_:
            self.remove()
            self.module = net.module_
            self.handle = self.module.register_forward_pre_hook(self._add_noise)

    def __reduce__(self) -> Any:
        # copies of the net or its module that callbacks make or save must not add noise
        return _TrainingNoise, ()

    def _add_noise(self, module: Any, args: tuple[torch.Tensor, ...]) -> Any:
        if self.noise is None:
            return None
        X, *rest = args
        self.rng.like = X
        return (X + self.noise.draw(self.rng, X.shape), *rest)

    def remove(self) -> None:
        """Take the hook away."""
        if self.handle is not None:
            self.handle.remove()
            self.module = self.handle = None


class _TorchDraws:
    """numpy's names for a torch generator's draws, so that a noise family is written once."""

    def __init__(self, generator: torch.Generator | None) -> None:
        self.generator = generator
        self.like = torch.empty(0)

    def standard_normal(self, shape: tuple[int, ...]) -> torch.Tensor:
        """Return standard normals of the dtype and on the device of `like`."""
        kind = {"dtype": self.like.dtype, "device": self.like.device}
        return torch.randn(shape, generator=self.generator, **kind)

    def normal(
        self, loc: float, scale: NDArray[np.float64], shape: tuple[int, ...]
    ) -> torch.Tensor:
        """Return normals of the dtype and on the device of `like`."""
        draws = self.standard_normal(shape)
        return draws.mul_(torch.from_numpy(scale).to(draws)).add_(loc)
