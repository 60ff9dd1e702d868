"""Votes of skorch nets, at the module's own speed.

Votes are those of ``net.predict``, which takes a batch apart into items and puts them together
again, at many times the cost of the module's forward pass. Where all of that is skorch's own code,
the module is asked directly; otherwise ``predict`` is.
"""

import contextlib
import importlib.metadata
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import skorch
import torch
from numpy.typing import NDArray

from ...introspection import split, unwrap
from ...noise import Noise
from ..base import Backend, Source
from ..frames import FrameMaker
from ..sklearn import SklearnBackend
from .modules import (
    is_compiled,
    refuse_if_it_reads_batches,
    set_evaluation_mode,
    takes_no_hooks,
    warn_of_other_sigma,
)
from .votes import VoteRule, asks_its_module, infers_plainly, is_binary, scores_in

__all__ = ["SkorchBackend", "is_binary", "shared_dtype"]

# Values in the widest output of any of a net's layers, over a batch. On a CPU it should stay in the
# outer caches: `python -m benchmarks.speed` finds a ResNet-20 on 3 x 32 x 32 fastest at 64 to 128
# rows, a small convolutional net on 28 x 28 pixels at 1,000. A GPU wants to be kept busy.
_BATCH_VALUES = {"cpu": 2**21, "accelerator": 2**28}
_BATCH_ROWS = {"cpu": (32, 2048), "accelerator": (16, 4096)}

# How many calls use a module just now, and the modes that its parts had before the first of them:
# a call that ends must not give a module its training mode back under a call of another thread.
_in_use: dict[torch.nn.Module, tuple[int, tuple[tuple[torch.nn.Module, bool], ...]]] = {}
_lock = threading.Lock()


class SkorchBackend(Backend):
    """A net asked through ``net.infer``, which keeps the user's overrides, such as autocast.

    Parameters
    ----------
    estimator : fitted net, or Pipeline that ends in one
        Steps before the net are applied by their ``transform``.
    n_classes : int
        Number of classes.
    frame : FrameMaker or None
        Applied to each batch before the first step of a Pipeline.
    """

    # A copy in another process needs a module that can be pickled, which those defined in a
    # notebook cannot; and torch and numpy let other threads run while they compute.
    prefer = "threads"
    framework = "skorch"
    wants_float32 = True
    trains_per_batch = True

    @classmethod
    def accepts(cls, model: Any) -> bool:
        """Whether it is a skorch net."""
        return isinstance(model, skorch.NeuralNet)

    @classmethod
    def of(cls, estimator: Any, answers: NDArray[Any], frame: FrameMaker | None = None) -> Backend:
        """Return the backend for a net, or a Pipeline or wrapper around one."""
        net = unwrap(estimator)[1]
        # a Pipeline, search or wrapper with a `predict` of its own is asked itself
        if split(estimator)[1] is net and asks_its_module(net):
            return cls(estimator, len(answers), frame)
        if not hasattr(estimator, "predict_proba"):  # a wrapper that only predicts
            return SklearnBackend(estimator, answers, frame)
        return _OpaqueNetBackend(estimator, answers, frame)

    @classmethod
    def versions(cls) -> dict[str, str]:
        """Return the versions of torch and skorch."""
        return {name: importlib.metadata.version(name) for name in ("torch", "skorch")}

    @classmethod
    def n_outputs(
        cls, estimator: Any, X: NDArray[np.floating], frame: FrameMaker | None = None
    ) -> int | None:
        """Return the number of classes that a fitted net tells apart; None if it is not known."""
        net = unwrap(estimator)[1]
        if is_binary(net):
            return 2
        known = getattr(net, "classes_", ())
        backend = cls(estimator, len(known), frame)
        with backend.running(), torch.no_grad():
            scores = backend.scores(X)
        return int(scores.shape[1]) if scores.ndim == 2 else None

    @classmethod
    def fit_per_batch(cls, estimator: Any, X: Any, y: NDArray[Any], **options: Any) -> Any:
        """Train a net in place under noise that is fresh in every batch."""
        from .fit import fit_net

        return fit_net(estimator, X, y, **options)

    @classmethod
    @contextlib.contextmanager
    def fitting(cls, estimator: Any, seed: bytes, *, reproducible: bool) -> Iterator[None]:
        """Seed torch while something around a net is fitted; warn if its loss has diverged."""
        from .fit import seeded, warn_of_loss

        with seeded(unwrap(estimator)[1], seed, enabled=reproducible):
            yield
        warn_of_loss(unwrap(estimator)[1])

    @classmethod
    def warn_before_fit(cls, estimator: Any) -> None:
        """Warn if weights will be thrown away."""
        from .fit import warn_of_lost_weights

        warn_of_lost_weights(estimator)

    def warn_of_noise(self, deviations: NDArray[np.float64]) -> None:
        """Warn if a part of the module says by ``made_for_sigma`` that it expects other noise."""
        if not self.steps:  # they may change the units
            warn_of_other_sigma(self.net.module_, deviations)

    def in_form(self, names: Sequence[str], probes: Any) -> Backend | None:
        """Return the net in another form, such as "fold" or "bfloat16"."""
        from .variants import in_variant

        return in_variant(self, names, probes)

    def __init__(self, estimator: Any, n_classes: int, frame: FrameMaker | None) -> None:
        self.steps, self.net = unwrap(estimator)
        self.n_classes = n_classes
        self.frame = frame if self.steps else None
        self.call: Callable[[torch.Tensor], Any] = self.net.infer
        self.rule = VoteRule(self.net)
        self.dtype = shared_dtype(self.net)
        self.device = torch.device(self.net.device or "cpu")
        self.in_parallel = self.device.type == "cpu"
        self.constant_shape = is_compiled(self.net.module_)
        self._widest_of: dict[tuple[int, ...], int] = {}
        self._taken: dict[torch.dtype, bool] = {}  # whether the module takes rows of a precision

    @property
    def infers_plainly(self) -> bool:
        """Whether asking the net is calling its module, and nothing else."""
        return not self.steps and infers_plainly(self.net)

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
        from ..cuda import CudaSource

        return CudaSource(noise, stream, self.device)

    def _widest(self, row: NDArray[np.floating]) -> int:
        """Return the values in the largest tensor that any layer gives for a row.

        The net's own module is asked: other forms of it work on tensors of the same sizes, and hide
        their layers.
        """
        sizes = [row.size]

        def note(module: torch.nn.Module, args: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor):
                sizes.append(output.numel())

        if takes_no_hooks(self.net.module_):
            return row.size
        handles = [part.register_forward_hook(note) for part in self.net.module_.modules()]
        try:
            # a module that cannot take a single row has its widest layer unknown. The row itself is
            # nobody's business: a base that knew it could answer by its distance from it
            with torch.no_grad(), contextlib.suppress(Exception), self.running():
                self._ask(self._prepared(np.zeros_like(row)[None]), self.net.infer)
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
                parts = [part for m in owned for part in m.modules()]
                # a frozen script has no mode
                modes = tuple((p, p.training) for p in parts if hasattr(p, "training"))
                for part in owned:
                    set_evaluation_mode(part)
            _in_use[module] = users + 1, modes
        try:
            for part in module.modules():
                refuse_if_it_reads_batches(part)
            yield
        finally:
            with _lock:
                users, modes = _in_use.pop(module)
                if users > 1:
                    _in_use[module] = users - 1, modes
                else:
                    for part, training in modes:
                        part.training = training

    def classify(self, batch: NDArray[np.floating] | torch.Tensor) -> torch.Tensor:
        """Return votes, on the net's device."""
        X = self._prepared(batch)
        if isinstance(X, torch.Tensor):
            with torch.no_grad():  # here, because it holds for the thread that enters it
                scores = self.first_output(X)
            chances = self.rule.probabilities(scores)
        else:  # a step's data frame or sparse matrix, which skorch takes apart in its own ways
            scores = chances = torch.as_tensor(self.net.predict_proba(X), device=self.device)
        if chances.ndim != 2 or len(chances) != len(batch) or chances.shape[1] < self.n_classes:
            raise ValueError(
                f"The net's module returned shape {tuple(scores.shape)} for {len(batch)} rows; "
                f"expected one column for each of {self.n_classes} classes. For two classes "
                "from a single output use skorch.NeuralNetBinaryClassifier."
            )
        finite = torch.isfinite(scores).reshape(len(batch), -1).all(dim=1)
        if not self.rule.takes_largest:  # a function of the user's own may make NaN of numbers
            finite &= torch.isfinite(chances).all(dim=1)
        answers = torch.where(finite, self.rule.votes(chances), self.n_classes)
        if chances.shape[1] > self.n_classes:
            self._refuse_strangers(answers[finite])
        return answers

    def _refuse_strangers(self, answers: torch.Tensor) -> None:
        """Refuse answers of outputs that no class of y stands for."""
        strangers = answers[answers >= self.n_classes]
        if len(strangers):
            raise ValueError(
                f"The net answered {len(strangers)} of {len(answers)} noisy rows with output "
                f"{int(strangers[0])}, but y had {self.n_classes} classes, whose outputs are 0 to "
                f"{self.n_classes - 1}. Give the module as many outputs as y has classes. If it is "
                "trained already and knows more classes, wrap the net in FrozenEstimator."
            )

    def scores(self, batch: NDArray[np.floating] | torch.Tensor) -> torch.Tensor:
        """Return the module's first output for a batch."""
        X = self._prepared(batch)
        return self.first_output(X if isinstance(X, torch.Tensor) else torch.as_tensor(X))

    def first_output(self, X: torch.Tensor) -> torch.Tensor:
        """Return the module's first output for rows that come out of the steps in front of it."""
        return self._ask(X, self.call)

    def _prepared(self, batch: NDArray[np.floating] | torch.Tensor) -> Any:
        """Return what the steps in front of the net make of a batch; arrays become tensors."""
        X: Any = batch if self.frame is None else self.frame(batch)
        for step in self.steps:
            X = step.transform(X)
        return torch.as_tensor(X) if isinstance(X, np.ndarray) else X

    def _ask(self, X: torch.Tensor, call: Callable[[torch.Tensor], Any]) -> torch.Tensor:
        """Return the first output for rows in their own precision, as ``predict`` hands them over.

        Only if the module cannot take that, so that ``predict`` would fail, they are rounded to the
        precision of its parameters: float64 rows, say, for a float32 module.
        """
        own = self.dtype in (None, X.dtype) or self._taken.get(X.dtype)
        if not own and X.dtype not in self._taken:
            with contextlib.suppress(Exception), torch.no_grad():
                call(X.detach().clone())  # a module may work in place
                own = self._taken[X.dtype] = True
        output = call(X if own else X.to(self.dtype))
        self._taken.setdefault(X.dtype, bool(own))
        return scores_in(output, self.n_classes)

    def counters(self, n_rows: int, n_bins: int) -> torch.Tensor:
        """Return counters at 0 on the device: counting there keeps it from waiting for us."""
        return torch.zeros((n_rows, n_bins), dtype=torch.int64, device=self.device)

    def count(self, counters: torch.Tensor, bins: torch.Tensor, rows: NDArray[np.int64]) -> None:
        """Add one in each of `bins`, in place; `rows` names the row of each, in rising order."""
        cells = rows * counters.shape[1]
        if rows[0] == rows[-1]:
            places = bins + int(cells[0])
        else:
            offsets = torch.from_numpy(cells)
            if self.device.type == "cuda":  # or the host waits until the device has come so far
                offsets = offsets.pin_memory()
            places = bins + offsets.to(self.device, non_blocking=True)
        # bincount would ask the device for the largest value, and wait for the answer
        counters.view(-1).index_add_(0, places, torch.ones_like(places))

    def to_numpy(self, counters: torch.Tensor) -> NDArray[np.int64]:
        """Return counters as a numpy array."""
        return counters.cpu().numpy()


class _OpaqueNetBackend(SklearnBackend):
    """A net with code of the user's own on the way from ``predict`` to the module.

    It is asked through its ``predict``. The argmax there would turn NaN into class 0, so the
    probabilities are looked at as well.
    """

    def __init__(self, estimator: Any, answers: NDArray[Any], frame: FrameMaker | None) -> None:
        # skorch answers with the number of an output, whatever its classes_
        super().__init__(estimator, np.arange(len(answers)), frame)
        net = unwrap(estimator)[1]
        self.dtype = shared_dtype(net)
        self._taken: dict[np.dtype[Any], bool] = {}
        classes = getattr(net, "classes_", self.answers)
        own = type(net).predict not in (
            skorch.NeuralNetClassifier.predict,
            skorch.NeuralNetBinaryClassifier.predict,
        )
        own = own or "predict" in vars(net) or split(estimator)[1] is not net
        if own and not np.array_equal(classes, self.answers):
            raise ValueError(
                f"predict of the {type(net).__name__}, or of what is around it, is not skorch's "
                f"own, and classes_ are {classes[:10]!r}: it "
                "cannot be told whether predict returns labels or numbers of outputs. Do not "
                "override predict, and give the labels to SmoothedClassifier.fit."
            )

    def classify(self, batch: NDArray[np.floating]) -> NDArray[np.int64]:
        """Return the class code of each row of `batch`."""
        rows, chances = self._asked(batch)
        finite = np.isfinite(np.asarray(chances)).reshape(len(batch), -1).all(axis=1)
        return np.where(finite, super().classify(rows), self.n_classes)

    def _asked(self, batch: NDArray[np.floating]) -> tuple[Any, Any]:
        """Return rows in the precision that the net takes, their own if possible, and the answer.

        The answer is that of ``predict_proba``.
        """

        def ask(rows: Any) -> Any:
            return self.estimator.predict_proba(rows if self.frame is None else self.frame(rows))

        if self._taken.get(batch.dtype) is not False:
            try:
                chances = ask(batch)
            except Exception:
                if self.dtype is None or batch.dtype in self._taken:
                    raise
            else:
                self._taken[batch.dtype] = True
                return batch, chances
        rows: Any = batch
        if self.dtype is not None:
            rounded = torch.from_numpy(batch).to(self.dtype)
            rows = rounded if self.dtype == torch.bfloat16 else rounded.numpy()
        chances = ask(rows)
        self._taken[batch.dtype] = False
        return rows, chances


def shared_dtype(net: Any) -> torch.dtype | None:
    """Return the one precision of all the module's floating-point parameters; None if it differs.

    Of a module without parameters its buffers decide; without any it is float32.
    """
    tensors = list(net.module_.parameters()) or list(net.module_.buffers())
    kinds = {tensor.dtype for tensor in tensors if tensor.dtype.is_floating_point}
    if not kinds:
        return torch.float32
    return kinds.pop() if len(kinds) == 1 else None
