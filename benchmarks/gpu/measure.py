"""One net in one form: its own rate, and beside it that of `certify`, image by image."""

import copy
import dataclasses
import statistics
import warnings
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
import torch
from sklearn.frozen import FrozenEstimator
from skorch import NeuralNetClassifier

from sksmooth import SmoothedClassifier
from sksmooth.backends import Source
from sksmooth.backends.cuda import CudaSource
from sksmooth.estimators.smoother import noise_of
from sksmooth.noise.streams import Purpose, block_rows

from ..speed.contestants import Work
from ..speed.timing import Time, clock, fractions, rate
from .nets import Case

__all__ = ["FORMS", "measure"]

SIGMA = 0.25
_SHARE = 0.2  # of certify's draws: so many the others do

# names of the shortcuts that bring a net into a form
FORMS: dict[str, tuple[str, ...]] = {
    "float32": ("channels_last",),
    "float32, compiled": ("channels_last", "compile"),
    "bfloat16": ("channels_last", "bfloat16"),
    "bfloat16, compiled": ("channels_last", "bfloat16", "compile"),
    "bfloat16, folded, compiled": ("fold", "channels_last", "bfloat16", "compile"),
}


def measure(case: Case, form: str, *, device: str, n: int, n0: int, images: int) -> dict[str, Any]:
    """Return rates and times of a net in one form."""
    torch.manual_seed(0)
    names = FORMS[form]
    clf, X, module = _smoothed(case, names, device)
    own = _in_form(module, names)
    dtype = torch.bfloat16 if "bfloat16" in names else torch.float32
    draws = int(_SHARE * n)
    # compiling takes a minute for each size
    candidates = case.batch_sizes[-1:] if "compile" in names else case.batch_sizes
    limits = {size: _alone(own, case, size, draws, dtype, device) for size in candidates}
    for work in limits.values():
        work()  # compiles, and chooses algorithms
    rates = {size: rate([clock(work)], "wall") for size, work in limits.items()}
    size = max(rates, key=lambda size: rates[size])
    limit = limits[size]
    others = {"noise": _noise(clf, X[0], size, draws, device)}
    if "bfloat16" in names and "compile" not in names:
        cast = torch.autocast(device, dtype=torch.bfloat16)(
            _in_form(module, {*names} - {"bfloat16"})
        )
        others["autocast"] = _alone(cast, case, size, draws, torch.float32, device)
    for work in others.values():
        work()

    clf.set_params(batch_size=size, n0=n0)
    times: dict[str, list[Time]] = {"limit": [], "certify": [], **{name: [] for name in others}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that few draws certify little
        shortcut = clf.certify(X[:1], n=2 * size).shortcut  # warms up
        times["limit"].append(clock(limit))
        for image in range(images):
            times["certify"].append(clock(_certify(clf, X[image : image + 1], n, n0)))
            for name, work in others.items():
                times[name].append(clock(work))
            times["limit"].append(clock(limit))
    return {
        "form": form,
        "shortcut": shortcut,
        "batch_size": size,
        "rates_by_batch_size": rates,
        "rates": {name: rate(measured, "wall") for name, measured in times.items()},
        "fractions": {
            name: statistics.median(fractions(times, name, "wall")) for name in ("certify", *others)
        },
        "seconds": statistics.median(time.wall for time in times["certify"]),
        "draws": [time.draws for time in times["certify"]],
        "times": {name: [dataclasses.astuple(t) for t in ts] for name, ts in times.items()},
    }


def _smoothed(
    case: Case, names: tuple[str, ...], device: str
) -> tuple[SmoothedClassifier, Any, torch.nn.Module]:
    """Return a smoother around an untrained net, images, and the net's module."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (20, *case.shape)).astype(np.float32) / 255
    net = NeuralNetClassifier(
        case.module(),
        criterion=torch.nn.CrossEntropyLoss,
        classes=list(range(case.n_classes)),
        device=device,
        verbose=0,
    ).initialize()
    base = FrozenEstimator(net)
    clf = SmoothedClassifier(base, sigma=SIGMA, shortcuts=("auto", *names), random_state=0)
    return clf.fit(X, np.arange(len(X)) % case.n_classes), X, net.module_


def _in_form(module: torch.nn.Module, names: Collection[str]) -> Callable[[Any], Any]:
    """Return the net as one would run it oneself, with nothing around it."""
    module = copy.deepcopy(module).eval()
    if "fold" in names:
        from torch.fx.experimental.optimization import fuse

        module = fuse(module)
    module = module.to(memory_format=torch.channels_last)
    if "bfloat16" in names:
        module = module.to(torch.bfloat16)
    return torch.compile(module, dynamic=False) if "compile" in names else module


def _alone(
    net: Callable[[Any], Any], case: Case, size: int, draws: int, dtype: Any, device: str
) -> Work:
    """Return work of a net: to classify batches that lie prepared on the device."""
    rounds = max(1, draws // size)
    shape = (size, *case.shape)
    batches = [
        torch.randn(shape, device=device).to(dtype).contiguous(memory_format=torch.channels_last)
        for _ in range(2)
    ]

    def work() -> int:
        with torch.inference_mode():
            for i in range(rounds):
                net(batches[i % 2]).argmax(1)
        _wait(device)
        return rounds * size

    return work


def _noise(clf: SmoothedClassifier, row: Any, size: int, draws: int, device: str) -> Work:
    """Return work of the noise: to fill a batch, again and again."""
    rounds = max(1, draws // size)
    noise = noise_of(clf)
    if device == "cuda":
        source: Source = CudaSource(noise, "philox", torch.device(device))
    else:
        source = Source(noise, "philox")
    source.prepare(row)
    batch = source.empty(size, row[None])
    key = np.array([1, 2], dtype=np.uint64)
    blocks = -(-size // block_rows(row.size))

    def work() -> int:
        for i in range(rounds):
            source.fill(key, i * blocks, Purpose.ESTIMATE, batch)
        _wait(device)
        return rounds * size

    return work


def _certify(clf: SmoothedClassifier, X: Any, n: int, n0: int) -> Work:
    def work() -> int:
        return int(clf.certify(X, n=n).counts.sum()) + n0 * len(X)

    return work


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
