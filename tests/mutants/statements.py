"""Faults in noises, questions about changes, and what compares and joins certificates."""

from .fault import Fault

__all__ = ["STATEMENTS"]

_JOIN = "records/join.py"
_MIXED = "bounds/mixed.py"
_MIXED_NOISE = "noise/mixed.py"
_PAIRED = "metrics/paired.py"
_TOP_K = "metrics/top_k.py"
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
