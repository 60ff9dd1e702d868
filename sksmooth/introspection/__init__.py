"""Fitted models from the inside: which may be read, Pipelines as affine maps, linear scores.

`sksmooth.shortcuts` and `sksmooth.closed_forms` rest on these. A model is read only if its
structure proves what it answers (`readable`), and every reading is also compared with the answers
of the base itself.
"""

from .affine import AffineMap, after, elementwise
from .columns import CategoryCodes, Columns
from .readable import answers_by_row, distrust, is_distrusted, methods_set, why_not_readable
from .wrappers import (
    THRESHOLDS,
    decided_inside,
    is_frozen,
    layers,
    split,
    steps_of,
    trained_inside,
    unwrap,
)

__all__ = [
    "THRESHOLDS",
    "AffineMap",
    "CategoryCodes",
    "Columns",
    "after",
    "answers_by_row",
    "decided_inside",
    "distrust",
    "elementwise",
    "is_distrusted",
    "is_frozen",
    "layers",
    "methods_set",
    "split",
    "steps_of",
    "trained_inside",
    "unwrap",
    "why_not_readable",
]
