"""Faults in what closed forms are told: models of trees, missing values, encoders, replaced values.

The faults of readers of trees send a row elsewhere than the library does.
"""

from .fault import Fault

__all__ = ["READERS"]

_BEHIND = "closed_forms/behind.py"
_CATBOOST = "closed_forms/readers/catboost.py"
_INPUTS = "closed_forms/inputs.py"
_LIGHTGBM = "closed_forms/readers/lightgbm.py"
_READING = "closed_forms/reading.py"
_REPLACING = "closed_forms/numerics/replacing.py"
_SETS = "closed_forms/readers/sets.py"
_SKLEARN = "closed_forms/readers/sklearn.py"
_XGBOOST = "closed_forms/readers/xgboost.py"

_LAWS = "noise/test_families.py::TestEveryFamily"
_LAWS += "::test_single_values_have_the_laws_that_closed_forms_are_told"
_MIXED = "closed_forms/test_exact_mixed.py"
_ENUMERATED = f"{_MIXED}::test_what_is_replaced_agrees_with_enumeration"
_FRAMES = "closed_forms/test_exact_mixed_frames.py"
_VALUES = "closed_forms/test_exact_mixed_values.py"
_OF_CATBOOST = "closed_forms/test_readers_catboost.py"
_OF_LIGHTGBM = "closed_forms/test_readers_lightgbm.py"
_OF_XGBOOST = "closed_forms/test_readers_xgboost.py"

READERS = [
    # the masses of values that are replaced, or go missing
    Fault(
        _REPLACING,
        "others = [max(m - 1, 1)] * m + [m]",
        "others = [m] * m + [m]",
        f"{_MIXED}::test_masses_hold_exact_ones",
    ),
    Fault(
        _REPLACING,
        "leaves = [*self.law.leaves, self.law.unknown or 0]",
        "leaves = [*self.law.leaves, 0]",
        f"{_MIXED}::test_masses_hold_exact_ones",
    ),
    Fault(
        _REPLACING,
        "((-1, 1 - 8 * UNIT), (1, 1 + 8 * UNIT))",
        "((-1, 1 + 8 * UNIT), (1, 1 - 8 * UNIT))",
        f"{_MIXED}::test_masses_hold_exact_ones",
    ),
    Fault(
        _REPLACING,
        "slack = np.where(points < -1e38, np.inf, slack)",
        "slack = np.where(points < -1e38, 0.0, slack)",
        f"{_MIXED}::test_numbers_among_missing_values_prove_nothing",
    ),
    Fault(
        _REPLACING,
        "_holds(low, high, points, sign * slack)",
        "_holds(low, high, points, -sign * slack)",
        f"{_MIXED}::test_what_rounding_may_do_to_a_number_counts_against_it",
    ),
    Fault(
        _REPLACING,
        "(points + room > low) & (points - room <= high)",
        "(points + room >= low) & (points - room <= high)",
        f"{_MIXED}::test_masses_hold_exact_ones",
    ),
    # the laws that noise tells of its values
    Fault(
        "noise/flip_noise.py",
        "(one - self.keep,) * len(v), one)",
        "(one - self.keep,) * len(v), one - self.keep)",
        f"{_MIXED}::test_masses_hold_exact_ones {_ENUMERATED}",
    ),
    Fault("noise/drop.py", "rates = {j: 1 - Fraction", "rates = {j: Fraction", _LAWS),
    Fault(
        "noise/binary_flip.py",
        "turned = (Fraction(self.added, _UNIT), Fraction(self.removed, _UNIT))",
        "turned = (Fraction(self.removed, _UNIT), Fraction(self.added, _UNIT))",
        _LAWS,
    ),
    Fault("noise/several.py", "laws.update({own[j]: law", "laws.update({j: law", _LAWS),
    Fault(
        "noise/mixed.py",
        "dataclasses.replace(added, replaced=others.replaced)",
        "added",
        f"{_MIXED}::test_probabilities_by_definition",
    ),
    # missing values, and encoders, in front of a model
    Fault(
        _BEHIND,
        "images = np.clip(without.shift[inputs], low, high)[None]",
        "images = np.clip(affine.shift[inputs], low, high)[None]",
        f"{_MIXED}::test_probabilities_by_definition",
    ),
    Fault(
        _BEHIND,
        "np.all(np.where(own, ~left.any(axis=1), same))",
        "np.all(~left.any(axis=1)[own])",
        f"{_MIXED}::test_other_steps_are_refused_by_name",
    ),
    Fault(
        _BEHIND,
        "if np.count_nonzero(sizes) > 1:",
        "if np.count_nonzero(sizes) > len(inputs):",
        f"{_MIXED}::test_other_steps_are_refused_by_name",
    ),
    Fault(
        _BEHIND,
        'raise NotClosedError("an encoder does not know a value, which is not as if missing")',
        "pass",
        f"{_MIXED}::test_unknown_values_that_are_not_encoded_as_gaps_are_refused",
    ),
    Fault(
        _BEHIND,
        "images[lost @ (sizes.T != 0)] = np.nan",
        "images[lost @ (sizes.T != 0)] = 0.0",
        f"{_VALUES}::test_a_category_that_is_missing_to_the_model_goes_where_missing_ones_go",
    ),
    Fault(
        _BEHIND,
        "features = np.append(column, _outputs_for(affine, X.shape[1], column))",
        "features = np.array([column])",
        f"{_FRAMES}::test_categories_are_computed_through_encoders",
    ),
    Fault(
        _BEHIND,
        "first[list(replaced)] = [law.values[0] for law in replaced.values()]",
        "pass",
        f"{_FRAMES}::test_probes_hold_known_categories_only",
    ),
    Fault(
        "introspection/columns.py",
        "not self.replaced[places].any() or _by_column(transformer)",
        "not self.replaced[places].any() or answers_by_row(transformer)",
        f"{_FRAMES}::test_encoders_of_several_columns_are_not_taken_one_by_one",
    ),
    Fault(
        _READING,
        "for column, law in noise.replaced.items() if not missing[column]}",
        "for column, law in noise.replaced.items()}",
        f"{_VALUES}::test_what_is_missing_stays_so_in_a_column_of_categories",
    ),
    Fault(
        _READING,
        "X.dtype.str, sigma, *noise, *columns)",
        "X.dtype.str, sigma, *columns)",
        f"{_FRAMES}::test_the_same_base_with_other_categories_is_read_anew",
    ),
    Fault(
        _INPUTS,
        "Z[:, k] = np.where(np.isnan(X[:, to.column]), MISSING, numbers)",
        "Z[:, k] = np.where(np.isnan(X[:, k]), MISSING, numbers)",
        _ENUMERATED,
    ),
    Fault(
        _INPUTS,
        "values, points, slack = self.rows[:, to.column]",
        "values, points, slack = self.rows[:, column]",
        _ENUMERATED,
    ),
    # readers of trees
    Fault(
        _SETS,
        "np.inf, chain[0], int(other), False",
        "np.inf, chain[0], int(other), True",
        f"{_OF_XGBOOST}::test_sets_of_categories",
    ),
    Fault(
        _SETS,
        "np.nextafter(np.arange(n, dtype=np.float64), -np.inf)",
        "np.arange(n, dtype=np.float64)",
        f"{_OF_LIGHTGBM}::test_sets_of_categories",
    ),
    Fault(
        _SKLEARN,
        "other = left if tree.missing_left[node] else right",
        "other = right if tree.missing_left[node] else left",
        "closed_forms/test_readers.py::test_sets_of_categories",
    ),
    Fault(
        _SKLEARN,
        "found.missing_go_to_left.astype(bool)",
        "~found.missing_go_to_left.astype(bool)",
        "closed_forms/test_readers.py::test_leaves_with_missing_inputs",
    ),
    Fault(
        _XGBOOST,
        "np.where(np.isin(ends, chosen), right, left))",
        "np.where(np.isin(ends, chosen), left, right))",
        f"{_OF_XGBOOST}::test_sets_of_categories",
    ),
    Fault(
        _XGBOOST,
        "goals, left if tree.missing_left[node] else right)",
        "goals, right if tree.missing_left[node] else left)",
        f"{_OF_XGBOOST}::test_sets_of_categories",
    ),
    Fault(
        _XGBOOST,
        'np.array(found["default_left"], dtype=bool)',
        '~np.array(found["default_left"], dtype=bool)',
        f"{_OF_XGBOOST}::test_where_missing_inputs_go",
    ),
    Fault(
        _LIGHTGBM,
        "points[0] = -1.0",
        "points[0] = -0.0",
        f"{_OF_LIGHTGBM}::test_sets_of_categories",
    ),
    Fault(
        _LIGHTGBM,
        "np.where(missing == 0, threshold >= 0, default_left)",
        "default_left",
        f"{_OF_LIGHTGBM}::test_where_missing_inputs_go",
    ),
    Fault(
        _LIGHTGBM,
        "default = left if to_left else right",
        "default = right if to_left else left",
        f"{_OF_LIGHTGBM}::test_zeros_and_nearly_zeros",
    ),
    Fault(
        _LIGHTGBM,
        "goals[:-1][points == _ZERO] = default",
        "goals[:-1][points == _BELOW_ZERO] = default",
        f"{_OF_LIGHTGBM}::test_zeros_and_nearly_zeros",
    ),
    Fault(
        _CATBOOST,
        'if f["nan_value_treatment"] == "AsTrue"',
        'if f["nan_value_treatment"] != "AsFalse"',
        f"{_OF_CATBOOST}::test_where_missing_inputs_go",
    ),
]
