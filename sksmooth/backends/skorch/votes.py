"""From what a module returns to votes, by the comparisons of the net's own ``predict``."""

import types
from collections.abc import Mapping
from typing import Any

import numpy as np
import skorch
import torch

__all__ = ["VoteRule", "asks_its_module", "infers_plainly", "is_binary", "scores_in"]

_NETS = (skorch.NeuralNet, skorch.NeuralNetClassifier, skorch.NeuralNetBinaryClassifier)

# What `predict` calls on its way to the module. `infer` and the nonlinearity are on the way too,
# but we call them as `predict` does, so that a class may have its own.
_WAY = (
    *("predict", "predict_proba", "forward_iter", "evaluation_step", "check_is_fitted"),
    *("get_dataset", "get_iterator", "get_params_for", "_get_params_for", "_set_training"),
    *("_merge_x_and_fit_params", "__getattribute__"),
)
_OF_DATASETS = ("__init__", "__len__", "__getitem__", "transform")

# of the iterator's parameters, those that do not change which rows a batch has, or in which order
_HARMLESS = {"batch_size", "num_workers", "pin_memory", "timeout", "worker_init_fn"}
_HARMLESS |= {"multiprocessing_context", "prefetch_factor", "persistent_workers"}


_CHOOSE = (
    "Say which are the scores: sksmooth.nets.frozen_net(module, output=...) takes a key, an "
    "attribute, a position or a function; or put a module around it that returns the scores alone."
)


def is_binary(net: Any) -> bool:
    """Whether the net answers with one score for two classes."""
    return isinstance(net, skorch.NeuralNetBinaryClassifier)


def asks_its_module(net: Any) -> bool:
    """Whether ``net.predict`` hands rows to ``net.infer`` as they are, and votes by `VoteRule`.

    Everything on the way must be skorch's own code: on the class, on all that it inherits from,
    and on the net itself. The data that the net makes of rows must be the rows.
    """
    return (
        not any(name in vars(net) for name in (*_WAY, "infer", "_get_predict_nonlinearity"))
        and all(_is_skorchs(type(net), name) for name in _WAY)
        and net.dataset is skorch.dataset.Dataset
        and all(_is_written_there(vars(net.dataset)[name]) for name in _OF_DATASETS)
        and not net.get_params_for("dataset")
        and net.iterator_valid is torch.utils.data.DataLoader
        and net.get_params_for("iterator_valid").keys() <= _HARMLESS
        and (not is_binary(net) or isinstance(net.threshold, int | float | np.float32))
    )


def infers_plainly(net: Any) -> bool:
    """Whether ``net.infer`` calls the module and does nothing else."""
    return "infer" not in vars(net) and _is_skorchs(type(net), "infer")


def scores_in(output: Any, n_classes: int) -> torch.Tensor:
    """Return the scores in what a module has returned, or refuse to guess.

    A tensor is taken, or what is called ``logits`` in a dict or an object (of transformers, say),
    or the only tensor. Of a tuple skorch takes the first element; if there are several tensors, it
    must have a column for each class, or all must be of one shape.

    Parameters
    ----------
    output : object
        What the module has returned.
    n_classes : int
        Classes that are known, 0 if they are not; 2 for a net with one score, too.
    """
    if isinstance(output, torch.Tensor):
        return output
    if isinstance(output, tuple | list):
        tensors = {str(i): part for i, part in enumerate(output) if isinstance(part, torch.Tensor)}
        first = output[0] if output else None
        if isinstance(first, torch.Tensor) and _is_right(first, list(tensors.values()), n_classes):
            return first
    else:
        parts = output if isinstance(output, Mapping) else getattr(output, "__dict__", {})
        tensors = {str(k): part for k, part in parts.items() if isinstance(part, torch.Tensor)}
        if isinstance(logits := parts.get("logits"), torch.Tensor):
            return logits
        if len(tensors) == 1:
            return next(iter(tensors.values()))
    shapes = ", ".join(f"{name}: {tuple(part.shape)}" for name, part in tensors.items())
    raise ValueError(
        f"The net's module must return a tensor of scores; got {type(output).__name__} with "
        f"{shapes or 'no tensor'}. {_CHOOSE}"
    )


def _is_right(first: torch.Tensor, tensors: list[torch.Tensor], n_classes: int) -> bool:
    """Whether the first of some tensors is what skorch's ``predict`` should take."""
    if len(tensors) == 1 or all(part.shape == first.shape for part in tensors):
        return True
    return first.ndim <= 2 and first.shape[1:] in ((n_classes,), *[(), (1,)] * (n_classes == 2))


class VoteRule:
    """How the net's own ``predict`` turns scores into answers: the same numbers, compared alike.

    Parameters
    ----------
    net : fitted skorch net
        Of those that `asks_its_module` is true for.

    Attributes
    ----------
    takes_largest : bool
        Whether the scores alone say which class wins, and by how much: the largest does, or one
        logit against the threshold.
    """

    def __init__(self, net: Any) -> None:
        self.net = net
        self.is_binary = is_binary(net)
        self._is_skorchs = net.predict_nonlinearity in ("auto", None) and _is_skorchs(
            type(net), "_get_predict_nonlinearity"
        )
        criterion = getattr(net.criterion_, "_orig_mod", net.criterion_)
        logits = isinstance(criterion, torch.nn.BCEWithLogitsLoss)
        if self.is_binary:
            usual = logits and net.predict_nonlinearity == "auto"
        else:
            usual = not (logits or isinstance(criterion, torch.nn.BCELoss))
        self.takes_largest = self._is_skorchs and usual

    def probabilities(self, scores: torch.Tensor) -> torch.Tensor:
        """Return what ``predict_proba`` makes of the module's scores.

        skorch's own functions are applied where the scores are. A user's function gets them on the
        processor, as from ``predict_proba``.
        """
        nonlinearity = self.net._get_predict_nonlinearity()
        if self._is_skorchs:
            try:
                return nonlinearity(scores)
            except NotImplementedError as error:  # softmax and sigmoid take dense tensors of floats
                raise ValueError(
                    f"The net's module returned scores of {scores.dtype} ({scores.layout}), and "
                    "torch has no softmax or sigmoid for them. Return a dense tensor of floats: "
                    "sksmooth.nets.frozen_net(module, output=...) takes a function of what the "
                    "module returns, such as lambda scores: scores.float() for integers, or one "
                    "that calls to_dense() or dequantize()."
                ) from error
        return torch.as_tensor(nonlinearity(scores.cpu())).to(scores.device)

    def votes(self, probabilities: torch.Tensor) -> torch.Tensor:
        """Return the number of the output that ``predict`` answers with, row by row."""
        if not self.is_binary:
            return probabilities.argmax(dim=1)  # the first of equal ones, as in numpy
        positive, threshold = probabilities[:, 1], self.net.threshold
        if positive.dtype != torch.bfloat16:  # which numpy does not know
            # numpy compares in the precision of both; for a float of Python that is the array's
            likeness = np.empty(1, dtype=str(positive.dtype).removeprefix("torch."))
            kind = np.result_type(likeness, threshold)
            threshold = np.array(threshold, dtype=kind)
            positive = positive.to(torch.from_numpy(threshold).dtype)
        return (positive > float(threshold)).to(torch.int64)


def _is_skorchs(kind: type, name: str) -> bool:
    """Whether every method of that name, on the class and on its bases, is skorch's own code."""
    return all(
        (base in _NETS or base.__module__ == "skorch.hf") and _is_written_there(vars(base)[name])
        for base in kind.__mro__[:-1]  # all but object
        if name in vars(base)
    )


def _is_written_there(method: Any) -> bool:
    # what functools.wraps copies includes a function's __module__, but not its globals
    is_function = isinstance(method, types.FunctionType)
    return is_function and method.__globals__["__name__"].startswith("skorch.")
