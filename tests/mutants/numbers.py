"""Faults in conformal sets and in intervals of regressors."""

from .fault import Fault

__all__ = ["NUMBERS"]

_CALIBRATION = "estimators/calibration.py"
_CONFORMAL = "estimators/conformal_run.py"
_COVERAGE = "bounds/coverage.py"
_MEDIANS = "certificate/medians.py"
_NUMBERS = "estimators/number_run.py"
_SETS = "estimators/test_conformal.py"

NUMBERS = [
    # levels and ranks of conformal sets
    Fault(
        _COVERAGE,
        "betainc(self.n - self.rank + 1, self.rank, ndtr(v) / _OUTWARD)",
        "betainc(self.n - self.rank + 1, self.rank + 1, ndtr(v) / _OUTWARD)",
        "bounds/test_coverage.py",
    ),
    Fault(
        _COVERAGE,
        "ndtr(v) * _OUTWARD + self.tv_error, 1.0)",
        "ndtr(v) * _OUTWARD, 1.0)",
        "bounds/test_coverage.py",
    ),
    Fault(
        _COVERAGE,
        "self.distance) * _OUTWARD + self.tv_error, 1.0)",
        "self.distance) * _OUTWARD, 1.0)",
        "bounds/test_coverage.py",
    ),
    Fault(
        _COVERAGE,
        "if distance == 0 and passes <= rank:",
        "if distance == 0 and passes <= rank + 1:",
        "bounds/test_coverage.py",
    ),
    Fault(
        _COVERAGE,
        "math.floor(min(Fraction(level), alpha) * (n_calibration + 1))",
        "math.ceil(min(Fraction(level), alpha) * (n_calibration + 1))",
        "bounds/test_coverage.py",
    ),
    Fault(
        _COVERAGE,
        "CoveragePlan(rank, rank, most, math.floor(alpha * (n_calibration + 1)))",
        "CoveragePlan(rank, rank, most, math.ceil(alpha * (n_calibration + 1)))",
        "bounds/test_coverage.py",
    ),
    Fault(
        _CALIBRATION,
        "math.floor(alpha * (m + 1))",
        "math.ceil(alpha * (m + 1))",
        f"{_SETS}::test_computed_thresholds_are_the_lower_one_where_the_level_lies_between_two",
    ),
    Fault(
        _CALIBRATION,
        "reached = radius + (noise.rounding if drawn else 0.0)",
        "reached = radius",
        f"{_SETS}::test_attacks_are_as_long_as_rounding_leaves_them",
    ),
    Fault(
        _CALIBRATION,
        "X=sampler.X[rows], seed=seed)",
        "X=sampler.X[rows])",
        f"{_SETS}::test_equal_rows_get_independent_draws_for_calibration",
    ),
    Fault(
        _CALIBRATION,
        "collect(some, n, Purpose.CALIBRATE, of)",
        "collect(some, n, Purpose.PREDICT, of)",
        f"{_SETS}::test_the_score_of_a_row_is_one_of_its_own_draws_for_calibration",
    ),
    Fault(
        _CALIBRATION,
        "scores[known] = drawn[:, n - rank]",
        "scores[known] = drawn[:, min(n - rank + 1, n - 1)]",
        f"{_SETS}::test_the_score_of_a_row_is_one_of_its_own_draws_for_calibration",
    ),
    Fault(
        _CALIBRATION,
        "axis=1)[:, n - rank]",
        "axis=1)[:, min(n - rank + 1, n - 1)]",
        f"{_SETS}::test_the_score_of_a_row_is_one_of_its_own_draws_for_calibration",
    ),
    Fault(
        "estimators/conformal_base.py",
        "if self._calibration.base not in (None, content_of_base(self)):",
        "if self._calibration.base not in (None, self._calibration.base):",
        f"{_SETS}::test_a_base_that_is_trained_further_needs_other_calibration",
    ),
    Fault(
        _CONFORMAL,
        "lowest = thresholds - reach[:, None]",
        "lowest = thresholds - 0 * reach[:, None]",
        f"{_SETS}::test_votes_of_a_linear_base_by_the_formula",
    ),
    Fault(
        _CONFORMAL,
        "passed >= needed[..., None]",
        "passed > needed[..., None]",
        f"{_SETS}::test_without_radius_it_is_split_conformal_on_order_statistics",
    ),
    Fault(
        _CONFORMAL,
        "outputs[:, plan.passes - 1 :]",
        "outputs[:, plan.passes - 2 : -1]",
        f"{_SETS}::test_intervals_hold_all_values_that_enough_draws_are_near_to",
    ),
    # medians, their bounds, and their logs
    Fault(
        "bounds/ranks.py",
        "betainc(middle, n - middle + 1, p) <= level",
        "betainc(middle, n - middle + 1, p) <= 2 * level",
        "bounds/test_ranks.py",
    ),
    Fault(
        _MEDIANS,
        "upper_rank(plan.n, p, plan.alpha / 2)",
        "upper_rank(plan.n, p, plan.alpha)",
        "certificate/test_medians.py",
    ),
    Fault(
        _MEDIANS,
        "edges[lines, 1 + (at_most < rank).sum(axis=1)]",
        "edges[lines, (at_most < rank).sum(axis=1)]",
        "certificate/test_medians.py",
    ),
    Fault(
        _MEDIANS,
        "edges[lines, (at_most <= plan.n - rank).sum(axis=1)]",
        "edges[lines, 1 + (at_most <= plan.n - rank).sum(axis=1)]",
        "certificate/test_medians.py",
    ),
    Fault(
        _MEDIANS,
        "np.stack([np.nextafter(lower, -np.inf), upper], axis=1)",
        "np.stack([lower, np.nextafter(upper, -np.inf)], axis=1)",
        "estimators/test_regressor.py::test_ends_of_intervals_belong_to_them",
    ),
    Fault(
        _MEDIANS,
        "edges = np.stack([np.nextafter(lower, -np.inf), upper], axis=1)",
        "edges = np.stack([np.nextafter(lower, -np.inf), np.nextafter(upper, np.inf)], axis=1)",
        "estimators/test_regressor.py::test_ends_of_intervals_belong_to_them",
    ),
    Fault(
        _MEDIANS,
        "missed = np.maximum(counts[:, 0], counts[:, 2])",
        "missed = counts[:, 2]",
        "certificate/test_medians.py",
    ),
    Fault(
        _MEDIANS,
        "p_lower, p_upper = widened(p_lower, p_upper, noise.tv_error)",
        "p_lower, p_upper = widened(p_lower, p_upper, 0.0)",
        "certificate/test_medians.py::test_the_error_of_noise_is_taken_off_the_probability",
    ),
    Fault(
        _MEDIANS,
        "np.nextafter(radius / noise.unit, np.inf)",
        "np.nextafter(radius, np.inf)",
        "estimators/test_regressor.py::test_units_are_what_radii_are_lengths_in",
    ),
    Fault(
        _MEDIANS,
        "form.reach(X, lower, upper) * noise.unit",
        "form.reach(X, lower, upper)",
        "estimators/test_regressor.py::test_units_are_what_radii_are_lengths_in",
    ),
    Fault(
        _NUMBERS,
        "first = self.first + rows.start",
        "first = rows.start",
        "estimators/test_data_not_in_memory.py::test_intervals_of_rows_are_those_of_their_own",
    ),
    Fault(
        _NUMBERS,
        "each = np.broadcast_arrays(*ends)",
        "each = ends",
        "records/test_logs_of_regressors.py",
    ),
    Fault(
        "records/number_log.py",
        "return None if true.all() else int(np.argmin(true))",
        "return None",
        "records/test_logs_of_regressors.py",
    ),
    Fault(
        "closed_forms/outputs.py",
        "float(ndtr(-distance)) * (1 - UNIT * (16 + 3 * distance**2))",
        "float(ndtr(-distance)) * (1 + UNIT * (16 + 3 * distance**2))",
        "estimators/test_regressor.py::test_tails_at_distances_are_rounded_down",
    ),
    Fault(
        "closed_forms/links.py",
        "y = self.backward(value + _finite(self.error(value)))",
        "y = self.backward(value - _finite(self.error(value)))",
        "closed_forms/test_links.py",
    ),
    Fault(
        "estimators/shift_per_feature.py",
        "length = np.divide(amounts, unit,",
        "length = np.multiply(amounts, unit,",
        "estimators/test_shift_per_feature.py",
    ),
]
