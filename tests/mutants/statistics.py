"""Faults in bounds, radii, looks, and in how votes are read."""

from .fault import Fault

__all__ = ["STATISTICS"]

_BINOMIAL = "bounds/binomial.py"
_TOP = "bounds/top_class.py"
_RADIUS = "bounds/radius.py"
_VOTES = "certificate/votes.py"
_MONTECARLO = "certificate/procedures.py"
_STOPPING = "certificate/stopping.py"

STATISTICS = [
    # a bound on a probability that is too high
    Fault(
        _BINOMIAL,
        "lambda p: np.full(p.shape, alpha))",
        "lambda p: np.full(p.shape, alpha * 2))",
        "bounds/test_bounds.py::test_coverage_is_exact",
    ),
    Fault(
        _BINOMIAL,
        "m[some] - k[some] + 1\n    p_lower[some] = _beta_quantile_below(a, b, lambda p: np.full(",
        "m[some] - k[some]\n    p_lower[some] = _beta_quantile_below(a, b, lambda p: np.full(",
        "bounds/test_bounds.py::test_coverage_is_exact",
    ),
    Fault(
        _BINOMIAL,
        "lambda p: alpha * p)",
        "lambda p: np.full(p.shape, alpha))",
        "bounds/test_bounds.py::test_simultaneous_coverage_is_exact",
    ),
    Fault(
        _BINOMIAL,
        "safe = 1 - betainc_error(a + b)",
        "safe = 1 + 2 * betainc_error(a + b)",
        "bounds/test_bounds.py::test_never_above_the_exact_value",
    ),
    Fault(
        _BINOMIAL,
        "_power_below(alpha, m[every])",
        "_power_below(alpha, m[every] + 1)",
        "bounds/test_bounds.py::test_unanimous_votes_have_a_closed_form",
    ),
    Fault(
        _BINOMIAL,
        "_power_below(alpha, m[every] - 1)",
        "_power_below(alpha, m[every])",
        "bounds/test_bounds.py::test_simultaneous_closed_forms",
    ),
    Fault(
        _BINOMIAL,
        "np.nextafter(np.maximum(power, 0), 0)",
        "np.nextafter(np.maximum(power, 0), 1)",
        "bounds/test_bounds.py::test_unanimous_votes_have_a_closed_form",
    ),
    Fault(
        _BINOMIAL,
        "np.flatnonzero(~(betainc(a, b, x) <= level(x) * safe))",
        "np.flatnonzero(np.isnan(x))",
        "bounds/test_bounds.py::test_never_above_the_exact_value",
    ),
    Fault(
        _BINOMIAL,
        "complement(clopper_pearson(m - k, m, alpha))",
        "complement(clopper_pearson(k, m, alpha))",
        "bounds/test_bounds.py::test_coverage_of_the_upper_bound_is_exact",
    ),
    Fault(
        _BINOMIAL,
        "np.minimum(np.nextafter(1 - p, 2), 1.0)",
        "1 - p",
        "bounds/test_bounds.py::test_complement_is_rounded_up",
    ),
    Fault(
        _BINOMIAL,
        "np.any((k < 0) | (k > m))",
        "np.any(k < 0)",
        "bounds/test_bounds.py::test_bad_counts_are_refused",
    ),
    Fault(
        _BINOMIAL,
        "int(np.floor(-np.log2(alpha))) + 1",
        "int(np.floor(-np.log2(alpha)))",
        "bounds/test_bounds.py::test_smallest_certifying_n",
    ),
    # two bounds that do not hold together
    Fault(
        _TOP,
        "clopper_pearson(top, n, alpha / 2)",
        "clopper_pearson(top, n, alpha)",
        "bounds/test_bounds.py::TestTopClassBounds::test_joint_coverage_is_exact",
    ),
    Fault(
        _TOP,
        "clopper_pearson_upper(other, n, alpha / 2)",
        "clopper_pearson_upper(other, n, alpha)",
        "bounds/test_bounds.py::TestTopClassBounds::test_joint_coverage_is_exact",
    ),
    Fault(
        _TOP,
        "clopper_pearson_simultaneous(top, n, alpha)",
        "clopper_pearson(top, n, alpha)",
        "bounds/test_bounds.py::TestTopClassBounds::test_joint_coverage_is_exact",
    ),
    Fault(
        _TOP,
        "np.asarray(p_lower) - by, np.asarray(p_upper) + by",
        "np.asarray(p_lower) - by, np.asarray(p_upper) - by",
        "certificate/test_certificate.py::TestWidened",
    ),
    Fault(
        _TOP,
        "np.nextafter(lower, -np.inf)",
        "np.nextafter(lower, np.inf)",
        "certificate/test_certificate.py::TestWidened",
    ),
    # a radius that is too large
    Fault(
        _RADIUS,
        "_RADIUS_MARGIN = 1 - 2.0**-48",
        "_RADIUS_MARGIN = 1 + 2.0**-48",
        "bounds/test_bounds.py::test_radius_is_rounded_down",
    ),
    Fault(
        _RADIUS,
        "np.where(p_a > p_b, 0.5 * (upper - lower), 0.0)",
        "np.where(p_a > p_b, upper - lower, 0.0)",
        "bounds/test_bounds.py::test_radius_with_two_bounds_is_rounded_down",
    ),
    Fault(
        _RADIUS,
        "((upper, 1), (lower, -1))",
        "((upper, -1), (lower, 1))",
        "bounds/test_bounds.py::test_radius_with_two_bounds_is_rounded_down",
    ),
    Fault(
        "noise/floating.py",
        "np.maximum(radius - self.rounding, 0.0)",
        "np.maximum(radius, 0.0)",
        "certificate/test_certificate.py::TestImperfectNoise",
    ),
    Fault(
        "noise/norm.py",
        "else min(value for value in self.scale if value > 0)",
        "else max(value for value in self.scale if value > 0)",
        "estimators/test_per_feature_sigma.py::test_l2_radius_is_rounded_down",
    ),
    Fault(
        "noise/norm.py",
        "np.nextafter(radius * self._least, 0.0), radius)",
        "radius * self._least, radius)",
        "estimators/test_per_feature_sigma.py::test_l2_radius_is_rounded_down",
    ),
    # votes that are read wrongly
    Fault(
        _VOTES,
        "c_a = counts0.argmax(axis=1)",
        "c_a = counts.argmax(axis=1)",
        "certificate/test_certificate.py::test_certify_step_by_step",
    ),
    Fault(
        _VOTES,
        "is_other[lines, top] = False",
        "is_other[lines, counts.argmax(axis=1)] = False",
        "certificate/test_certificate.py::test_the_rival_of_a_class_that_lost",
    ),
    Fault(
        _VOTES,
        "abstained = ~(leads & noise.proves(p_lower, p_upper))",
        "abstained = p_lower < p_upper",
        "certificate/test_certificate.py::test_one_half_exactly_is_not_enough",
    ),
    Fault(
        _VOTES,
        "np.where(n_a > n_b, 2 * tail * (1 + betainc_error(n_a + n_b)), 1.0)",
        "np.where(n_a > n_b, tail * (1 + betainc_error(n_a + n_b)), 1.0)",
        "certificate/test_certificate.py::test_predict_against_scipy",
    ),
    Fault(
        _VOTES,
        "betainc(np.maximum(n_a, 1), n_b + 1, 0.5)",
        "betainc(np.maximum(n_a, 1) + 1, n_b + 1, 0.5)",
        "certificate/test_certificate.py::test_predict_against_scipy",
    ),
    Fault(
        _VOTES,
        "n_b, n_a = n_b + spoilt, n_a - spoilt",
        "n_b, n_a = n_b, n_a - spoilt",
        "certificate/test_certificate.py::test_predict_with_votes_that_may_be_others",
    ),
    Fault(
        "metrics/inference.py",
        "_ROOM = 2.0**-50",
        "_ROOM = 1e-12",
        "certificate/test_large_numbers.py::TestCertificate",
    ),
    # levels and looks
    Fault(
        _MONTECARLO,
        "pilot = sampler.counts(plan.n0, Purpose.SELECT)",
        "pilot = sampler.counts(plan.n0, Purpose.ESTIMATE)",
        "estimators/test_classifier.py::TestResults",
    ),
    Fault(
        _MONTECARLO,
        "counts, levels[look], *_flipped(",
        "counts, alpha, *_flipped(",
        "certificate/test_montecarlo.py::TestSequentialPredictIsSound",
    ),
    Fault(
        _MONTECARLO,
        "while chance > alpha / 1000 and",
        "while chance > alpha and",
        "certificate/test_large_numbers.py::TestStopping",
    ),
    Fault(
        _STOPPING,
        "[alpha / (2 * len(sizes))] * len(sizes)",
        "[alpha / 2] * len(sizes)",
        "certificate/test_stopping.py::TestLooks",
    ),
    Fault(
        _STOPPING,
        "self.levels[-1] = alpha - sum(self.levels[:-1])",
        "self.levels[-1] = alpha",
        "certificate/test_stopping.py::TestDecidingIsSound",
    ),
    Fault(
        _STOPPING,
        "np.where(lower >= self.p_lower[rows], top, self.top[rows])",
        "np.where(lower >= 0, top, self.top[rows])",
        "certificate/test_stopping.py::TestDecidingIsSound",
    ),
    Fault(
        _STOPPING,
        "votes + self.n - self.sizes[look] >= self.votes_needed",
        "votes + self.n - self.sizes[look] > self.votes_needed",
        "certificate/test_stopping.py::TestCurtailed",
    ),
    Fault(
        _STOPPING,
        "votes = top_two(counts, self.selected)",
        "votes = top_two(counts, counts.argmax(axis=1))",
        "certificate/test_stopping.py certificate/test_montecarlo.py::TestStatements",
    ),
]
