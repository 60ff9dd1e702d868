"""What scikit-learn asks of a classifier around another: tags, routing, whether it is fitted."""

import contextlib
from typing import Any

from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping

from .callbacks import CallbackSupportMixin

__all__ = ["MetaClassifier"]


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
            for name in ("allow_nan", "categorical", "string"):
                setattr(tags.input_tags, name, getattr(base.input_tags, name))
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_seed")
