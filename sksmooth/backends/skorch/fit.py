"""Training skorch nets under noise that is fresh in every batch."""

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import skorch
import torch
from numpy.typing import NDArray
from skorch.callbacks import Callback
from torch.utils.data import Dataset

from ...checks import user_level
from ...exceptions import TrainingWarning
from ...introspection import trained_inside
from ...noise import Draws
from ...rows import Rows
from .backend import is_binary, shared_dtype

__all__ = [
    "NetRows",
    "TrainingNoise",
    "fit_net",
    "noise_in_use",
    "seeded",
    "training_noise",
    "warn_of_loss",
    "warn_of_lost_weights",
]


def fit_net(
    net: Any,
    X: NDArray[np.floating] | Rows,
    codes: NDArray[np.int64],
    *,
    noise: Any,
    seed: bytes,
    reproducible: bool,
    fit_params: dict[str, Any],
) -> Any:
    """Train a net, in place, under noise that is fresh in every batch.

    The noise is added before the module's first layer, on its device, in training and in skorch's
    validation, so that early stopping looks at what will be certified. A net with an objective is
    handed the source instead in its training steps. Afterwards the net carries no trace of it.

    Parameters
    ----------
    net : skorch net
        Not yet fitted.
    X : ndarray or Rows of shape (n_samples, *shape)
        Rows; `Rows` are read one by one, whenever a batch is made.
    codes : ndarray of shape (n_samples,), int64
        Class codes; of a regressor, the numbers to be predicted.
    noise : Noise
        Makes noisy copies: ``corrupt(rng, rows)``.
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
    generator = torch.Generator(device).manual_seed(_as_int(seed))
    with seeded(net, seed, enabled=reproducible):
        net.initialize()
        with training_noise(net, noise, generator):
            target = codes.astype(np.float32) if is_binary(net) else codes
            if isinstance(net, skorch.NeuralNetRegressor):
                target = codes.astype(np.float32).reshape(-1, 1)
            data: Any = None
            if isinstance(X, Rows):  # the target as well: skorch splits by it
                data = NetRows(X, target, shared_dtype(net))
            else:  # torch refuses read-only arrays
                data = torch.from_numpy(np.require(X, requirements="W")).to(shared_dtype(net))
            net.partial_fit(data, target, **fit_params)
    warn_of_loss(net)
    return net


def warn_of_loss(net: Any) -> None:
    """Warn if the last training loss of a net is NaN or infinite."""
    epoch = net.history[-1] if net.history else {}
    loss = epoch.get("train_loss", 0.0)
    if not math.isfinite(loss):
        warnings.warn(
            f"The training loss of {type(net).__name__} was {loss} in its last epoch: its weights "
            "have diverged, and there is nothing to certify. Try a smaller learning rate, or "
            "scale the rows in the module's first layer.",
            TrainingWarning,
            stacklevel=user_level(),
        )


def warn_of_lost_weights(estimator: Any) -> None:
    """Warn if ``fit`` is about to throw a net's weights away, as it fits a clone.

    Parameters
    ----------
    estimator : classifier
        As the user passed it: a net, or a Pipeline, a search or the like around one.
    """
    nets = (part for part in trained_inside(estimator) if isinstance(part, skorch.NeuralNet))
    net: Any = next(nets, None)
    if net is None:
        return
    name = type(net).__name__
    # a clone copies a module that was passed as an instance, with its weights
    kept = isinstance(net.module, torch.nn.Module) and not net.get_params_for("module")
    if getattr(net, "initialized_", False) and not kept:
        what = f"{name} is initialised already, but fit trains a clone of it with new weights"
    elif net.warm_start:
        what = f"{name} has warm_start=True, but each fit trains a clone of it from the beginning"
    else:
        return
    warnings.warn(
        f"{what}. To certify the net as it is, wrap it: FrozenEstimator(net), or "
        "sksmooth.nets.frozen_net(module). To train on from its weights, pass the module itself: "
        f"{name}(net.module_, ...).",
        TrainingWarning,
        stacklevel=user_level(),
    )


@contextlib.contextmanager
def training_noise(net: Any, noise: Any, generator: torch.Generator | None) -> Iterator[None]:
    """Keep a source of noise on an initialised net, and take every trace of it away afterwards.

    Parameters
    ----------
    net : skorch net
        Initialised.
    noise : Noise
        Makes noisy copies: ``corrupt(rng, rows)``.
    generator : torch.Generator or None
        Where the noise is drawn from; None for torch's own generator.
    """
    noisy = TrainingNoise(noise, generator)
    net.callbacks_.append(("sksmooth_training_noise", noisy))
    try:
        yield
    finally:
        net.callbacks_ = [entry for entry in net.callbacks_ if entry[1] is not noisy]
        noisy.remove()
        # a module that a callback copied in training and put back at its end
        for part in net.module_.modules():
            for hooks in (part._forward_pre_hooks, part._forward_hooks):
                for key, hook in list(hooks.items()):
                    if isinstance(getattr(hook, "__self__", None), TrainingNoise):
                        del hooks[key]


def noise_in_use(net: Any) -> "TrainingNoise | None":
    """Return the source of noise that a net trains with just now; None if it has none."""
    for _, callback in getattr(net, "callbacks_", []):
        if isinstance(callback, TrainingNoise) and callback.noise is not None:
            return callback
    return None


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


class TrainingNoise(Callback):
    """Keeps a hook with noise on the net's module, also when the module is replaced in training.

    A second hook turns scores in bfloat16 into float32 in validation: skorch scores a net on numpy
    arrays, and numpy has no bfloat16.
    """

    def __init__(self, noise: Any = None, generator: torch.Generator | None = None) -> None:
        self.noise = noise
        self.rng = TorchDraws(generator)
        self.module: Any = None
        self.handles: list[Any] = []
        self.paused = False
        self.n_taken = 0

    def on_batch_begin(self, net: Any, **kwargs: Any) -> None:
        """Put the hook on the module, unless it is there."""
        if self.module is not net.module_:
            self.remove()
            self.module = net.module_
            self.handles = [
                self.module.register_forward_pre_hook(self._add_noise),
                self.module.register_forward_hook(self._widen),
            ]

    def __reduce__(self) -> Any:
        # copies of the net or its module that callbacks make or save must not add noise
        return TrainingNoise, ()

    def draw(self, like: torch.Tensor) -> torch.Tensor:
        """Return fresh noise of a tensor's shape and dtype, on its device."""
        self.rng.like = like
        return self.noise.draw(self.rng, like.shape)

    def sigma(self, like: torch.Tensor) -> float | torch.Tensor:
        """Return the noise's deviation; a tensor of a row's shape if features have their own."""
        deviations = self.noise.deviations(tuple(like.shape[1:]))
        if self.noise.norm.scale is None:  # all alike
            return float(deviations.flat[0])
        return torch.from_numpy(deviations).to(like)

    @contextlib.contextmanager
    def by_hand(self) -> Iterator[None]:
        """Leave it to an objective to draw the noise and to add it."""
        self.paused = True
        self.n_taken += 1
        try:
            yield
        finally:
            self.paused = False

    def _add_noise(self, module: Any, args: tuple[torch.Tensor, ...]) -> Any:
        if self.noise is None or self.paused:
            return None
        X, *rest = args
        self.rng.like = X
        return (self.noise.corrupt(self.rng, X), *rest)

    def _widen(self, module: Any, args: Any, output: Any) -> Any:
        if self.noise is None or self.paused or module.training:
            return None
        if isinstance(output, tuple):
            return tuple(map(_without_bfloat16, output))
        return _without_bfloat16(output)

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self.handles:
            handle.remove()
        self.module, self.handles = None, []


def _without_bfloat16(output: Any) -> Any:
    return output.float() if getattr(output, "dtype", None) == torch.bfloat16 else output


class TorchDraws(Draws):
    """`sksmooth.noise.Draws` by a torch generator."""

    def __init__(self, generator: torch.Generator | None) -> None:
        self.generator = generator
        self.like = torch.empty(0)

    def standard_normal(self, size: tuple[int, ...]) -> torch.Tensor:
        """Return standard normals of the dtype and on the device of `like`."""
        return torch.randn(size, generator=self.generator, **self._kind)

    def random(self, size: tuple[int, ...]) -> torch.Tensor:
        """Return uniform numbers in [0, 1) of the dtype and on the device of `like`."""
        return torch.rand(size, generator=self.generator, **self._kind)

    def normal(self, loc: float, scale: NDArray[np.float64], size: tuple[int, ...]) -> torch.Tensor:
        """Return normals of the dtype and on the device of `like`."""
        draws = self.standard_normal(size)
        return draws.mul_(torch.from_numpy(scale).to(draws)).add_(loc)

    def integers(self, low: int, high: int, size: tuple[int, ...]) -> torch.Tensor:
        """Return whole numbers from low to high - 1, on the device of `like`."""
        device = self.like.device
        return torch.randint(low, high, size, generator=self.generator, device=device)

    @property
    def _kind(self) -> dict[str, Any]:
        return {"dtype": self.like.dtype, "device": self.like.device}


class NetRows(Dataset):
    """Rows and targets, read one by one; a map-style data set of torch.

    Parameters
    ----------
    rows : Rows
        Read anew whenever they are asked for, so that random transforms of a data set act anew too.
    targets : ndarray of shape (n_samples,)
        What the net's criterion takes.
    dtype : torch.dtype or None
        Precision of the net; None leaves rows in theirs.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sksmooth.backends.skorch.fit import NetRows
    >>> from sksmooth.rows import Rows
    >>> rows = Rows(np.array([[1, 2], [3, 4]], dtype=np.uint8))
    >>> data = NetRows(rows, np.array([1, 0]), torch.float32)
    >>> row, target = data[1]
    >>> row, int(target)
    (tensor([3., 4.]), 0)
    """

    def __init__(self, rows: Rows, targets: NDArray[Any], dtype: torch.dtype | None) -> None:
        self.rows, self.targets, self.dtype = rows, targets, dtype

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: int) -> tuple[torch.Tensor, Any]:
        row = self.rows.row(i)
        if row.dtype.kind == "f" and not np.all(np.isfinite(row)):
            raise ValueError(f"Row {i} of X has values that are NaN or infinite.")
        # a copy, because torch refuses memory maps, which may not be written to
        return torch.from_numpy(row.copy()).to(self.dtype), self.targets[i]
