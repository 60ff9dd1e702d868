"""What scikit-learn asks of an estimator around another, and what both kinds of smoother share."""

import contextlib
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, RegressorMixin
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing

from ..rows import Rows
from .smoother import categories_of, levels_of, specification_of

__all__ = ["MetaClassifier", "MetaRegressor"]


class _Meta:
    """What is around the estimator that the parameter ``estimator`` holds.

    It counts as fitted as soon as it has the attribute ``_seed``.
    """

    estimator: Any
    noise: Any

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
            for name in ("allow_nan", "categorical", "string"):
                setattr(tags.input_tags, name, getattr(base.input_tags, name))
            if tags.regressor_tags is not None:
                tags.regressor_tags.poor_score = base.regressor_tags.poor_score
            else:
                tags.classifier_tags.multi_class = base.classifier_tags.multi_class
                tags.classifier_tags.poor_score = base.classifier_tags.poor_score
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_seed")

    def _learn_rows(self, X: NDArray[np.floating], rows: Rows | None) -> None:
        """Keep what the noise depends on; with `rows`, X is a sample of them."""
        self._row_shape = X.shape[1:]
        self._gaps = bool(np.isnan(X).any())
        self._levels = levels_of(X if rows is None else rows.peek())
        self._categories = None
        if specification_of(self.noise).needs_categories:
            self._categories = categories_of([X] if rows is None else rows.chunks())

    def _routed(self, fit_params: dict[str, Any]) -> dict[str, Any]:
        """Return what the base's ``fit`` gets of the parameters of ``fit``."""
        if not get_config()["enable_metadata_routing"]:
            return fit_params
        routed: dict[str, Any] = process_routing(self, "fit", **fit_params).estimator.fit
        return routed


class MetaClassifier(_Meta, ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """A classifier around another."""


class MetaRegressor(_Meta, RegressorMixin, MetaEstimatorMixin, BaseEstimator):
    """A regressor around another."""
