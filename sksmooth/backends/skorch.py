"""Votes of skorch nets, at the module's own speed.

Votes never go through ``net.predict``, which takes a batch apart into items and puts them together
again, at many times the cost of the module's forward pass.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import skorch
import torch
from numpy.typing import NDArray

from .base import Backend, unwrap
from .sklearn import FrameMaker, SklearnBackend

__all__ = ["SkorchBackend", "float_dtype", "is_binary", "n_outputs", "net_backend"]

# Measured on a CPU with `python -m benchmarks.speed`: turning from noise to net and back costs a
# small convolutional net 10 % at 400 rows of 28 x 28 pixels and little at 1,000; a ResNet-20 on
# 3 x 32 x 32 takes any length. A GPU wants to be kept busy.
_BATCH_VALUES = {"cpu": 2**20, "accelerator": 2**23}
_BATCH_ROWS = {"cpu": (32, 1024), "accelerator": (64, 4096)}

# How many calls use a module just now, and the modes that its parts had before the first of them:
# a call that ends must not give a module its training mode back under a call of another thread.
_in_use: dict[torch.nn.Module, tuple[int, tuple[tuple[torch.nn.Module, bool], ...]]] = {}
_lock = threading.Lock()


def net_backend(estimator: Any, answers: NDArray[Any], frame: FrameMaker | None) -> Backend:
    """Return the backend for a net, or a Pipeline that ends in one."""
    scores_to_votes = _vote_rule(unwrap(estimator)[1])
    if scores_to_votes is None:
        return _OpaqueNetBackend(estimator, answers, frame)
    return SkorchBackend(estimator, len(answers), frame, scores_to_votes)


class SkorchBackend(Backend):
    """A net asked through ``net.infer``, which keeps the user's overrides, such as autocast.

    Parameters
    ----------
    estimator : fitted net, or Pipeline that ends in one
        Steps before the net are applied by their ``transform``.
    n_classes : int
        Number of classes. Outputs beyond them, of classes that are missing in the training part of
        a split, are left out.
    frame : FrameMaker or None
        Applied to each batch before the first step of a Pipeline.
    scores_to_votes : callable
        Turns the module's output into class codes.
    """

    # A copy in another process needs a module that can be pickled, which those defined in a
    # notebook cannot; and torch and numpy let other threads run while they compute.
    prefer = "threads"

    def __init__(
        self,
        estimator: Any,
        n_classes: int,
        frame: FrameMaker | None,
        scores_to_votes: Callable[[torch.Tensor], torch.Tensor],
    ) -> None:
        self.steps, self.net = unwrap(estimator)
        self.n_classes = n_classes
        self.frame = frame if self.steps else None
        self.scores_to_votes = scores_to_votes
        self.dtype = float_dtype(self.net)
        self.device = torch.device(self.net.device or "cpu")
        self.in_parallel = self.device.type == "cpu"
        # plain code on a CPU takes any shape, and filling up the last batch would cost time
        self.constant_shape = self.device.type != "cpu" or _is_compiled(self.net.module_)

    def batch_rows(self, row_values: int) -> int:
        """Batch length that suits the device, for rows of `row_values` values."""
        kind = "cpu" if self.device.type == "cpu" else "accelerator"
        return int(np.clip(_BATCH_VALUES[kind] // row_values, *_BATCH_ROWS[kind]))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Set evaluation mode; afterwards the modules' own modes come back."""
        module = self.net.module_
        # a net may have several modules, and its criteria are modules too
        owned = [value for value in vars(self.net).values() if isinstance(value, torch.nn.Module)]
        with _lock:
            users, modes = _in_use.get(module, (0, ()))
            if users == 0:
                modes = tuple((part, part.training) for m in owned for part in m.modules())
                for part in owned:
                    part.eval()
            _in_use[module] = users + 1, modes
        try:
            yield
        finally:
            with _lock:
                users, modes = _in_use.pop(module)
                if users > 1:
                    _in_use[module] = users - 1, modes
                else:
                    for part, training in modes:
                        part.training = training

    @torch.inference_mode()  # here, because it holds for the thread that enters it
    def classify(self, batch: NDArray[np.floating]) -> torch.Tensor:
        """Return votes, on the net's device."""
        scores = self.scores(batch)
        if is_binary(self.net):
            finite = torch.isfinite(scores)
        else:
            if scores.ndim != 2 or len(scores) != len(batch) or scores.shape[1] < self.n_classes:
                raise ValueError(
                    f"The net's module returned shape {tuple(scores.shape)} for {len(batch)} rows; "
                    f"expected one column for each of {self.n_classes} classes. For two classes "
                    "from a single output use skorch.NeuralNetBinaryClassifier."
                )
            finite = torch.isfinite(scores).all(dim=1)
            scores = scores[:, : self.n_classes]
        return torch.where(finite, self.scores_to_votes(scores), self.n_classes)

    def scores(self, batch: NDArray[np.floating]) -> torch.Tensor:
        """Return the module's first output for a batch."""
        X: Any = batch if self.frame is None else self.frame(batch)
        for step in self.steps:
            X = step.transform(X)
        # rows may be float64: noise is added at the row's precision, and the sum is rounded here
        output = self.net.infer(torch.as_tensor(np.asarray(X)).to(self.dtype))
        return output[0] if isinstance(output, tuple) else output

    def zeros(self, n_rows: int) -> torch.Tensor:
        """Return an empty tally on the device: counting there keeps it from waiting for us."""
        return torch.zeros((n_rows, self.n_classes + 1), dtype=torch.int64, device=self.device)

    def add_votes(self, tally: torch.Tensor, votes: torch.Tensor, rows: NDArray[np.int64]) -> None:
        """Count `votes` into `tally`, in place; `rows` names the row of each, in rising order."""
        first, last = int(rows[0]), int(rows[-1])
        width = self.n_classes + 1
        cells = torch.from_numpy((rows - first) * width).to(self.device) + votes
        flat = torch.bincount(cells, minlength=(last - first + 1) * width)
        tally[first : last + 1] += flat.reshape(-1, width)

    def to_numpy(self, tally: torch.Tensor) -> NDArray[np.int64]:
        """Return the tally as a numpy array."""
        return tally.cpu().numpy()


class _OpaqueNetBackend(SklearnBackend):
    """A net whose class overrides skorch's prediction, asked through its own ``predict``.

    Its argmax would turn NaN into class 0, so the scores are looked at as well.
    """

    def __init__(self, estimator: Any, answers: NDArray[Any], frame: FrameMaker | None) -> None:
        # skorch answers with the number of an output, whatever its classes_
        super().__init__(estimator, np.arange(len(answers)), frame)
        net = unwrap(estimator)[1]
        self.dtype = np.dtype(str(float_dtype(net)).removeprefix("torch."))
        classes = getattr(net, "classes_", self.answers)
        if not _is_skorchs(net, "predict") and not np.array_equal(classes, self.answers):
            raise ValueError(
                f"{type(net).__name__} overrides predict and has classes_ = {classes[:10]!r}: it "
                "cannot be told whether predict returns labels or numbers of outputs. Do not "
                "override predict, and give the labels to SmoothedClassifier.fit."
            )

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        batch = batch.astype(self.dtype, copy=False)
        X = batch if self.frame is None else self.frame(batch)
        finite = np.isfinite(self.estimator.predict_proba(X)).all(axis=1)
        return np.where(finite, super().classify(batch), self.n_classes)


def _vote_rule(net: Any) -> Callable[[torch.Tensor], torch.Tensor] | None:
    """Return how skorch turns the module's output into a class; None if the user changed that."""
    way = ("predict", "predict_proba", "forward", "forward_iter", "evaluation_step")
    data = ("get_dataset", "get_iterator")
    if not all(_is_skorchs(net, method) for method in way + data):
        return None
    if (
        net.predict_nonlinearity not in ("auto", None)
        or net.dataset is not skorch.dataset.Dataset
        or net.iterator_valid is not torch.utils.data.DataLoader
        or "collate_fn" in net.get_params_for("iterator_valid")
    ):
        return None
    criterion = getattr(net.criterion_, "_orig_mod", net.criterion_)
    logits = isinstance(criterion, torch.nn.BCEWithLogitsLoss)
    if is_binary(net):
        if logits and net.predict_nonlinearity == "auto":
            return _Threshold(net.threshold)
        return None
    if logits or isinstance(criterion, torch.nn.BCELoss):
        return None
    return _argmax  # skorch applies softmax or nothing first, and neither changes the largest


def _is_skorchs(net: Any, method: str) -> bool:
    return getattr(type(net), method).__module__.startswith("skorch.")


def _argmax(scores: torch.Tensor) -> torch.Tensor:
    return scores.argmax(dim=1)


class _Threshold:
    """A class, because a closure could not be sent to other processes."""

    def __init__(self, threshold: float) -> None:
        self.threshold = threshold

    def __call__(self, logits: torch.Tensor) -> torch.Tensor:
        return (torch.sigmoid(logits) > self.threshold).to(torch.int64)


def n_outputs(
    estimator: Any, X: NDArray[np.floating], frame: FrameMaker | None = None
) -> int | None:
    """Return the number of classes that a fitted net tells apart; None if it is not known."""
    net = unwrap(estimator)[1]
    if is_binary(net):
        return 2
    backend = SkorchBackend(estimator, 0, frame, _argmax)
    with backend.running(), torch.inference_mode():
        scores = backend.scores(X)
    return int(scores.shape[1]) if scores.ndim == 2 else None


def is_binary(net: Any) -> bool:
    """Whether the net answers with one score for two classes."""
    return isinstance(net, skorch.NeuralNetBinaryClassifier)


def _is_compiled(module: torch.nn.Module) -> bool:
    return any(
        hasattr(part, "_orig_mod") or getattr(part, "_compiled_call_impl", None) is not None
        for part in module.modules()
    )


def float_dtype(net: Any) -> torch.dtype:
    """Return the precision of the net's parameters."""
    kinds = (p.dtype for p in net.module_.parameters() if p.dtype.is_floating_point)
    return next(kinds, torch.float32)
