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
from torch.nn.modules.batchnorm import _BatchNorm

from ..noise import Noise
from .base import Backend, Source, unwrap
from .sklearn import FrameMaker, SklearnBackend

__all__ = ["SkorchBackend", "float_dtype", "is_binary", "n_outputs", "net_backend"]

# Values in the widest output of any of a net's layers, over a batch. On a CPU it should stay in the
# outer caches: `python -m benchmarks.speed` finds a ResNet-20 on 3 x 32 x 32 fastest at 64 to 128
# rows, a small convolutional net on 28 x 28 pixels at 1,000. A GPU wants to be kept busy.
_BATCH_VALUES = {"cpu": 2**21, "accelerator": 2**28}
_BATCH_ROWS = {"cpu": (32, 2048), "accelerator": (16, 4096)}

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
        self.call: Callable[[torch.Tensor], Any] = self.net.infer
        self.dtype = float_dtype(self.net)
        self.device = torch.device(self.net.device or "cpu")
        self.in_parallel = self.device.type == "cpu"
        self.constant_shape = _is_compiled(self.net.module_)
        self._widest_of: dict[tuple[int, ...], int] = {}

    @property
    def infers_plainly(self) -> bool:
        """Whether asking the net is calling its module, and nothing else."""
        return not self.steps and _is_skorchs(self.net, "infer")

    def batch_rows(self, row: NDArray[np.floating]) -> int:
        """Batch length that suits net and device: a function of sizes, not of the time of day.

        A length found by timing would be another one tomorrow, and could change votes where a
        net's arithmetic depends on the length.
        """
        kind = "cpu" if self.device.type == "cpu" else "accelerator"
        if row.shape not in self._widest_of:
            self._widest_of[row.shape] = self._widest(row)
        values = self._widest_of[row.shape]
        return int(np.clip(_BATCH_VALUES[kind] // values, *_BATCH_ROWS[kind]))

    def source(self, noise: Noise, stream: str) -> Source:
        """Return where noisy rows come from: the device, if the net takes them as they are."""
        if self.device.type != "cuda" or self.steps:  # a Pipeline's steps want numpy
            return super().source(noise, stream)
        from .cuda import CudaSource

        return CudaSource(noise, stream, self.device)

    def _widest(self, row: NDArray[np.floating]) -> int:
        """Return the values in the largest tensor that any layer gives for a row."""
        sizes = [row.size]

        def note(module: torch.nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor):
                sizes.append(output.numel())

        if _is_compiled(self.net.module_):  # hooks would have it compiled again
            return row.size
        handles = [part.register_forward_hook(note) for part in self.net.module_.modules()]
        try:
            # a module that cannot take a single row has its widest layer unknown. The row itself is
            # nobody's business: a base that knew it could answer by its distance from it
            with torch.inference_mode(), contextlib.suppress(Exception):
                self.scores(np.zeros_like(row)[None])
        finally:
            for handle in handles:
                handle.remove()
        return max(sizes)

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
            for part in module.modules():
                _refuse_if_it_reads_batches(part)
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
    def classify(self, batch: NDArray[np.floating] | torch.Tensor) -> torch.Tensor:
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

    def scores(self, batch: NDArray[np.floating] | torch.Tensor) -> torch.Tensor:
        """Return the module's first output for a batch."""
        X: Any = batch if self.frame is None else self.frame(batch)
        for step in self.steps:
            X = step.transform(X)
        # rows may be float64: noise is added at the row's precision, and the sum is rounded here
        X = X if isinstance(X, torch.Tensor) else torch.as_tensor(np.asarray(X))
        output = self.call(X.to(self.dtype))
        return output[0] if isinstance(output, tuple) else output

    def zeros(self, n_rows: int) -> torch.Tensor:
        """Return an empty tally on the device: counting there keeps it from waiting for us."""
        return torch.zeros((n_rows, self.n_classes + 1), dtype=torch.int64, device=self.device)

    def add_votes(self, tally: torch.Tensor, votes: torch.Tensor, rows: NDArray[np.int64]) -> None:
        """Count `votes` into `tally`, in place; `rows` names the row of each, in rising order."""
        cells = rows * (self.n_classes + 1)
        if rows[0] == rows[-1]:
            places = votes + int(cells[0])
        else:
            offsets = torch.from_numpy(cells)
            if self.device.type == "cuda":  # or the host waits until the device has come so far
                offsets = offsets.pin_memory()
            places = votes + offsets.to(self.device, non_blocking=True)
        # bincount would ask the device for the largest value, and wait for the answer
        tally.view(-1).index_add_(0, places, torch.ones_like(places))

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


def _refuse_if_it_reads_batches(part: torch.nn.Module) -> None:
    """Refuse a module whose answer for a row depends on its batch, though in evaluation mode."""
    if part.training or (isinstance(part, _BatchNorm) and part.running_mean is None):
        raise ValueError(
            f"{type(part).__name__} uses the statistics of the batch even in evaluation mode "
            f"({'it stays in training mode' if part.training else 'track_running_stats=False'}). "
            "Then its answers are not a function of one row, and no certificate would be true."
        )


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
