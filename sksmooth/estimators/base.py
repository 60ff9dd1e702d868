"""What scikit-learn asks of a classifier around another: tags, routing, whether it is fitted."""

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.validation import has_fit_parameter

from ..noise.sigma import is_by_name
from .callbacks import CallbackSupportMixin
from .reading import takes_gaps

__all__ = ["MetaClassifier", "shows_weights"]


class MetaClassifier(CallbackSupportMixin, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier around the one that its parameter ``estimator`` holds.

    It counts as fitted as soon as it has the attribute ``_seed``.
    """

    estimator: Any

    def get_metadata_routing(self) -> MetadataRouter:
        """Return the routing: the parameters of ``fit`` go to the base's ``fit``."""
        mapping = MethodMapping().add(caller="fit", callee="fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(estimator=self.estimator, method_mapping=mapping)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # before fit, estimator may be anything; then the defaults stand
        with contextlib.suppress(Exception):
            base = get_tags(self.estimator)
            tags.classifier_tags.multi_class = base.classifier_tags.multi_class
            tags.classifier_tags.poor_score = base.classifier_tags.poor_score
            # columns without noise reach it as they are, and gaps stay gaps
            tags.input_tags.categorical = base.input_tags.categorical
            tags.input_tags.string = base.input_tags.string
            tags.input_tags.allow_nan = takes_gaps(self.estimator)
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_seed")

    def __getstate__(self) -> Any:
        """Return the state for pickles and skops, which knows dicts but no Series."""
        state = dict(super().__getstate__())
        for name in ("sigma", "units"):
            if is_by_name(state.get(name)):
                state[name] = {key: state[name][key] for key in state[name].keys()}  # noqa: SIM118
        return state


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
