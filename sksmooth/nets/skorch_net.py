"""The skorch net that trains with an objective."""

import contextlib
from typing import Any

import numpy as np
import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from skorch.callbacks import BatchScoring, EpochScoring
from skorch.dataset import unpack_data
from skorch.utils import to_tensor

from ..backends.skorch.fit import noise_in_use, training_noise
from ..noise import FloatGaussian, FloatPerFeature, Noise
from ..objectives import GaussianAugmentation, Objective

__all__ = ["ObjectiveNet"]


class ObjectiveNet(NeuralNetClassifier):
    """A skorch classifier whose training loss is an objective of `sksmooth.objectives`.

    Inside `SmoothedClassifier` the noise, and the sigma that the objective is told, are those of
    the smoothed classifier. In all else it is skorch's ``NeuralNetClassifier``.

    Parameters
    ----------
    module : torch module (class or instance)
        Gives raw scores, one for each class.
    objective : Objective (class or instance), default=GaussianAugmentation
        The training loss. Its parameters can be given as ``objective__lam=5.0``, and searched as
        ``estimator__objective__lam``; a `Schedule` changes them from epoch to epoch.
    sigma : float or array-like of the shape of a row, default=None
        Standard deviation of the noise where the net is fitted by itself. Inside
        `SmoothedClassifier`, which has its own, it means nothing.
    criterion : torch criterion, default=torch.nn.CrossEntropyLoss
        The validation loss. It cannot be another: scores go through a softmax in every objective.
    **options : dict
        As of skorch: ``optimizer``, ``lr``, ``batch_size``, ``max_epochs``, ``callbacks``,
        ``device`` and others.

    Attributes
    ----------
    objective_ : Objective
        The objective of the last epoch, with numbers in place of schedules.

    See Also
    --------
    sksmooth.SmoothedClassifier : Certifies the net.

    Notes
    -----
    The learning rate is skorch's business. The recipe of the authors of SmoothAdv, Consistency and
    SmoothMix on MNIST, say, is ``optimizer=torch.optim.SGD``, ``optimizer__momentum=0.9``,
    ``optimizer__weight_decay=1e-4``, ``lr=0.01``, ``batch_size=256``, ``max_epochs=90`` and
    ``callbacks=[LRScheduler(policy="StepLR", step_size=30, gamma=0.1)]``, with the ``LRScheduler``
    of ``skorch.callbacks``. (A batch there makes m steps; see the objectives.)

    The loss is computed in training mode; objectives with an attack run that in evaluation mode.
    Validation batches get noise too, so that early stopping looks at the noisy task. The
    module is asked through ``infer``: override that for autocast, and it holds in training too.

    Callbacks that score training batches get the scores of noisy rows, averaged over the draws;
    with `DenoiserMSE`, which asks no scores, they are refused.

    With accelerate, ``train_step_single`` must stay the one of this class, which uses its autocast
    and its backward: ``class Net(AccelerateMixin, ObjectiveNet): train_step_single =
    ObjectiveNet.train_step_single``.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn.datasets import make_moons
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.nets import ObjectiveNet
    >>> from sksmooth.objectives import Consistency
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> X = X.astype(np.float32)
    >>> def module():
    ...     layers = torch.nn.Linear(2, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)
    ...     return torch.nn.Sequential(*layers)
    >>> net = ObjectiveNet(module, objective=Consistency, objective__lam=2.0, lr=0.2, verbose=0)
    >>> clf = SmoothedClassifier(net, sigma=0.2, random_state=0).fit(X, y)
    >>> bool(clf.certify(X[:50], n=1000).radii.max() > 0.2)
    True
    """

    prefixes_ = [*NeuralNetClassifier.prefixes_, "objective"]  # noqa: RUF012

    def __init__(
        self,
        module: Any,
        objective: Any = GaussianAugmentation,
        sigma: Any = None,
        *,
        criterion: Any = torch.nn.CrossEntropyLoss,
        **options: Any,
    ) -> None:
        # first: what is set later, as objective__lam, then counts more in get_params
        self.objective = objective
        self.sigma = sigma
        super().__init__(module, criterion=criterion, **options)

    def set_params(self, **params: Any) -> "ObjectiveNet":
        """Set parameters; those of the objective take effect in the next batch.

        Parameters
        ----------
        **params : dict
            By the names that ``get_params`` lists.

        Returns
        -------
        self : ObjectiveNet
            The net.
        """
        # skorch would look for a torch module of that name to make anew
        own = {name: params[name] for name in params if name.split("__")[0] == "objective"}
        for name, value in own.items():
            setattr(self, name, value)
        self._params_to_validate.update(own)
        return super().set_params(**{n: v for n, v in params.items() if n not in own})

    def partial_fit(
        self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any
    ) -> "ObjectiveNet":
        """Train on, from where the net is; see skorch.

        Parameters
        ----------
        X : array-like or Dataset
            Rows.
        y : array-like of shape (n_samples,)
            Class codes 0 to K - 1.
        classes : ignored
            Exists for scikit-learn.
        **fit_params : dict
            Passed to the module's ``forward``.

        Returns
        -------
        self : ObjectiveNet
            The trained net.
        """
        if not self.initialized_:
            self.initialize()
        self._check_criterion()
        objective = self._objective_now()  # refuse bad parameters before anything is trained
        source = noise_in_use(self)
        kind = "l2" if source is None else source.noise.norm.kind
        if objective.norms is not None and kind not in objective.norms:
            raise ValueError(
                f"{type(objective).__name__} measures lengths in the norms {objective.norms}, but "
                f"the noise proves radii in {kind!r}. Take another objective, such as "
                "GaussianAugmentation, which adds the noise and measures nothing."
            )
        if source is not None and not source.noise.additive:
            raise ValueError(
                f"Objectives add noise to rows, but {type(source.noise).__name__} replaces values. "
                "Train a plain NeuralNetClassifier, which sees noisy rows in every batch."
            )
        if source is not None:
            return super().partial_fit(X, y, classes, **fit_params)
        with training_noise(self, self._own_noise(), None):
            return super().partial_fit(X, y, classes, **fit_params)

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Compute the objective of a batch and its gradients.

        Parameters
        ----------
        batch : tuple
            Rows and class codes.
        **fit_params : dict
            Passed to the module's ``forward``.

        Returns
        -------
        step : dict
            "loss", and "y_pred" of shape (n, n_classes): scores of noisy rows.
        """
        self._set_training(True)
        X, y = (to_tensor(part, device=self.device) for part in unpack_data(batch))
        y = y if y.is_floating_point() else y.long()  # torch refuses the former
        noise = noise_in_use(self)
        assert noise is not None, "partial_fit has put one there"
        module = _Asked(self, fit_params)
        accelerator = getattr(self, "accelerator", None)
        with noise.by_hand(), accelerator.autocast() if accelerator else contextlib.nullcontext():
            loss = self._objective_now().forward(module, X, y, noise.draw, noise.sigma(X))
        if accelerator:
            accelerator.backward(loss)
        else:
            loss.backward()
        scores = module.scores  # None where the objective looked at parts of the module only
        if scores is None:
            self._refuse_training_scores()
        y_pred = None if scores is None else scores.unflatten(0, (len(X), -1)).mean(dim=1)
        return {"loss": loss, "y_pred": y_pred}

    def _refuse_training_scores(self) -> None:
        for name, callback in self.callbacks_:
            if isinstance(callback, EpochScoring | BatchScoring) and callback.on_train:
                raise ValueError(
                    f"The callback {name!r} scores training batches, but "
                    f"{type(self._objective_now()).__name__} computes no scores of classes. Pass "
                    "on_train=False: then it scores validation batches."
                )

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Refuse training that left the objective out; called by skorch.

        Parameters
        ----------
        net : ObjectiveNet
            This net.
        batch : tuple
            Rows and class codes.
        training : bool
            Whether this was a training batch.
        **kwargs : dict
            Not used.
        """
        super().on_batch_end(net, batch=batch, training=training, **kwargs)
        noise = noise_in_use(self)
        if training and noise is not None and not noise.n_taken:
            raise RuntimeError(
                f"{type(self).__name__} was trained on a batch without its objective: another "
                "class overrides train_step_single. Set `train_step_single = "
                "ObjectiveNet.train_step_single` in yours."
            )

    def _objective_now(self) -> Objective:
        """Return the objective with all parameters, as they are in this epoch."""
        epoch = max(len(self.history or ()) - 1, 0)
        given, options = self.objective, self.get_params_for("objective")
        # made anew only if something changed: it takes as long as a step of a small net
        made_from: Any = getattr(self, "objective_made_from_", None)
        if made_from is not None and _same((epoch, given, options), made_from):
            return self.objective_
        objective = given() if isinstance(given, type) else given
        if not isinstance(objective, Objective):
            raise ValueError(
                f"objective must be one of sksmooth.objectives, or a subclass of Objective; got "
                f"{given!r}."
            )
        if options:  # the user's own instance stays as it is
            objective = clone(objective).set_params(**options)
        self.objective_: Objective = objective.at(epoch)
        self.objective_made_from_: Any = epoch, given, options
        return self.objective_

    def _check_criterion(self) -> None:
        criterion = getattr(self.criterion_, "_orig_mod", self.criterion_)
        if (
            not isinstance(criterion, torch.nn.CrossEntropyLoss)
            or criterion.weight is not None
            or criterion.label_smoothing
        ):
            raise ValueError(
                f"The training loss is the objective, {self.objective!r}, and criterion only the "
                "validation loss: a plain torch.nn.CrossEntropyLoss, for a module that returns raw "
                f"scores; got {criterion!r}. For another training loss write an Objective."
            )

    def _own_noise(self) -> Noise:
        if self.sigma is None:
            raise ValueError(
                "sigma is None: there is no noise to train with. Put the net directly into a "
                "SmoothedClassifier, which gives it its own noise (in a Pipeline it cannot: let "
                "the module do what the Pipeline's steps do), or give sigma."
            )
        if np.ndim(self.sigma) > 0:
            return FloatPerFeature(tuple(np.ravel(self.sigma).tolist()))
        if not 0 < self.sigma < np.inf:
            raise ValueError(f"sigma must be positive and finite; got {self.sigma!r}.")
        return FloatGaussian(float(self.sigma))


def _same(these: tuple[int, Any, dict[str, Any]], those: tuple[int, Any, dict[str, Any]]) -> bool:
    """Whether epoch, objective and options are the same ones; they need not be comparable."""
    (epoch, given, options), (epoch_before, given_before, before) = these, those
    return (
        epoch == epoch_before
        and given is given_before
        and options.keys() == before.keys()
        and all(value is before[name] for name, value in options.items())
    )


class _Asked(torch.nn.Module):
    """All modules of a net, asked through its ``infer``, which may be the user's own."""

    def __init__(self, net: ObjectiveNet, fit_params: dict[str, Any]) -> None:
        super().__init__()
        for name in net._modules:
            self.add_module(name, getattr(net, name + "_"))
        self.net, self.fit_params = net, fit_params
        self.scores: Any = None

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        """Return raw scores, and note the first of those that are trained on."""
        output = self.net.infer(X, **self.fit_params)
        scores = output[0] if isinstance(output, tuple) else output
        if self.scores is None and self.training:
            self.scores = scores.detach()
        return scores
