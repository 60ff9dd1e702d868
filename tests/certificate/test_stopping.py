"""The rules' guarantees, exactly: probabilities are carried from look to look, none is simulated.

After a look, the votes of the rows that go on have a known distribution; the draws up to the next
look add an independent binomial. Where only averages matter, votes are simulated, without a model.
"""

from itertools import pairwise

import numpy as np
import pytest
from scipy import signal, stats

from sksmooth.bounds import (
    clopper_pearson,
    clopper_pearson_simultaneous,
    one_sided,
    one_sided_free,
    two_sided,
    widened,
)
from sksmooth.certificate import certify_counts
from sksmooth.certificate.stopping import (
    Curtailed,
    FixedSampleSize,
    GroupSequential,
    InputSpecificSampleSize,
    geometric_looks,
)
from sksmooth.noise import FloatGaussian

RADIUS = FloatGaussian(1.0).radius
GRID = [0.01, 0.2, 0.4, 0.5, 0.5 + 1e-9, 0.6, 0.75, 0.9, 0.97, 0.99, 0.995, 0.999, 0.9999]


def outcomes(size):
    """All votes of two classes after `size` draws; the line number is the votes of the first."""
    return np.stack([np.arange(size + 1), size - np.arange(size + 1)], axis=1)


def endings(sizes, stays, p):
    """P(a row ends at this look with these votes), a look an array; stays[look] says who goes on.

    `p` is the probability of the first class, and the votes are its.
    """
    ended, going, before = [], np.ones(1), 0
    for size, stay in zip(sizes, stays, strict=True):
        arrived = stats.binom.pmf(np.arange(size - before + 1), size - before, p)
        going = np.maximum(signal.convolve(going, arrived), 0)
        ended.append(np.where(stay, 0, going))
        going, before = np.where(stay, going, 0), size
    return ended


def ever(sizes, hits, p):
    """P(the votes are among hits[look] at any look), for a row that makes all draws."""
    ended = endings(sizes, [~hit for hit in hits], p)
    return sum(part[hit].sum() for part, hit in zip(ended, hits, strict=True))


def test_probabilities_are_carried_right():
    """Against two closed forms: the last look alone, and unanimity so far."""
    sizes = [3, 7, 20]
    nobody = [np.zeros(size + 1, dtype=bool) for size in sizes]
    last = [*nobody[:2], np.arange(21) >= 15]
    assert ever(sizes, last, 0.6) == pytest.approx(stats.binom.sf(14, 20, 0.6))
    unanimous = [np.arange(size + 1) == size for size in sizes]
    assert ever(sizes, unanimous, 0.6) == pytest.approx(0.6**3)


class TestLooks:
    @pytest.mark.parametrize("alpha", [0.05, 1e-3, 1e-200])
    @pytest.mark.parametrize("n", [1, 2, 63, 64, 79, 80, 100, 1000, 10_000, 100_000, 10**9])
    def test_sizes_and_levels(self, n, alpha):
        sizes, levels = geometric_looks(n, alpha)
        assert len(sizes) == len(levels)
        assert sizes[-1] == n
        assert sizes[:-1] == [64 * 2**i for i in range(len(sizes) - 1)]
        assert all(size <= 0.8 * n for size in sizes[:-1])
        assert 64 * 2 ** (len(sizes) - 1) > 0.8 * n  # no look was forgotten
        assert sum(levels) == pytest.approx(alpha, rel=1e-12)
        assert sum(levels) <= alpha * (1 + 1e-15)  # the bounds keep 1e-9 of it in reserve
        assert levels[-1] == (alpha if len(sizes) == 1 else alpha / 2)

    def test_few_draws_are_looked_at_once(self):
        assert geometric_looks(79, 0.001) == ([79], [0.001])
        assert geometric_looks(80, 0.001) == ([64, 80], [0.0005, 0.0005])


def claims(n, alpha, bound, selected, radii=(0.0,)):
    """Return p_lower, p_upper and top class of every outcome of two classes, look by look.

    Each outcome is a row of a rule of its own, which has not seen an earlier look.
    """
    sizes, _ = geometric_looks(n, alpha)
    for look, size in enumerate(sizes):
        rows = np.arange(size + 1)
        chosen = np.zeros(size + 1, dtype=np.intp) if selected else None
        rule = GroupSequential(radii, size + 1, n, alpha, bound, RADIUS, chosen)
        assert rule.sizes == sizes
        rule.undecided(look, rows, outcomes(size))
        top, p_lower, p_upper = rule.bounds(outcomes(size))
        yield p_lower, p_upper, top


CASES = [(1000, 0.05), (1000, 1e-3), (10_000, 0.05), (10_000, 1e-3)]


class TestDecidingIsSound:
    """P(any look makes a false claim) <= alpha, whether the row stops there or not."""

    @pytest.mark.parametrize(("n", "alpha"), CASES)
    def test_of_a_class_that_other_draws_selected(self, n, alpha):
        sizes, _ = geometric_looks(n, alpha)
        p_lower = [claim[0] for claim in claims(n, alpha, one_sided, selected=True)]
        rates = [ever(sizes, [bound > p for bound in p_lower], p) for p in GRID]
        assert max(rates) <= alpha
        assert max(rates) > 0.7 * alpha  # the union bound wastes little, so the test can fail

    @pytest.mark.parametrize("radii", [(0.5,), (1.0,), (1.5, 2.0), (2.5,), (9.0,)])
    @pytest.mark.parametrize(("n", "alpha"), CASES)
    def test_whatever_radii_are_asked_for(self, n, alpha, radii):
        """Looks may get other levels then, but no more of them together."""
        rule = GroupSequential(radii, 1, n, alpha, one_sided_free, RADIUS)
        assert 0 < sum(rule.levels) <= alpha * (1 + 1e-15)
        assert min(rule.levels) >= 0
        made = list(claims(n, alpha, one_sided_free, selected=False, radii=radii))
        for p in GRID:
            false = [low > np.where(top == 0, p, 1 - p) for low, _, top in made]
            assert ever(rule.sizes, false, p) <= alpha

    @pytest.mark.parametrize(("n", "alpha"), CASES)
    def test_where_a_bound_is_just_reached(self, n, alpha):
        """The worst p lie just below a value of some look's bound."""
        sizes, _ = geometric_looks(n, alpha)
        p_lower = [claim[0] for claim in claims(n, alpha, one_sided, selected=True)]
        for bound in p_lower:
            for p in np.nextafter(bound[[len(bound) // 2, -20, -2, -1]], 0):
                assert ever(sizes, [values > p for values in p_lower], p) <= alpha

    @pytest.mark.parametrize(("n", "alpha"), CASES)
    def test_of_a_class_that_the_same_draws_select(self, n, alpha):
        sizes, _ = geometric_looks(n, alpha)
        made = list(claims(n, alpha, one_sided_free, selected=False))

        def rate(p):
            return ever(sizes, [low > np.where(top == 0, p, 1 - p) for low, _, top in made], p)

        rates = [rate(p) for p in GRID]
        assert max(rates) <= alpha
        assert rate(0.5) > 0.7 * alpha  # where both classes are as likely to be claimed

    @pytest.mark.parametrize(("n", "alpha"), CASES)
    def test_the_same_draws_may_not_select_for_clopper_pearson(self, n, alpha):
        """With the bound for a selected class, two level classes break alpha: this can fail."""
        sizes, _ = geometric_looks(n, alpha)
        made = list(claims(n, alpha, one_sided, selected=False))
        assert ever(sizes, [low > 0.5 for low, _, _ in made], 0.5) > 1.4 * alpha

    @pytest.mark.parametrize(("n", "alpha"), CASES)
    def test_of_both_sides(self, n, alpha):
        """Two classes: either bound is false, at any look."""
        sizes, _ = geometric_looks(n, alpha)
        made = list(claims(n, alpha, two_sided, selected=True))
        for p in GRID:
            assert ever(sizes, [(low > p) | (up < 1 - p) for low, up, _ in made], p) <= alpha

    @pytest.mark.parametrize("p", [(0.4, 0.3, 0.3), (0.6, 0.2, 0.2), (0.35, 0.34, 0.31)])
    def test_of_both_sides_with_three_classes(self, p):
        """As `ever`, in two dimensions: the others are level, or nearly."""
        n, alpha = 100, 0.05
        sizes, _ = geometric_looks(n, alpha)
        assert sizes == [64, 100]
        going, before, false_rate = np.ones((1, 1)), 0, 0.0
        for look, size in enumerate(sizes):
            steps = np.indices((size - before + 1,) * 2).reshape(2, -1).T
            steps = np.column_stack([steps, size - before - steps.sum(axis=1)])
            arrived = np.zeros(len(steps))
            fits = steps[:, 2] >= 0
            arrived[fits] = stats.multinomial.pmf(steps[fits], size - before, p)
            going = signal.convolve(going, arrived.reshape((size - before + 1,) * 2))
            going, before = np.maximum(going, 0), size

            first, second = np.indices(going.shape)
            third = np.maximum(size - first - second, 0)
            counts = np.stack([first, second, third], axis=-1).reshape(-1, 3)
            fits = counts.sum(axis=1) == size
            rule = GroupSequential(
                [0.0], fits.sum(), n, alpha, two_sided, RADIUS, np.zeros(fits.sum(), dtype=np.intp)
            )
            rule.undecided(look, np.arange(fits.sum()), counts[fits])
            false = np.zeros(len(counts), dtype=bool)
            false[fits] = (rule.p_lower > p[0]) | (rule.p_upper < max(p[1:]))
            false = false.reshape(going.shape)
            false_rate += going[false].sum()
            going[false] = 0
        assert going.sum() + false_rate == pytest.approx(1)
        assert false_rate <= alpha

    def test_the_best_look_counts(self):
        """A claim of an early look is kept, and so is the class that it was made of."""
        rule = GroupSequential([0.0], 1, 1000, 0.001, one_sided_free, RADIUS)
        row = np.array([0])
        rule.undecided(0, row, np.array([[0, 64, 0]]))
        early = clopper_pearson_simultaneous(64, 64, rule.levels[0])
        rule.undecided(1, row, np.array([[64, 64, 0]]))
        top, p_lower, p_upper = rule.bounds(np.array([[64, 64, 0]]))
        assert (top[0], p_lower[0]) == (1, early)
        assert p_upper[0] == pytest.approx(1 - early)
        # a better claim of another class replaces both
        rule.undecided(2, row, np.array([[256, 0, 0]]))
        assert rule.bounds(np.array([[256, 0, 0]]))[0][0] == 0
        assert rule.p_lower[0] == clopper_pearson_simultaneous(256, 256, rule.levels[2])

    def test_unanimous_votes_reach_the_ceiling(self):
        rule = GroupSequential([0.0], 1, 1000, 0.001, one_sided_free, RADIUS)
        for look, size in enumerate(rule.sizes):
            rule.undecided(look, np.array([0]), np.array([[size, 0]]))
        assert rule.p_lower == rule.ceiling()[0]
        assert rule.p_upper == rule.ceiling()[1]


def simulate(rule, p, n_rows, seed=0):
    """Run a rule on simulated votes; return their counts, and those of all draws."""
    rng = np.random.default_rng(seed)
    counts = np.zeros((n_rows, len(p)), dtype=np.int64)
    every, active, before = counts.copy(), np.arange(n_rows), 0
    for look, size in enumerate(rule.sizes):
        every += rng.multinomial(size - before, p, size=n_rows)
        counts[active] = every[active]
        active = active[rule.undecided(look, active, counts[active])] if len(active) else active
        before = size
    return counts, every


def deciding(radii, n_rows, n=10_000, alpha=1e-3, bound=one_sided_free):
    selected = None if bound is one_sided_free else np.zeros(n_rows, dtype=np.intp)
    return GroupSequential(radii, n_rows, n, alpha, bound, RADIUS, selected)


CLASSES = [(0.3, 0.4, 0.3), (0.52, 0.4, 0.08), (0.85, 0.1, 0.05), (0.98, 0.01, 0.01)]


@pytest.mark.parametrize("bound", [one_sided_free, one_sided, two_sided])
@pytest.mark.parametrize("p", CLASSES)
class TestDecidingDecides:
    def test_what_is_still_possible_is_not_declined(self, bound, p):
        """A row stops early only where each radius is proved, or out of reach.

        Out of reach: even with as many more votes as a 95 % bound holds for plausible. That bound
        is taken from statsmodels here.
        """
        proportion = pytest.importorskip("statsmodels.stats.proportion")
        n, radii, rows = 10_000, [0.0, 0.3, 1.0, 2.0], 300
        rule = deciding(radii, rows, bound=bound)
        counts, _ = simulate(rule, p, rows)
        top, p_lower, p_upper = rule.bounds(counts)
        proved, draws = RADIUS(p_lower, p_upper), counts.sum(axis=1)
        for row in np.flatnonzero(draws < n):
            m, votes = draws[row], counts[row]
            now = votes.argmax() if bound is one_sided_free else top[row]
            other = np.delete(votes, now).max()
            level = 0.05 / (len(rule.sizes) - 1)
            _, most = proportion.proportion_confint(votes[now], m, 2 * level, method="beta")
            least, _ = proportion.proportion_confint(other, m, 2 * level, method="beta")
            votes_then = min(int(np.ceil(n * most)), votes[now] + n - m)
            others_then = min(max(int(n * least), other), n - votes_then)
            hoped = RADIUS(*bound([votes_then], [others_then], n, rule.levels[-1]))[0]
            for r in radii:
                certified = proved[row] >= r and proved[row] > 0
                assert certified or r > hoped * (1 - 1e-6) or hoped == 0

    def test_it_goes_on_where_a_radius_is_open(self, bound, p):
        """Of the rows that stop, none stops while another look before would have done."""
        rows, radii = 300, [0.0, 0.5]
        together = deciding(radii, rows, bound=bound)
        counts, _ = simulate(together, p, rows)
        alone = [deciding([r], rows, bound=bound) for r in radii]
        counts_alone = [simulate(rule, p, rows)[0] for rule in alone]
        draws = np.stack([c.sum(axis=1) for c in counts_alone])
        # more radii need no fewer draws, and nearly always just as many as the slowest of them
        assert np.all(counts.sum(axis=1) >= draws.max(axis=0))
        assert np.mean(counts.sum(axis=1) == draws.max(axis=0)) > 0.95
        proved = RADIUS(together.p_lower, together.p_upper)
        for r, rule in zip(radii, alone, strict=True):
            single = RADIUS(rule.p_lower, rule.p_upper)
            enough = (single >= r) & (single > 0)
            assert np.all(proved[enough] >= single[enough])

    def test_many_radii_are_the_union_of_single_ones(self, bound, p):
        """Fed the same votes, a row is undecided where it is for at least one of the radii.

        The levels of the looks may depend on the smallest radius, so that one is always asked for.
        """
        rows, radii = 200, [0.0, 0.2, 0.7, 1.5, 3.0]
        together = deciding(radii, rows, bound=bound)
        alone = [deciding([0.0, r], rows, bound=bound) for r in radii]
        rng, every, before = np.random.default_rng(3), np.zeros((rows, 3), dtype=np.int64), 0
        for look, size in enumerate(together.sizes):
            every += rng.multinomial(size - before, p, size=rows)
            before = size
            single = [rule.undecided(look, np.arange(rows), every) for rule in alone]
            assert np.array_equal(
                together.undecided(look, np.arange(rows), every), np.any(single, axis=0)
            )
        assert not together.undecided(look, np.arange(rows), every).any()  # nothing is left open

    def test_futility_certifies_nothing(self, bound, p, monkeypatch):
        """Giving up at once, or never, changes when a row stops; it never adds a claim."""
        rows = 200
        bounds = []
        for chance in (1e-9, 0.05, 0.99):
            monkeypatch.setattr("sksmooth.certificate.stopping.FUTILITY", chance)
            rule = deciding([0.5], rows, bound=bound)
            counts, every = simulate(rule, p, rows)
            bounds.append((rule.p_lower, counts.sum(axis=1), every))
        patient, usual, hasty = bounds
        assert np.array_equal(patient[2], hasty[2])  # the same votes
        for one, other in ((usual, patient), (hasty, usual)):
            assert np.all(one[1] <= other[1])
            assert np.all(one[0] <= other[0])

    def test_a_verdict_does_not_depend_on_other_rows(self, bound, p):
        rows = 60
        rule = deciding([0.3], rows, bound=bound)
        rng = np.random.default_rng(5)
        counts = rng.multinomial(rule.sizes[0], p, size=rows)
        together = rule.undecided(0, np.arange(rows), counts)
        for row in range(0, rows, 7):
            single = deciding([0.3], 1, bound=bound)
            assert single.undecided(0, np.array([0]), counts[[row]])[0] == together[row]


@pytest.mark.parametrize("p", CLASSES)
@pytest.mark.parametrize("bound", [one_sided_free, one_sided, two_sided])
def test_what_imperfect_noise_costs_is_taken_off_before_the_radius(p, bound):
    """As if the radius were of widened bounds, for what is proved and what is hoped."""
    rows, radii, n, off = 200, [0.0, 0.2, 0.7, 1.5], 10_000, 0.04
    selected = None if bound is one_sided_free else np.zeros(rows, dtype=np.intp)
    rule = GroupSequential(radii, rows, n, 1e-3, bound, RADIUS, selected, off)
    careless = GroupSequential(radii, rows, n, 1e-3, bound, RADIUS, selected)
    alone = []
    for _ in range(rows):
        first = None if selected is None else selected[:1]
        alone.append(GroupSequential(radii, 1, n, 1e-3, bound, RADIUS, first))
        alone[-1].radius = lambda lower, upper: RADIUS(*widened(lower, upper, off))
    rng, every, before = np.random.default_rng(3), np.zeros((rows, 3), dtype=np.int64), 0
    differences = 0
    for look, size in enumerate(rule.sizes):
        every += rng.multinomial(size - before, p, size=rows)
        before = size
        some = rng.permutation(rows)[: rows // 2]
        found = rule.undecided(look, some, every[some])
        single = [alone[row].undecided(look, np.array([0]), every[[row]])[0] for row in some]
        assert found.tolist() == single
        differences += (found != careless.undecided(look, some, every[some])).sum()
    assert differences > 0


def test_bounds_are_those_of_the_votes_whatever_the_noise():
    """Certificates take the error off, once: a rule must not do so as well."""
    counts = np.array([[400, 112], [500, 12]])
    rules = [
        GroupSequential([0.5], 2, 512, 1e-3, one_sided_free, RADIUS, None, e) for e in (0.0, 0.1)
    ]
    for rule in rules:
        for look in range(len(rule.sizes)):
            rule.undecided(look, np.arange(2), counts * rule.sizes[look] // 512)
    for one, other in zip(rules[0].bounds(counts), rules[1].bounds(counts), strict=True):
        assert np.array_equal(one, other)


def test_radius_zero_asks_for_any_certificate():
    rule = deciding([0.0], 2)
    counts = np.array([[40, 24], [60, 4]])
    assert rule.undecided(0, np.arange(2), counts).tolist() == [True, False]
    _, p_lower, p_upper = rule.bounds(counts)
    assert (p_lower > p_upper).tolist() == [False, True]


def test_radius_zero_is_not_so_small_that_a_processor_may_take_it_for_zero():
    """Then nothing would be asked for, and every row would stop at the first look."""
    assert deciding([0.0], 1).radii.min() >= np.finfo(np.float64).tiny


def test_a_radius_out_of_reach_is_declined_at_once():
    rule = deciding([9.0], 3)
    assert not rule.undecided(0, np.arange(3), np.array([[64, 0], [50, 14], [0, 64]])).any()


class TestDecidingIsFast:
    @pytest.mark.parametrize("p", [(0.45, 0.3, 0.25), (0.45, 0.06, *[0.049] * 10), (0.3, 0.3, 0.4)])
    def test_rows_without_a_majority(self, p):
        """Fixed n would take 100,000 draws for each."""
        rule = GroupSequential([0.0], 4000, 100_000, 1e-3, one_sided_free, RADIUS)
        counts, _ = simulate(rule, np.array(p) / np.sum(p), 4000)
        assert counts.sum(axis=1).mean() <= 1000
        assert not np.any(rule.p_lower > 0.5)

    @pytest.mark.parametrize(
        ("p_a", "loss", "draws"), [(0.51, 0.03, 60_000), (0.52, 0.01, 16_000), (0.6, 0.002, 1000)]
    )
    def test_little_is_lost_against_all_draws(self, p_a, loss, draws):
        """Of the same votes: fixed n with a class selected for nothing, and this rule."""
        rows = 4000
        rule = GroupSequential([0.0], rows, 100_000, 1e-3, one_sided_free, RADIUS)
        counts, every = simulate(rule, (p_a, 1 - p_a), rows)
        fixed = clopper_pearson(every[:, 0], 100_000, 1e-3) > 0.5
        decided = (rule.p_lower > 0.5) & (rule.top == 0)
        assert fixed.mean() - decided.mean() <= loss
        assert counts.sum(axis=1).mean() <= draws


CURTAILED = [(40, 1), (100, 1), (200, 1), (200, 16), (101, 7)]


def curtailed(n, alpha, block, rows):
    return Curtailed(n, alpha, np.zeros(rows, dtype=np.intp), block)


def curtailed_endings(n, alpha, block):
    """Return the rule's sizes, who goes on after each, and the votes of who ends."""
    sizes = curtailed(n, alpha, block, 1).sizes
    stays = []
    for look, size in enumerate(sizes):
        rule = curtailed(n, alpha, block, size + 1)
        stay = rule.undecided(look, np.arange(size + 1), outcomes(size))
        stays.append(stay & (size < n))
    return sizes, stays


class TestCurtailed:
    @pytest.mark.parametrize("level", [None, 0.5, 0.2, 0.05, 1e-3, 1e-6])
    @pytest.mark.parametrize("alpha", [0.2, 0.05, 1e-3])
    @pytest.mark.parametrize(("n", "block"), CURTAILED)
    def test_coverage_is_exact(self, n, block, alpha, level):
        """The bound at the draws made holds at its level, also at another one than the rule's."""
        sizes, stays = curtailed_endings(n, alpha, block)
        if level is None:
            p_lower = [
                curtailed(n, alpha, block, size + 1).bounds(outcomes(size))[1] for size in sizes
            ]
            level = alpha
        else:
            p_lower = [clopper_pearson(np.arange(size + 1), size, level) for size in sizes]
        values = np.concatenate([bound[~stay] for bound, stay in zip(p_lower, stays, strict=True)])
        # the supremum over p is reached just below a value of the bound
        critical = np.nextafter(np.unique(values[values > 0])[:: max(1, len(values) // 20)], 0)
        for p in np.concatenate([critical, np.linspace(0.02, 0.98, 13)]):
            ended = endings(sizes, stays, p)
            false = sum(part[bound > p].sum() for part, bound in zip(ended, p_lower, strict=True))
            assert false <= level * (1 + 1e-9)

    def test_a_rule_that_stops_rows_with_many_votes_would_not_do(self):
        """Stopping where the bound is good, not where all is lost, breaks the level."""
        n, alpha = 200, 0.05
        sizes = curtailed(n, alpha, 1, 1).sizes
        p_lower = [clopper_pearson(np.arange(size + 1), size, alpha) for size in sizes]
        stays = [(bound <= 0.5) & (len(bound) <= n) for bound in p_lower]
        ended = endings(sizes, stays, 0.5)
        false = sum(part[bound > 0.5].sum() for part, bound in zip(ended, p_lower, strict=True))
        assert false > 1.3 * alpha

    @pytest.mark.parametrize("alpha", [0.5, 0.05, 1e-3])
    @pytest.mark.parametrize(("n", "block"), [*CURTAILED, (9, 1), (12, 1), (1, 1), (5000, 256)])
    def test_a_row_stops_if_and_only_if_all_is_lost(self, n, block, alpha):
        """Against the definition: no number of further votes gives a bound above 1/2."""
        rule = curtailed(n, alpha, block, 1)
        assert rule.sizes[-1] == n
        assert all(size % block == 0 for size in rule.sizes[:-1])
        assert rule.sizes == sorted(set(rule.sizes))
        can = np.flatnonzero(clopper_pearson(np.arange(n + 1), n, alpha) > 0.5)
        needed = can[0] if len(can) else n + 1
        for look, size in enumerate(rule.sizes):
            counts = outcomes(size)
            stay = curtailed(n, alpha, block, size + 1).undecided(look, np.arange(size + 1), counts)
            assert np.array_equal(stay, counts[:, 0] + n - size >= needed)
            # what stops is abstained on at the draws made, too
            assert np.all(clopper_pearson(counts[~stay, 0], size, alpha) <= 0.5)

    @pytest.mark.parametrize("p", [0.3, 0.45, 0.5, 0.55, 0.58, 0.9])
    @pytest.mark.parametrize("block", [1, 64])
    def test_verdicts_are_those_of_all_draws(self, p, block):
        """Bit by bit, for the same votes."""
        n, rows, alpha = 1000, 2000, 1e-3
        rule = curtailed(n, alpha, block, rows)
        counts, every = simulate(rule, (p, 1 - p), rows)
        _, p_lower, p_upper = rule.bounds(counts)
        pilot = np.tile([10, 0], (rows, 1))
        full = certify_counts(
            pilot, every, noise=FloatGaussian(1.0), classes=np.array([0, 1]), alpha=alpha
        )
        assert np.array_equal(~(p_lower > p_upper), full.abstained)
        radii = np.where(p_lower > p_upper, RADIUS(p_lower, p_upper), 0)
        assert np.array_equal(radii, full.radii)
        assert np.array_equal(p_lower[~full.abstained], full.p_lower[~full.abstained])
        assert np.all(counts[~full.abstained].sum(axis=1) == n)
        if p < 0.5:
            assert counts.sum(axis=1).mean() < 0.95 * n

    def test_the_selected_class_is_looked_at(self):
        rule = Curtailed(100, 1e-3, np.array([0, 1, 2, 1]), 1)
        counts = np.array([[50, 0, 0], [50, 0, 0], [0, 10, 40], [0, 10, 40]])
        assert rule.undecided(0, np.arange(4), counts).tolist() == [True, False, True, False]
        # rows are positions: the same rule, asked of some of them
        assert rule.undecided(0, np.array([3, 2]), counts[[3, 2]]).tolist() == [False, True]


def planned(pilot, n=10_000, tol=0.05, bound=one_sided, alpha=1e-3):
    return InputSpecificSampleSize(n, alpha, bound, np.asarray(pilot), tol, RADIUS)


def pilots(n0=100):
    return np.stack([np.arange(n0 + 1), n0 - np.arange(n0 + 1)], axis=1)


@pytest.mark.parametrize("bound", [one_sided, two_sided])
class TestPlanned:
    @pytest.mark.parametrize("n", [1, 10, 64, 65, 1000, 100_000])
    def test_no_plan_exceeds_n(self, bound, n):
        rule = planned(pilots(), n=n, bound=bound)
        assert np.all((rule.draws >= min(64, n)) & (rule.draws <= n))
        assert rule.sizes == sorted({*rule.draws, n})
        assert len(rule.sizes) <= 40

    def test_a_smaller_loss_needs_no_fewer_draws(self, bound):
        draws = [planned(pilots(), tol=tol, bound=bound).draws for tol in (1e-9, 0.01, 0.1, 1.0)]
        for more, fewer in pairwise(draws):
            assert np.all(more >= fewer)
        assert draws[0].mean() > 2 * draws[2].mean()

    def test_a_loss_of_everything_needs_the_fewest(self, bound):
        assert set(planned(pilots(), tol=1e9, bound=bound).draws) == {64}

    def test_hopeless_rows_get_the_fewest(self, bound):
        """Three classes, none near a majority, and no runner-up plausibly behind."""
        pilot = [[3334, 3333, 3333], [3360, 3340, 3300]]
        assert planned(pilot, tol=1e-6, bound=bound).draws.tolist() == [64, 64]

    def test_each_row_makes_its_own_draws(self, bound):
        pilot = pilots()
        rule = planned(pilot, bound=bound)
        order = np.random.default_rng(0).permutation(len(pilot))
        assert np.array_equal(planned(pilot[order], bound=bound).draws, rule.draws[order])
        for look, size in enumerate(rule.sizes):
            stay = rule.undecided(look, np.arange(len(pilot)), np.zeros((len(pilot), 2), int))
            assert np.array_equal(stay, rule.draws > size)

    def test_the_plan_is_kept_where_the_estimate_was_right(self, bound):
        """At the frequencies of the pilot, the loss of radius is within tol."""
        n, tol, pilot = 1000, 0.05, pilots()
        rule = planned(pilot, n=n, tol=tol, bound=bound)

        def radius(size):
            top, other = np.floor(size * np.sort(pilot / 100).T[::-1])
            return RADIUS(*bound(top, other, size, 1e-3))

        assert np.all(radius(np.full(len(pilot), n)) - radius(rule.draws) <= tol)

    def test_the_plan_is_kept_where_the_pilot_was_unlucky(self, bound):
        """Likewise, up to one vote, where the class is as frequent as a 90 % bound allows."""
        proportion = pytest.importorskip("statsmodels.stats.proportion")
        n, tol, pilot = 10_000, 0.05, pilots()[50:]
        rule = planned(pilot, n=n, tol=tol, bound=bound)
        _, frequency = proportion.proportion_confint(pilot[:, 0], 100, 2 * 0.1, method="beta")

        def radius(size, shift=0):
            top = np.minimum(size, np.floor(size * frequency).astype(int) + shift)
            return RADIUS(*bound(top, size - top, size, 1e-3))

        assert np.all(radius(np.full(len(pilot), n)) - radius(rule.draws, 1) <= tol)

    @pytest.mark.parametrize("votes", [0, 30, 50, 64, 90, 100])
    def test_coverage_is_exact_whatever_the_pilot_said(self, bound, votes):
        """The draws that are planned are not those of the pilot: any plan is as good as another."""
        pilot = np.array([[votes, 100 - votes]])
        rule = planned(pilot, n=1000, bound=bound, alpha=0.05)
        size = int(rule.draws[0])
        counts = outcomes(size)
        every = planned(np.repeat(pilot, size + 1, axis=0), n=1000, bound=bound, alpha=0.05)
        selected, p_lower, p_upper = every.bounds(counts)
        assert set(selected) == {pilot.argmax()}
        for p in GRID:
            right = (p, 1 - p)[pilot.argmax()]
            false = (p_lower > right) | (p_upper < 1 - right)
            assert stats.binom.pmf(np.arange(size + 1), size, p)[false].sum() <= 0.05


@pytest.mark.parametrize("bound", [one_sided, two_sided])
def test_measuring_is_certify_of_the_paper(bound):
    rng = np.random.default_rng(0)
    counts = rng.multinomial(1000, [0.8, 0.15, 0.05], size=50)
    pilot = rng.multinomial(10, [0.8, 0.15, 0.05], size=50)
    rule = FixedSampleSize(1000, 1e-3, bound, pilot.argmax(axis=1))
    assert rule.sizes == [1000]
    assert not rule.undecided(0, np.arange(50), counts).any()
    full = certify_counts(
        pilot, counts, noise=FloatGaussian(1.0), classes=np.arange(3), alpha=1e-3, bound=bound
    )
    codes, p_lower, p_upper = rule.bounds(counts)
    assert np.array_equal(codes, full.selected)
    assert np.array_equal(p_lower, full.p_lower)
    assert np.array_equal(p_upper, full.p_upper)
    assert RADIUS(*rule.ceiling())[0] == full.max_radius


def test_looks_for_hopeless_rows_are_worth_a_call():
    """Whole blocks of any size, and none where little is left to draw."""
    expected = {10_000: [10_000], 24_576: [24_576], 100_000: [65_536, 81_920, 100_000]}
    for n, sizes in expected.items():
        assert Curtailed(n, 1e-3, np.zeros(1, dtype=np.intp)).sizes == sizes
    for n in (10**6, 3 * 10**8):
        sizes = Curtailed(n, 1e-3, np.zeros(1, dtype=np.intp)).sizes
        assert len(sizes) == 9
        assert all(size % 4096 == 0 for size in sizes[:-1])
