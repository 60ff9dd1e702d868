"""The trade-off of two laws, against the lemma of Neyman and Pearson over the whole space."""

import itertools
import pathlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sksmooth.bounds import Pair, changes_proved, mixed_radius
from sksmooth.bounds.rational import log_of, round_down, round_up

SAME = Pair(((Fraction(1), Fraction(1)),))


def least(at_x, at_other, p):
    """The least mass at the other row of a randomised event with mass p: outcome by outcome."""
    order = sorted(
        range(len(at_x)), key=lambda i: at_other[i] / at_x[i] if at_x[i] else Fraction(10**99)
    )
    found, rest = Fraction(0), Fraction(p)
    for i in order:
        taken = min(rest, at_x[i])
        if taken:
            found += at_other[i] * taken / at_x[i]
        rest -= taken
    return found


def product_law(columns):
    """Masses of all outcomes of independent columns; one list of masses for each."""
    return [Fraction(np.prod([Fraction(1), *masses])) for masses in itertools.product(*columns)]


def categorical_law(row, keeps, others):
    return product_law(
        [
            [keep if value == v else (1 - keep) / k for value in range(k + 1)]
            for v, keep, k in zip(row, keeps, others, strict=True)
        ]
    )


def binary_law(row, add, remove):
    return product_law([[remove, 1 - remove] if v else [1 - add, add] for v in row])


def decimals(text):
    return Fraction(text)


# 30 digits, computed elsewhere in exact rational arithmetic
CATEGORICAL = {
    ("0.8", 1): "0.875 0.96875 0.9921875 0.99275 0.9969875",
    ("0.8", 3): "0.958333333333333333333333333333 0.996527777777777777777777777778 "
    "0.999710648148148148148148148148 0.999927932098765432098765432099 "
    "0.999990372942386831275720164609",
    ("0.6", 4): "0.916666666666666666666666666667 0.966666666666666666666666666667 "
    "0.991111111111111111111111111111 0.995611111111111111111111111111 "
    "0.998785185185185185185185185185",
    ("0.2", 255): "0.696862745098039215686274509804 0.853735332564398308342945021146 "
    "0.978988296688302387467866808392 0.994936458814855611828828145683 "
    "0.996190204392044541690660200404",
}
BINARY = {
    ("0.01", "0.6"): {
        (1, 0): "0.825",
        (0, 1): "0.696969696969696969696969696970",
        (1, 1): "0.89",
        (2, 1): "0.9914",
        (1, 2): "0.930969696969696969696969696970",
        (3, 3): "0.997562882424242424242424242424",
        (0, 5): "0.959116291485816943246232381006",
        (0, 10): "0.996657044756254631667757715355",
    },
    ("0.2", "0.4"): {
        (1, 0): "0.833333333333333333333333333333",
        (0, 1): "0.75",
        (1, 1): "0.9",
        (2, 1): "0.913333333333333333333333333333",
        (1, 2): "0.91",
        (3, 3): "0.976826666666666666666666666667",
        (0, 5): "0.95745",
        (0, 10): "0.993956211",
    },
}
CLOSE = Fraction(1, 10**30)


class TestReferenceValues:
    @pytest.mark.parametrize("case", CATEGORICAL)
    def test_categorical(self, case):
        keep, others = Fraction(case[0]), case[1]
        for k, expected in enumerate(CATEGORICAL[case].split(), start=1):
            assert abs(Pair.categorical(keep, others, k).needed - Fraction(expected)) <= CLOSE

    def test_columns_with_different_numbers_of_values(self):
        pair = SAME
        for others, expected in zip((5, 2, 1), ("29/30", "179/180", "3827/3840"), strict=True):
            pair = pair * Pair.categorical(Fraction("0.75"), others)
            assert pair.needed == Fraction(expected)

    @pytest.mark.parametrize("rates", BINARY)
    def test_binary(self, rates):
        for changed, expected in BINARY[rates].items():
            pair = Pair.binary(*changed, *map(Fraction, rates))
            assert abs(pair.needed - Fraction(expected)) <= CLOSE

    def test_values_between(self):
        one, two = (Pair.categorical(Fraction("0.8"), 3, k) for k in (1, 2))
        assert (
            abs(two.exact_lower(Fraction("0.95")) - Fraction("0.118888888888888888888888888889"))
            < CLOSE
        )
        assert 1 - two.exact_lower(1 - Fraction("0.02")) == Fraction(62, 75)
        assert one.exact_lower(Fraction("0.98")) == Fraction(19, 25)
        assert 1 - one.exact_lower(1 - Fraction("0.005")) == Fraction(3, 50)
        assert one.exact_lower(Fraction("0.9")) == Fraction(1, 6)
        assert 1 - one.exact_lower(1 - Fraction("0.02")) == Fraction(6, 25)

    def test_total_variation_times_categorical(self):
        one = Pair.categorical(Fraction("0.8"), 3)
        assert (Pair.within(Fraction("0.05")) * one).needed == Fraction(77, 80)
        assert (one * Pair.within(Fraction("0.1"))).needed == Fraction(29, 30)


def probabilities(rng, n):
    return [Fraction(int(v), 10**4) for v in rng.integers(0, 10**4 + 1, size=n)]


class TestWholeSpace:
    """Exact equality: the formula is a bound, and no larger one holds for every base."""

    def test_categorical(self):
        rng, n = np.random.default_rng(0), 0
        for _ in range(70):
            others = rng.integers(1, 4, size=int(rng.integers(1, 4))).tolist()
            keeps = [
                Fraction(1, k + 1)
                + (1 - Fraction(1, k + 1)) * Fraction(int(rng.integers(1, 20)), 20)
                for k in others
            ]
            row, other = ([int(rng.integers(k + 1)) for k in others] for _ in range(2))
            pair = SAME
            for keep, k, a, b in zip(keeps, others, row, other, strict=True):
                if a != b:
                    pair = pair * Pair.categorical(keep, k)
            laws = categorical_law(row, keeps, others), categorical_law(other, keeps, others)
            for p in probabilities(rng, 30):
                assert pair.exact_lower(p) == least(*laws, p)
                n += 1
        assert n == 2100

    def test_several_columns_alike(self):
        rng = np.random.default_rng(1)
        for others, changed, still in ((1, 4, 1), (2, 3, 1), (3, 2, 1), (1, 6, 0)):
            keep = Fraction(1, 10) + Fraction(9, 10) * Fraction(int(rng.integers(12, 20)), 20)
            d = changed + still
            laws = [
                categorical_law([v] * changed + [0] * still, [keep] * d, [others] * d)
                for v in (0, 1)
            ]
            pair = Pair.categorical(keep, others, changed)
            assert len(pair.atoms) == 2 * changed + 1 - (others == 1) * changed
            for p in probabilities(rng, 150):
                assert pair.exact_lower(p) == least(*laws, p)

    def test_binary(self):
        rng, n = np.random.default_rng(2), 0
        for _ in range(90):
            d = int(rng.integers(1, 6))
            add, remove = (Fraction(int(v), 20) for v in rng.integers(0, 21, size=2))
            row, other = (rng.integers(2, size=d).tolist() for _ in range(2))
            changed = list(zip(row, other, strict=True))
            pair = Pair.binary(changed.count((0, 1)), changed.count((1, 0)), add, remove)
            laws = binary_law(row, add, remove), binary_law(other, add, remove)
            for p in probabilities(rng, 30):
                assert pair.exact_lower(p) == least(*laws, p)
                n += 1
        assert n == 2700

    def test_dropped_columns(self):
        """Outcomes are what is seen: a value or nothing, in each column."""
        rng = np.random.default_rng(3)
        for _ in range(25):
            d = int(rng.integers(1, 5))
            drops = [Fraction(int(v), 20) for v in rng.integers(1, 20, size=d)]
            changed = rng.random(d) < 0.6
            # nothing, the row's own value, the changed row's own value
            here = product_law([[e, 1 - e, Fraction(0)] for e in drops])
            there = product_law(
                [
                    [e, Fraction(0), 1 - e] if c else [e, 1 - e, Fraction(0)]
                    for e, c in zip(drops, changed, strict=True)
                ]
            )
            gone = Fraction(
                np.prod([Fraction(1), *(e for e, c in zip(drops, changed, strict=True) if c)])
            )
            pair = Pair.within(1 - gone)
            for p in probabilities(rng, 20):
                assert (
                    pair.exact_lower(p) == least(here, there, p) == max(Fraction(0), p - (1 - gone))
                )

    def test_the_worst_base_loses_just_beyond(self):
        """At p = needed the worst event has 1/2 at the changed row; below, less; above, more."""
        for others, changed, keep in ((1, 3, "0.8"), (3, 2, "0.8"), (2, 3, "0.5")):
            pair = Pair.categorical(Fraction(keep), others, changed)
            laws = [
                categorical_law([v] * changed, [Fraction(keep)] * changed, [others] * changed)
                for v in (0, 1)
            ]
            assert least(*laws, pair.needed) == Fraction(1, 2)
            assert least(*laws, pair.needed - Fraction(1, 10**6)) < Fraction(1, 2)
            assert least(*laws, pair.needed + Fraction(1, 10**6)) > Fraction(1, 2)


class TestDominance:
    def test_more_values_are_worse(self):
        """With one `keep`, the worst changed columns are those with the most values."""
        rng = np.random.default_rng(4)
        grid = [Fraction(i, 24) for i in range(25)]
        for _ in range(40):
            keep = Fraction(int(rng.integers(11, 20)), 20)
            few, many = sorted(rng.integers(1, 12, size=2).tolist())
            more = int(rng.integers(1, 12))
            for extra in (SAME, Pair.categorical(keep, more)):
                worse, better = (Pair.categorical(keep, k) * extra for k in (many, few))
                assert all(worse.exact_lower(p) <= better.exact_lower(p) for p in grid)

    def test_ratio_and_distance_decide(self):
        rng = np.random.default_rng(5)
        grid, seen = [Fraction(i, 40) for i in range(41)], 0
        for _ in range(300):
            pairs, measures = [], []
            for others in rng.integers(1, 6, size=2).tolist():
                keep = Fraction(1, others + 1) + (1 - Fraction(1, others + 1)) * Fraction(
                    int(rng.integers(1, 20)), 20
                )
                other = (1 - keep) / others
                pairs.append(Pair.categorical(keep, others))
                measures.append((keep / other, keep - other))
            if all(a >= b for a, b in zip(*measures, strict=True)):
                seen += 1
                assert all(pairs[0].exact_lower(p) <= pairs[1].exact_lower(p) for p in grid)
        assert seen > 50

    def test_an_unknown_category(self):
        """Noise that shows it as any known value is nearer to every row than another value's is."""
        for others in range(1, 7):
            for keep in (Fraction(6, 10), Fraction(9, 10)):
                other, even = (1 - keep) / others, Fraction(1, others + 1)
                unknown = Pair(((keep, even), *[(other, even)] * others))
                known = Pair.categorical(keep, others)
                grid = [Fraction(i, 100) for i in range(101)]
                assert all(known.exact_lower(p) <= unknown.exact_lower(p) for p in grid)

    def test_more_changes_need_more(self):
        for make in (
            lambda k: Pair.categorical(Fraction("0.6"), 4, k),
            lambda k: Pair.binary(k, 2, Fraction("0.01"), Fraction("0.6")),
            lambda k: Pair.binary(2, k, Fraction("0.01"), Fraction("0.6")),
        ):
            needed = [make(k).needed for k in range(8)]
            assert needed == sorted(needed)
            assert needed[0] >= Fraction(1, 2)


@st.composite
def pairs(draw):
    n = draw(st.integers(1, 6))
    columns = []
    for _ in range(2):
        weights = draw(st.lists(st.integers(0, 50), min_size=n, max_size=n).filter(any))
        columns.append([Fraction(w, sum(weights)) for w in weights])
    return Pair(tuple(zip(*columns, strict=True)))


class TestTradeOff:
    @settings(max_examples=100, deadline=None)
    @given(pairs(), st.lists(st.floats(0, 1), min_size=1, max_size=8))
    def test_floats_are_on_the_smaller_side(self, pair, values):
        low, high = pair.lower(values), pair.upper(values)
        for p, a, b in zip(values, low, high, strict=True):
            below, above = pair.exact_lower(Fraction(p)), 1 - pair.exact_lower(1 - Fraction(p))
            assert 0 <= below - Fraction(float(a)) < Fraction("2e-12")
            assert 0 <= Fraction(float(b)) - above < Fraction("2e-12")

    @settings(max_examples=60, deadline=None)
    @given(pairs(), pairs(), st.lists(st.fractions(0, 1), min_size=3, max_size=3, unique=True))
    def test_shape(self, pair, other, values):
        """Convex, rising, below p; and a product of two pairs is harder than each."""
        a, b, c = sorted(values)
        low, middle, high = map(pair.exact_lower, (a, b, c))
        assert low <= middle <= high
        assert middle * (c - a) <= low * (c - b) + high * (b - a)
        assert middle <= b
        assert middle == least(*zip(*pair.atoms, strict=True), b)
        both = pair * other
        assert both == other * pair
        assert both.exact_lower(b) <= min(middle, other.exact_lower(b))

    @settings(max_examples=100, deadline=None)
    @given(pairs())
    def test_needed(self, pair):
        needed = pair.needed
        assert pair.exact_lower(needed) == Fraction(1, 2) or (
            needed == 1 and pair.exact_lower(Fraction(1)) <= Fraction(1, 2)
        )
        edge = round_up(needed)
        for p in (np.nextafter(edge, 0), edge, np.nextafter(edge, 2)):
            if p <= 1:
                assert pair.proves(p) == (Fraction(float(p)) > needed)

    @settings(max_examples=100, deadline=None)
    @given(pairs(), st.floats(0, 1), st.floats(0, 1))
    def test_two_sided(self, pair, p, q):
        q = min(q, 1 - p)
        exact = pair.exact_lower(Fraction(p)) > 1 - pair.exact_lower(1 - Fraction(q))
        proved = bool(pair.proves(p, q))
        assert exact or not proved
        if abs(pair.exact_lower(Fraction(p)) - 1 + pair.exact_lower(1 - Fraction(q))) > Fraction(
            "1e-11"
        ):
            assert proved == exact
        assert proved or not pair.proves(p)  # no bound on the others is worse than none

    def test_published_size(self):
        """Many lines, steep ones: 20 changed pixels of 256 levels."""
        rng = np.random.default_rng(6)
        pair = Pair.categorical(Fraction(1, 2), 255, 20)
        values = np.concatenate([1 - 10.0 ** rng.uniform(-16, 0, 60), rng.random(40)])
        low, high = pair.lower(values), pair.upper(1 - values)
        for p, a, b in zip(values.tolist(), low.tolist(), high.tolist(), strict=True):
            assert Fraction(a) <= pair.exact_lower(Fraction(p))
            assert Fraction(b) >= 1 - pair.exact_lower(1 - Fraction(1 - p))

    def test_tails_keep_their_digits(self):
        pair = Pair.categorical(Fraction("0.8"), 3, 12)
        edge = round_up(1 - pair.needed)
        assert edge < 1e-10
        assert pair.proves_from_tails([np.nextafter(edge, 0), edge, 2 * edge]).tolist() == [
            True,
            False,
            False,
        ]
        assert pair.proves_from_tails(2 * edge, 1e-300)
        assert pair.upper(1e-30) == pytest.approx(1e-30 * 12.0**12, rel=1e-12)
        assert pair.proves(1.0)  # full support: the base is constant

    def test_what_is_refused(self):
        with pytest.raises(ValueError, match=r"sum to 1 .* got 0.5 and 1.0"):
            Pair(((Fraction(1, 2), Fraction(1)),))
        with pytest.raises(ValueError, match="must not be negative"):
            Pair(((Fraction(-1), Fraction(1)), (Fraction(2), Fraction(0))))
        with pytest.raises(
            ValueError, match=r"keep=0.25 with n_others=3, where it must exceed 0.25"
        ):
            Pair.categorical(Fraction(1, 4), 3)
        with pytest.raises(ValueError, match="add and remove must be probabilities; got 2 and 0"):
            Pair.binary(1, 1, Fraction(2), Fraction(0))
        with pytest.raises(ValueError, match="must not be negative; got -1"):
            Pair.binary(-1, 1, Fraction(0), Fraction(0))
        with pytest.raises(ValueError, match="between 0 and 1; got 1.5"):
            Pair.within(Fraction(3, 2))

    @pytest.mark.parametrize("bad", [1.5, -0.1, np.nan])
    def test_probabilities_that_are_refused(self, bad):
        pair = Pair.categorical(Fraction(9, 10), 2)
        with pytest.raises(ValueError, match="p_lower must lie between 0 and 1"):
            pair.proves([0.9, bad])
        with pytest.raises(ValueError, match="p_upper must lie between 0 and 1"):
            changes_proved([pair], 0.9, bad)
        with pytest.raises(ValueError, match="miss must lie between 0 and 1"):
            mixed_radius(pair, 0.0, miss=bad)


class TestChanges:
    def test_counts(self):
        pairs = [Pair.categorical(Fraction("0.8"), 1, k) for k in range(1, 6)]
        needed = [float(pair.needed) for pair in pairs]
        p = np.array([0.3, 0.5, np.nextafter(0.5, 1), *np.repeat(needed, 2)])
        p[4::2] = np.nextafter(p[4::2], 1)
        # two of the five thresholds are floats: there `>` decides
        exact = [sum(Fraction(float(v)) > pair.needed for pair in pairs) for v in p]
        exact[:2] = [-1, -1]
        assert changes_proved(pairs, p).tolist() == exact
        assert changes_proved(pairs, 1.0) == 5
        assert changes_proved(pairs, [0.4], [0.1]).tolist() == [0]
        assert changes_proved([], [0.4, 0.6]).tolist() == [-1, 0]

    def test_several_pairs_of_as_many_changes(self):
        """All of them have to be proved; and none is made that is not needed."""
        easy, hard = (Pair.binary(*k, Fraction(1, 100), Fraction(6, 10)) for k in ((0, 1), (1, 0)))
        assert hard.needed > easy.needed

        def made():
            yield easy
            yield (easy, hard)
            yield hard * hard
            pytest.fail("not needed")

        assert changes_proved(made(), [0.6, 0.75, 0.83]).tolist() == [0, 1, 2]

    def test_from_tails(self):
        pairs = [Pair.categorical(Fraction("0.8"), 3, k) for k in range(1, 25)]
        by_tail = changes_proved(pairs, 0.0, miss=[1e-3, 1e-30, 0.0])
        assert by_tail[0] == changes_proved(pairs, 1 - 1e-3) == 2
        assert by_tail.tolist() == [2, 24, 24]
        assert changes_proved(pairs, 0.0, [1e-40], miss=[1e-12]) > changes_proved(
            pairs, 0.0, miss=[1e-12]
        )


@settings(max_examples=200, deadline=None)
@given(st.integers(1, 2**300), st.integers(1, 2**300))
def test_rational_numbers_as_floats(numerator, denominator):
    value = Fraction(numerator, denominator)
    low, high = round_down(value), round_up(value)
    assert Fraction(low) <= value <= Fraction(high)
    assert high in (low, np.nextafter(low, np.inf))
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(50):
        log = mpmath.log(mpmath.mpf(numerator) / denominator)
        assert abs(log_of(value) - log) < 3 * (abs(log) + 1) * 2**-53


PUBLISHED = pathlib.Path(__file__).with_name("lee_2019_thresholds.txt")


def published():
    """Lines of the thresholds that the authors of the L0 certificate have published."""
    lines = PUBLISHED.read_text().splitlines()
    return [line.split() for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("line", published(), ids=lambda line: f"keep {line[0]}, {line[1]} others")
def test_published_thresholds(line):
    """All 178, to their last digit; theirs count outcomes over 784 and 150,528 columns."""
    keep, others, *values = line
    for r, text in enumerate(values):
        pair = Pair.categorical(Fraction(keep), int(others), r) if r else SAME
        assert abs(Fraction(text) - pair.needed) <= Fraction(1, 10**20)
        near = pair.needed + np.array([-1, 1]) * Fraction(1, 10**14)
        if near[1] < 1:
            assert pair.proves(near.astype(float)).tolist() == [False, True]


def test_the_number_of_published_thresholds():
    found = published()
    assert [sum(len(line) - 2 for line in found if line[1] == k) for k in ("1", "255")] == [142, 36]
