"""Scores of certificates, what they say of the truth, and scorers for scikit-learn's search."""

from .conformal import (
    interval_coverage_score,
    mean_interval_width_score,
    mean_set_size_score,
    neg_mean_interval_width_scorer,
    neg_mean_set_size_scorer,
    set_coverage_score,
)
from .inference import (
    certified_accuracy_lower_bound,
    projected_certified_accuracy,
    top_probability_curve,
)
from .paired import PairedComparison, paired_comparison
from .regression import (
    certified_error_score,
    certified_error_scorer,
    certified_r2_score,
    certified_r2_scorer,
)
from .scorers import average_certified_radius_scorer, certified_accuracy_scorer
from .scores import (
    abstention_rate,
    average_certified_radius_score,
    certified_accuracy_score,
    prediction_outcomes,
)
from .top_k import certified_top_k_accuracy_score, top_k_radii

__all__ = [
    "PairedComparison",
    "abstention_rate",
    "average_certified_radius_score",
    "average_certified_radius_scorer",
    "certified_accuracy_lower_bound",
    "certified_accuracy_score",
    "certified_accuracy_scorer",
    "certified_error_score",
    "certified_error_scorer",
    "certified_r2_score",
    "certified_r2_scorer",
    "certified_top_k_accuracy_score",
    "interval_coverage_score",
    "mean_interval_width_score",
    "mean_set_size_score",
    "neg_mean_interval_width_scorer",
    "neg_mean_set_size_scorer",
    "paired_comparison",
    "prediction_outcomes",
    "projected_certified_accuracy",
    "set_coverage_score",
    "top_k_radii",
    "top_probability_curve",
]
