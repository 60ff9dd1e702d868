"""Faults in fitting, jobs, comparisons, logs, what is frozen, and radii of other noises."""

from .fault import Fault

__all__ = ["OTHERS"]

_CALLABLES = "callables.py"
_CHANGES = "certificate/changes.py"
_COHEN = "records/cohen_log.py"
_DIFFUSION = "nets/diffusion.py"
_FITTING = "estimators/fitting.py"
_INSIDE = "estimators/conformal_inside.py"
_JOBS = "estimators/jobs.py"
_JOIN = "records/join.py"
_L1 = "bounds/radius_l1.py"
_MIXED_NOISE = "noise/mixed.py"
_PAIRED = "metrics/paired.py"
_SPLITTING = "bounds/splitting.py"
_STREAMS = "noise/streams.py"

_EQUAL_ROWS = "estimators/test_training.py::TestEqualRows"
_HELD_OUT = "estimators/test_inner_validation.py::TestEarlyStopping"
_HELD_OUT += "::test_held_out_rows_have_no_copies_in_training"
_OF_DIFFUSION = "nets/test_diffusion.py"
_OF_L1 = "bounds/test_radius_l1.py"
_OF_PAIRED = "metrics/test_paired.py"
_OF_SPLITTING = "bounds/test_splitting_steps.py"
_SETS = "estimators/test_conformal.py"

OTHERS = [
    # noisy copies of rows to fit on
    Fault(
        _FITTING,
        "for number in repeats(keys, *ties).tolist()]",
        "for number in repeats(keys).tolist()]",
        f"{_EQUAL_ROWS}::test_the_order_of_rows_with_other_labels_or_weights_does_not_matter",
    ),
    Fault(
        _FITTING,
        "ties += [] if weight is None else",
        "ties += [] if weight is not None else",
        f"{_EQUAL_ROWS}::test_the_order_of_rows_with_other_labels_or_weights_does_not_matter",
    ),
    Fault(
        _STREAMS,
        'key=seed, person=b"repeated"',
        'person=b"repeated"',
        "noise/test_streams.py::test_seeds_of_repeated_rows",
    ),
    Fault(
        _FITTING,
        "own = [self.seeds[place] for place in places]",
        "own = self.seeds[: len(places)]",
        f"{_EQUAL_ROWS}::test_copies_of_some_rows_are_theirs_among_all",
    ),
    Fault(
        _FITTING, "y = y[np.tile(kept, n_copies)]", "y = y[np.repeat(kept, n_copies)]", _HELD_OUT
    ),
    Fault(_FITTING, "np.tile(apart, copies.n)", "np.repeat(apart, copies.n)", _HELD_OUT),
    Fault(
        _FITTING,
        "noisy[start : start + len(part), i] = part",
        "noisy[: len(part), i] = part",
        "estimators/test_training.py::test_a_copy_behind_a_block_of_short_rows",
    ),
    # rows in parts, and groups of them
    Fault(
        _JOBS,
        "        first += len(part)\n",
        "        first = len(part)\n",
        "estimators/test_data_not_in_memory.py::test_intervals_of_rows_are_those_of_their_own",
    ),
    Fault(
        _JOBS,
        "return -(-_GROUP_DRAWS // draws) if draws",
        "return _GROUP_DRAWS // draws if draws",
        "estimators/test_jobs.py",
    ),
    Fault(
        _JOBS,
        "for start in range(0, max(n_rows, 1), size):",
        "for start in range(0, n_rows, size):",
        "estimators/test_jobs.py",
    ),
    Fault(
        _JOBS,
        "yield collect(sampler.at(rows), n, Purpose.PREDICT)",
        "yield collect(sampler, n, Purpose.PREDICT)",
        "estimators/test_jobs.py",
    ),
    Fault(
        _INSIDE,
        "if not (noise.additive and noise.sound and marginals is not None",
        "if not (noise.sound and marginals is not None",
        f"{_SETS}::test_noise_of_changes_is_refused",
    ),
    Fault(
        _INSIDE,
        'names = ("sigma", "units",',
        'names = ("units",',
        f"{_SETS}::test_radius_and_levels_may_be_set_later_but_not_the_noise",
    ),
    # comparisons and logs
    Fault(
        _PAIRED,
        "np.where(right, radii_of(c, changes), -1.0)",
        "np.where(right, radii_of(c, 0), -1.0)",
        "contracts/test_certificates_in_any_norm.py::test_what_takes_changes",
    ),
    Fault(_PAIRED, "only_first=only[0]", "only_first=only[1]", f"{_OF_PAIRED}::test_every_number"),
    Fault(
        _PAIRED,
        "r[None] >= radii[:, None]",
        "r[None] > radii[:, None]",
        f"{_OF_PAIRED}::test_every_number",
    ),
    Fault(
        _JOIN,
        "if any(part is None for part in parts) else",
        "if all(part is None for part in parts) else",
        "records/test_labels_and_shards.py::TestShards"
        "::test_times_of_some_rows_are_no_times_of_all",
    ),
    Fault(
        _JOIN,
        '_OF_ROWS = ("probes", "interval")',
        '_OF_ROWS = ("probes",)',
        "records/test_logs_of_regressors.py::test_shards_with_an_interval_for_each_row_are_joined",
    ),
    Fault(
        _COHEN,
        "return ((days * 24 + hours) * 60 + minutes) * 60 + seconds",
        "return ((days + hours) * 60 + minutes) * 60 + seconds",
        "records/test_labels_and_shards.py::TestTheirFormat::test_as_their_script_prints",
    ),
    Fault(
        _COHEN,
        "if float(text) <= radius:",
        "if float(text) >= radius:",
        "records/test_labels_and_shards.py::TestTheirFormat::test_radii_are_rounded_down",
    ),
    Fault(
        _COHEN,
        "if radii.max() > 1.005 * largest:",
        "if radii.max() > 1.05 * largest:",
        "records/test_records.py",
    ),
    # mixed noise
    Fault(
        _MIXED_NOISE,
        "radius = np.minimum(radius, np.maximum(moved, 0.0))",
        "radius = np.maximum(moved, 0.0)",
        "noise/test_mixed_noise.py::TestRadii",
    ),
    Fault(
        _MIXED_NOISE,
        "n_changed = min(n_changed, len(self.norm.changing))",
        "n_changed = min(n_changed, len(self.norm.changing) - 1)",
        "noise/test_mixed_noise.py::TestRadii",
    ),
    Fault(
        _CHANGES,
        "return np.where(self.abstained, np.nan, radii)",
        "return np.asarray(radii)",
        "estimators/test_mixed.py::TestCertificate"
        "::test_nothing_is_said_of_rows_that_are_abstained_on",
    ),
    # what is frozen
    Fault(
        _DIFFUSION,
        "widths = ((1 - kept) / kept).sqrt()",
        "widths = (1 - kept).sqrt()",
        f"{_OF_DIFFUSION}::test_the_step_is_the_nearest",
    ),
    Fault(
        _DIFFUSION,
        "clean = image * image * z - noise * found",
        "clean = image * z - noise * found",
        f"{_OF_DIFFUSION}::test_it_is_the_expected_image",
    ),
    Fault(
        _DIFFUSION,
        "found = found[:, : z.shape[1]]",
        "found = found[:, -z.shape[1] :]",
        f"{_OF_DIFFUSION}::test_forms_of_other_libraries",
    ),
    Fault(
        _CALLABLES,
        "return self.classes_[out.argmax(axis=1)]",
        "return out.argmax(axis=1)",
        "test_callables.py::TestAnswers",
    ),
    Fault(
        _CALLABLES,
        "if not np.all(np.isfinite(out)):",
        "if np.any(np.isnan(out)):",
        "test_callables.py::TestRefused",
    ),
    # radii of splitting, uniform, and Laplace noise
    Fault(
        _SPLITTING,
        "(most - counts - (classes < place)) // 2",
        "(most - counts - (classes > place)) // 2",
        f"{_OF_SPLITTING}::test_equals",
    ),
    Fault(
        "noise/split.py",
        "nearest = max(2, round(steps))",
        "nearest = max(1, round(steps))",
        "noise/test_split.py::TestBinding",
    ),
    Fault(
        "noise/uniform.py",
        "return nearest if nearest <= exact else math.nextafter(nearest, 0.0)",
        "return nearest",
        "noise/test_families.py::TestAdditive::test_the_width_of_the_noise_is_that_of_the_radius",
    ),
    Fault(
        _L1,
        "z * (1 - np.copysign(_OUTWARD, z))",
        "z * (1 + np.copysign(_OUTWARD, z))",
        f"{_OF_L1}::test_bounds_that_are_nearly_equal",
    ),
    Fault(
        _L1,
        "lead = 1.0 - (u + q) - 2.0**-52",
        "lead = 1.0 - (u + q)",
        f"{_OF_L1}::test_bounds_that_are_nearly_equal",
    ),
    Fault(_L1, "_MARGIN = 1 - 2.0**-48", "_MARGIN = 1 + 2.0**-48", f"{_OF_L1}::test_rounded_down"),
]
