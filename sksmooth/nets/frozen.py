"""Trained modules as estimators that stay as they are."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import skorch
import torch
from sklearn.frozen import FrozenEstimator
from torch import nn

__all__ = ["frozen_net"]


class _Chosen(nn.Module):
    """A module of which one output is returned."""

    def __init__(self, module: nn.Module, output: str | int | Callable[[Any], Any]) -> None:
        super().__init__()
        self.module, self.output = module, output

    def forward(self, X: torch.Tensor) -> Any:
        found, name = self.module(X), self.output
        if callable(name):
            return name(found)
        try:
            if isinstance(name, str) and not isinstance(found, Mapping):
                return getattr(found, name)
            return found[name]
        except (AttributeError, IndexError, KeyError, TypeError) as error:
            known = ", ".join(map(str, found)) if isinstance(found, Mapping) else ""
            raise ValueError(
                f"The module returned a {type(found).__name__} without the output {name!r}"
                f"{known and f'; it has {known}'}."
            ) from error


class _NoOptimizer(torch.optim.SGD):
    """Stands for an optimizer: a frozen net is never trained, and may have no parameters."""

    def __init__(self, params: Any, **options: Any) -> None:
        super().__init__([nn.Parameter(torch.zeros(0))])


def frozen_net(
    module: nn.Module,
    *,
    device: str = "cpu",
    classes: Sequence[Any] | None = None,
    output: str | int | Callable[[Any], Any] | None = None,
    **options: Any,
) -> FrozenEstimator:
    """Return a trained module as an estimator for `SmoothedClassifier` that stays as it is.

    Parameters
    ----------
    module : torch.nn.Module
        Gives scores of shape (n_samples, n_classes), with at least two classes. It is used itself,
        not copied, and moved to the device. Modules of TorchScript, ``torch.compile``,
        ``torch.export.export(...).module()`` and quantised ones are modules too.
    device : str, default="cpu"
        As in torch.
    classes : sequence, default=None
        Labels of the outputs, one for each; None for 0 to K - 1.
    output : str, int or callable, default=None
        Which of several outputs are the scores: a key of a dict or an attribute, a position, or a
        function of all that the module returns. None takes a tensor as it is, the first of a tuple,
        as skorch does, and what is called ``logits`` in a dict or an object; where tensors of
        several shapes in a tuple, or several others in a dict, leave a choice, certifying raises an
        error.
    **options : dict
        Further arguments of ``skorch.NeuralNetClassifier``.

    Returns
    -------
    estimator : sklearn.frozen.FrozenEstimator
        Around an initialised ``skorch.NeuralNetClassifier``.

    See Also
    --------
    sksmooth.frozen_callable : For functions of arrays.

    Examples
    --------
    A user's own trained module is certified like this; the rows for ``fit`` are only looked at for
    their shape, and the labels for their kind.

    >>> import numpy as np
    >>> import torch
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.nets import frozen_net
    >>> module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(4, 3))
    >>> X, y = np.random.default_rng(0).random((6, 1, 2, 2)).astype("float32"), [0, 1, 2, 0, 1, 2]
    >>> clf = SmoothedClassifier(frozen_net(module), sigma=0.5, random_state=0).fit(X, y)
    >>> len(clf.certify(X, n=200))
    6
    """
    if not isinstance(module, nn.Module):
        raise TypeError(
            f"module must be a torch.nn.Module; got {type(module).__name__}. A function of arrays "
            "goes into sksmooth.frozen_callable(function, classes=...); of torch.export's program, "
            "program.module() is a module."
        )
    chosen = module if output is None else _Chosen(module, output)
    settings = {"criterion": nn.CrossEntropyLoss, "optimizer": _NoOptimizer, "verbose": 0}
    net = skorch.NeuralNetClassifier(chosen, device=device, classes=classes, **settings | options)
    return FrozenEstimator(net.initialize())
