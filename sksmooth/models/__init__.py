"""scikit-learn's models from the inside: Pipelines as affine maps, linear models as scores.

`sksmooth.shortcuts` and `sksmooth.exact` rest on these. Whatever is read here off a fitted model is
compared with what the model's ``predict`` answers before anything is built on it.
"""

from .affine import AffineMap, affine_map, after, elementwise, split
from .linear import Scores

__all__ = ["AffineMap", "Scores", "affine_map", "after", "elementwise", "split"]
