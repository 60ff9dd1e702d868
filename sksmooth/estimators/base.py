"""What scikit-learn asks of an estimator around another, and what both kinds of smoother share."""

import contextlib
import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin, clone
from sklearn.utils import check_random_state, get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.validation import has_fit_parameter

from ..noise import Noise
from ..noise.sigma import is_by_name
from ..noise.streams import new_seed
from .attributes import Smoothed
from .callbacks import CallbackSupportMixin, fitting
from .fitting import FittedBase, fit_base
from .reading import TrainingRows, frame_of_base, takes_gaps

__all__ = ["MetaClassifier", "MetaRegressor", "fitted_base", "shows_weights"]


class _Meta:
    """What is around the estimator that the parameter ``estimator`` holds.

    It counts as fitted as soon as it has the attribute ``_seed``.
    """

    estimator: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing: the parameters of ``fit`` go to the base's ``fit``."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        # before fit, estimator may be anything; then the defaults stand
        with contextlib.suppress(Exception):
            base = get_tags(self.estimator)
            # columns without noise reach it as they are, and gaps stay gaps
            tags.input_tags.categorical = base.input_tags.categorical
            tags.input_tags.string = base.input_tags.string
            tags.input_tags.allow_nan = takes_gaps(self.estimator)
            if tags.regressor_tags is not None:
                tags.regressor_tags.poor_score = base.regressor_tags.poor_score
            else:
                tags.classifier_tags.multi_class = base.classifier_tags.multi_class
                tags.classifier_tags.poor_score = base.classifier_tags.poor_score
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_seed")

    def __getstate__(self) -> Any:
        """Return the state for pickles and skops, which knows dicts but no Series."""
        estimator: Any = super()
        state = dict(estimator.__getstate__())
        for name in ("sigma", "units"):
            if is_by_name(state.get(name)):
                state[name] = {key: state[name][key] for key in state[name].keys()}  # noqa: SIM118
        return state


class MetaClassifier(
    _Meta, CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator
):
    """A classifier around another."""


class MetaRegressor(_Meta, CallbackSupportMixin, RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """A regressor around another."""


@contextlib.contextmanager
def fitted_base(
    clf: Smoothed, data: TrainingRows, noise: Noise, fit_params: dict[str, Any], **options: Any
) -> Iterator[FittedBase]:
    """Fit an estimator's base under noise; yield it, and draw the seed where the context ends."""
    # None stays None: then everything, the base included, is drawn afresh
    rng = None if clf.random_state is None else check_random_state(clf.random_state)
    base: Any = clone(clf.estimator)
    with fitting(clf, base, data.X, data.y):
        fitted = fit_base(
            base,
            data.X,
            data.y,
            noise=noise,
            n_copies=int(clf.n_augment),
            random_state=rng,
            fit_params=_routed(clf, fit_params),
            frame=data.frame,
            rows=data.rows,
            **options,
        )
        clf.estimator_, clf._frame = fitted.estimator, frame_of_base(clf, fitted.frame)
        yield fitted
        # last, when the model exists: a model that was made knowing the seed could cheat
        clf._seed = new_seed(rng)


def _routed(clf: Smoothed, fit_params: dict[str, Any]) -> dict[str, Any]:
    """Return what the base's ``fit`` gets of the parameters of ``fit``."""
    if not get_config()["enable_metadata_routing"]:
        return fit_params
    routed: dict[str, Any] = process_routing(clf, "fit", **fit_params).estimator.fit
    return routed


class shows_weights:  # noqa: N801  # a decorator
    """A ``fit`` with ``**fit_params`` that has a parameter ``sample_weight`` if the base's has.

    scikit-learn asks the signature of an estimator's ``fit`` whether it takes weights.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        functools.update_wrapper(self, function)  # type: ignore[arg-type]
        self.function = function

    def __get__(self, clf: Any, owner: Any = None) -> Any:
        if clf is None:
            return self.function
        bound = self.function.__get__(clf, owner)
        if not has_fit_parameter(getattr(clf, "estimator", None), "sample_weight"):
            return bound
        shown = functools.partial(bound)
        functools.update_wrapper(shown, bound)
        signature = inspect.signature(bound)
        *known, others = signature.parameters.values()
        weight = inspect.Parameter("sample_weight", inspect.Parameter.KEYWORD_ONLY, default=None)
        shown.__signature__ = signature.replace(parameters=[*known, weight, others])  # type: ignore[attr-defined]
        return shown
