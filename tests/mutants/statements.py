"""Faults in what came later: other noises, regressors, conformal sets, comparisons, questions."""

from .fault import Fault

__all__ = ["STATEMENTS"]

_CALIBRATION = "estimators/calibration.py"
_CONFORMAL = "estimators/conformal_run.py"
_COVERAGE = "bounds/coverage.py"
_JOIN = "records/join.py"
_MEDIANS = "certificate/medians.py"
_MIXED = "bounds/mixed.py"
_MIXED_NOISE = "noise/mixed.py"
_NUMBERS = "estimators/number_run.py"
_PAIRED = "metrics/paired.py"
_TOP_K = "metrics/top_k.py"
_SETS = "estimators/test_conformal.py"
_VALUES = "estimators/per_category.py"
_WITHIN = "certificate/within.py"

STATEMENTS = [
    # a move and a discrete change together
    Fault(
        _MIXED,
        "return place + (0.5 * r - spread), slack",
        "return place + (0.5 * r + spread), slack",
        "bounds/test_mixed_bounds.py::TestReferenceValues",
    ),
    Fault(
        _MIXED,
        "moved=True)[1] + self.atoms.only_other",
        "moved=True)[1]",
        "bounds/test_mixed_bounds.py::TestOutward::test_probabilities",
    ),
    Fault(
        _MIXED_NOISE,
        "* self.unit - self.rounding",
        "* self.unit",
        "noise/test_mixed_noise.py::TestRadii::test_published",
    ),
    Fault(
        _MIXED_NOISE,
        "return self.gaussian.tv_error + self.changes.tv_error",
        "return self.gaussian.tv_error",
        "noise/test_mixed_noise.py::TestSeveral::test_names_and_errors_are_of_all_parts",
    ),
    Fault(
        _MIXED_NOISE,
        "np.nextafter((asked + self.rounding) / self.unit",
        "np.nextafter(asked / self.unit",
        "noise/test_mixed_noise.py::TestDeciding",
    ),
    Fault(
        _MIXED_NOISE,
        'return f"mixed, {self.gaussian.name}, {self.changes.name}"',
        'return f"mixed, {self.gaussian.name}"',
        "noise/test_mixed_noise.py::TestSeveral::test_names_and_errors_are_of_all_parts",
    ),
    Fault(
        _MIXED_NOISE,
        "proved &= pair.proves(p_lower, p_upper)",
        "proved |= pair.proves(p_lower, p_upper)",
        "noise/test_mixed_noise.py::TestRadii::test_dropped_columns",
    ),
    # noise that replaces values, or is uniform or Laplace
    Fault(
        "noise/drop.py",
        "1 - math.prod(self._rates[:k])",
        "1 - math.prod(self._rates[-k:])",
        "noise/test_families.py::TestDrop::test_radius_is_that_of_the_least_dropped",
    ),
    Fault(
        "noise/flip_noise.py",
        "tuple(self._others[:k])",
        "tuple(self._others[-k:])",
        "noise/test_families.py::TestFlip::test_the_worst_columns_have_the_most_values",
    ),
    Fault(
        "noise/flip_noise.py",
        "min(self.kept, _UNIT - n * (_UNIT // (n + 1)))",
        "self.kept",
        "noise/test_families.py::TestFlip::test_unknown_values",
    ),
    Fault(
        "noise/several.py",
        "perturb_part(stream.part(number), drawn)",
        "perturb_part(stream.part(1), drawn)",
        "noise/test_mixed_noise.py::TestSeveral::test_parts_are_drawn_as_alone",
    ),
    Fault(
        "noise/several.py",
        "return math.fsum(part.tv_error for part in self.parts)",
        "return max(part.tv_error for part in self.parts)",
        "noise/test_mixed_noise.py::TestSeveral::test_names_and_errors_are_of_all_parts",
    ),
    Fault(
        "noise/split_noise.py",
        "np.where(lead > 0, nearest - 1, -1.0)",
        "np.where(lead > 0, nearest, -1.0)",
        "certificate/test_within.py::test_rows_around_a_splitting_certificate",
    ),
    Fault(
        "noise/split_noise.py",
        "return self.n_outcomes * 2.0**-64",
        "return 0.0",
        "noise/test_split.py::test_shifts_are_uniform_but_for_the_error_that_is_charged",
    ),
    Fault(
        "noise/laplace.py",
        "radius_laplace(p_lower, p_upper, self.scale) - self.rounding",
        "radius_laplace(p_lower, p_upper, self.scale)",
        "noise/test_families.py::TestAdditive::test_rounding_and_errors_are_of_the_whole_row",
    ),
    Fault(
        "noise/uniform.py",
        "radius_uniform(p_lower, p_upper, self.scale) - self.rounding",
        "radius_uniform(p_lower, p_upper, self.scale)",
        "noise/test_families.py::TestAdditive::test_rounding_and_errors_are_of_the_whole_row",
    ),
    Fault(
        "noise/uniform.py",
        "lost < (p_lower - p_upper) / 2 - 2.0**-50",
        "lost < p_lower - p_upper - 2.0**-50",
        "certificate/test_within.py::test_boxes",
    ),
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
    # questions about single changes
    Fault(
        _WITHIN,
        "return np.where(self.abstained, 0.0, np.maximum(radii, known))",
        "return np.maximum(radii, known)",
        "certificate/test_within.py::test_nothing_is_said_of_rows_that_are_abstained_on",
    ),
    Fault(
        _WITHIN,
        "return inside & ~self.abstained",
        "return inside",
        "certificate/test_within.py::test_nothing_is_said_of_rows_that_are_abstained_on",
    ),
    Fault(
        _WITHIN,
        "inside = length * (1 + _MARGIN) < self.radii",
        "inside = length <= self.radii",
        "certificate/test_within.py::test_the_edge_of_a_ball_is_not_within",
    ),
    Fault(
        _WITHIN,
        "stray = np.any((flat != 0) & (np.array(norm.scale) == 0), axis=1)",
        "stray = np.any((flat != 0) & (np.array(norm.scale) < 0), axis=1)",
        "certificate/test_within.py",
    ),
    Fault(
        _WITHIN,
        "near = length * (1 + _MARGIN) < radii",
        "near = length <= radii",
        "certificate/test_within.py::test_the_edge_of_a_ball_is_not_within",
    ),
    Fault(
        _WITHIN,
        "inside &= self.noise.on_grid(",
        "inside |= self.noise.on_grid(",
        "certificate/test_within.py",
    ),
    Fault(
        _VALUES,
        "any_one = certificate.max_changes >= 1",
        "any_one = certificate.max_changes >= 0",
        "estimators/test_per_category.py",
    ),
    Fault(
        _VALUES,
        "here = kept[i, j] & (not certificate.abstained[i])",
        "here = kept[i, j]",
        "estimators/test_per_category.py",
    ),
    Fault(
        _VALUES,
        "same = (tops[start:end] == tops[i]) & ~undecided[start:end]",
        "same = tops[start:end] == tops[i]",
        "estimators/test_per_category.py",
    ),
    # several classes, several models, several logs
    Fault(
        _TOP_K,
        "share = alpha / 2 if k == 1 else alpha / 4",
        "share = alpha / 2",
        "metrics/test_top_k.py",
    ),
    Fault(
        _TOP_K,
        "np.minimum(others[:, 0] + missing, n), n, share / k)",
        "np.minimum(others[:, 0] + missing, n), n, share)",
        "metrics/test_top_k.py",
    ),
    Fault(
        _TOP_K,
        "np.minimum(others.sum(axis=1) + missing, n)",
        "np.minimum(others.sum(axis=1), n)",
        "metrics/test_top_k.py",
    ),
    Fault(
        _TOP_K,
        "> ndtr(w + r) / k",
        "> ndtr(w + r) / (k + 1)",
        "metrics/test_top_k.py",
    ),
    Fault(
        _TOP_K,
        "widened(p, total, certificate.tv_error)",
        "widened(p, total, 0.0)",
        "metrics/test_top_k.py",
    ),
    Fault(
        _PAIRED,
        "(lengths[1] - lengths[0])",
        "(lengths[0] - lengths[1])",
        "metrics/test_paired.py",
    ),
    Fault(
        _PAIRED,
        "(record[np.argsort(record.index)] for record in (first, second))",
        "(record[np.argsort(first.index)] for record in (first, second))",
        "metrics/test_paired.py",
    ),
    Fault(
        _PAIRED,
        "np.where(right, radii_of(c, changes), -1.0)",
        "np.where(right, radii_of(c, changes), 0.0)",
        "metrics/test_paired.py",
    ),
    Fault(
        _JOIN,
        "if key not in _OF_ROWS and ours != theirs:",
        "if key in _OF_ROWS and ours != theirs:",
        "records/test_labels_and_shards.py::TestShards",
    ),
    Fault(
        _JOIN,
        "return joined[np.argsort(index)]",
        "return joined",
        "records/test_labels_and_shards.py::TestShards",
    ),
    Fault(
        _JOIN,
        "owner[row] = name",
        "owner[row, name] = name",
        "records/test_labels_and_shards.py::TestShards",
    ),
]
