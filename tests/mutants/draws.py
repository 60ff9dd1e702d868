"""Faults in streams, noise, sampling, and training."""

from .fault import Fault

__all__ = ["DRAWS"]

_STREAMS = "noise/streams.py"
_SAMPLING = "sampling/count.py"
_TRAINING = "estimators/fitting.py"
_MAKER = "backends/frame_maker.py"

DRAWS = [
    # streams that are not independent, or depend on what they must not depend on
    Fault(
        _STREAMS,
        'key=seed, person=b"sksmooth"',
        'person=b"sksmooth"',
        "noise/test_streams.py::TestKeys",
    ),
    Fault(
        _STREAMS,
        "{row.dtype.name} {noise}",
        "{row.dtype.name}",
        "noise/test_streams.py::TestKeys",
    ),
    Fault(
        _STREAMS,
        "{row.shape} {row.dtype.name}",
        "{row.dtype.name}",
        "noise/test_streams.py::TestKeys",
    ),
    Fault(
        _STREAMS,
        'np.ascontiguousarray(row, dtype="<f8") + 0.0',
        'np.ascontiguousarray(row, dtype="<f8")',
        "noise/test_streams.py::TestKeys",
    ),
    Fault(
        _STREAMS,
        "self._counters[:] = 0, 0, block, purpose",
        "self._counters[:] = 0, 0, block, 0",
        "noise/test_streams.py::TestKnownAnswers",
    ),
    Fault(
        _STREAMS,
        "self._counters[:] = 0, 0, block, purpose",
        "self._counters[:] = 0, 0, 0, purpose",
        "noise/test_streams.py::TestStreams",
    ),
    Fault(
        _STREAMS,
        "self._counters[:] = 0, 0, block, purpose",
        "self._counters[:] = 0, 0, block & 0x7FFFFFFF, purpose",
        "certificate/test_large_numbers.py::TestSampling",
    ),
    Fault(
        _STREAMS,
        "self._counters[1, 3] |= _SECOND",
        "self._counters[1, 3] |= np.uint64(0)",
        "noise/test_streams.py::TestStreams",
    ),
    Fault(
        _STREAMS,
        "self._taken, self._moved = [0, 0], [False, False]",
        "self._taken, self._moved = [0, 0], [False, self._moved[1] and block > 0]",
        "noise/test_streams.py::TestStreams",
    ),
    Fault(
        _STREAMS,
        "name = [*key.tolist(), block, int(purpose)]",
        "name = [*key.tolist(), block, 0]",
        "noise/test_streams.py::TestKnownAnswers",
    ),
    Fault(
        _STREAMS,
        "ESTIMATE = 3",
        "ESTIMATE = 2",
        "noise/test_streams.py "
        "sampling/test_sampling.py::test_the_seed_the_purpose_and_the_row_matter",
    ),
    Fault(
        _STREAMS,
        "secrets.token_bytes(SEED_BYTES)",
        "bytes(SEED_BYTES)",
        "noise/test_streams.py::test_seeds",
    ),
    Fault(
        _STREAMS,
        "min(max(target, 16), 4096)",
        "min(max(target, 32), 4096)",
        "noise/test_streams.py::test_blocks_depend_on_the_size_of_a_row_only",
    ),
    # draws that are counted wrongly
    Fault(
        _SAMPLING,
        "block += self.start // self.block_rows",
        "block += 0",
        "certificate/test_large_numbers.py::TestSampling",
    ),
    Fault(
        _SAMPLING,
        "max(self.start - offset, 0),\n",
        "0,\n",
        "certificate/test_large_numbers.py::TestSampling",
    ),
    Fault(
        _SAMPLING,
        "source.fill(keys[row], block, draws.purpose, drawn)",
        "source.fill(keys[0], block, draws.purpose, drawn)",
        "sampling/test_sampling.py::test_order_and_subset",
    ),
    Fault(
        _SAMPLING,
        "source.fill(keys[row], block, draws.purpose, drawn)",
        "source.fill(keys[row], number, draws.purpose, drawn)",
        "sampling/test_sampling.py::test_order_and_subset",
    ),
    Fault(
        _SAMPLING,
        "source.fill(keys[row], block, draws.purpose, drawn)",
        "source.fill(keys[row], block, Purpose.ESTIMATE, drawn)",
        "sampling/test_sampling.py::test_the_seed_the_purpose_and_the_row_matter",
    ),
    Fault(
        "sampling/tally.py",
        "bad = np.flatnonzero(counts[:, -1])",
        "counts[:, 0] += counts[:, -1]\n        bad = np.flatnonzero(counts[:, -1] * 0)",
        "sampling/test_sampling.py::test_a_vote_that_is_none_is_not_a_vote",
    ),
    Fault(
        "shortcuts/trees.py",
        "        self._check_bins()\n",
        "",
        "introspection/test_readable.py::test_continued_boosting_is_not_taken_for_its_bins",
    ),
    Fault(
        "introspection/readable.py",
        "        if hidden:\n",
        "        if hidden and kind is type:\n",
        "introspection/test_readable.py::test_methods_set_on_objects",
    ),
    Fault(
        "introspection/readable.py",
        "reason = _foreign(kind, known) or _patched(kind, known)",
        "reason = _foreign(kind, known)",
        "introspection/test_readable.py::test_methods_replaced_in_classes",
    ),
    Fault(
        _SAMPLING,
        "row_key(seed, row, noise.name)",
        'row_key(seed, row, "")',
        "sampling/test_sampling.py::test_noise_is_what_its_names_say",
    ),
    # noise that is not what the proof speaks of
    Fault(
        "noise/floating.py",
        "np.nextafter(scale, row.dtype.type(np.inf))",
        "scale",
        "noise/test_noise.py::TestFloat",
    ),
    Fault(
        "noise/grid.py",
        "return 2.0 * far *",
        "return 1.0 * far *",
        "noise/test_noise.py::TestExact",
    ),
    Fault(
        "noise/grid.py",
        "self.n_values * max(self._sampler.tv_error",
        "max(self._sampler.tv_error",
        "noise/test_noise.py::TestExact",
    ),
    Fault(
        "noise/samplers/cells.py",
        "ticket >= self._first_slow",
        "ticket > self._first_slow",
        "noise/test_streams.py::TestKnownNoise noise/test_lattice.py",
    ),
    # training under noise
    Fault(
        _TRAINING,
        "perturb(streams.at(key, block, Purpose.TRAIN), part)",
        "perturb(streams.at(key, block, Purpose.ESTIMATE), part)",
        "estimators/test_classifier.py::TestFit",
    ),
    Fault(
        _TRAINING,
        "streams.at(key, block, Purpose.TRAIN), draws)",
        "streams.at(key, block, Purpose.ESTIMATE), draws)",
        "estimators/test_training.py",
    ),
    Fault(
        _TRAINING,
        "noisy[i] = draws[place]",
        "noisy[i] = draws[0]",
        "estimators/test_training.py",
    ),
    # columns without numbers, what is missing, and units
    Fault(
        _MAKER,
        "known[known] = self.codes[found[known]] == codes[known]",
        "pass",
        "estimators/test_frames.py::test_frames_survive_a_round_trip",
    ),
    Fault(
        _MAKER,
        "np.repeat(found, lengths)",
        "np.repeat(found[:1], len(X))",
        "estimators/test_frames.py::test_frames_survive_a_round_trip",
    ),
    Fault(
        "backends/value_codes.py",
        'return _hash("s", value)',
        "return float(hash(value) >> 11)",
        "estimators/test_frames.py::test_names_of_text_are_known",
    ),
    Fault(
        "noise/parts.py",
        "there = ~missing",
        "there = ~missing | missing",
        "noise/test_noise.py::test_what_is_missing_gets_no_noise",
    ),
    Fault(
        _STREAMS,
        "values[np.isnan(values)] = np.nan",
        "pass",
        "estimators/test_frames.py::TestGaps",
    ),
    Fault(
        "noise/in_units.py",
        "return self.sigma * _MARGIN",
        "return self.sigma",
        "estimators/test_units.py::TestIdentities",
    ),
    Fault(
        "noise/in_units.py",
        "return self._drawn.radius(p_lower, p_upper) * self.unit",
        "return self._drawn.radius(p_lower, p_upper)",
        "estimators/test_units.py::TestIdentities",
    ),
]
