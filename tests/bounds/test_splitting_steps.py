"""Radii of deterministic splitting noise: published ones, and all pairs of small grids."""

import itertools

import numpy as np
import pytest

from sksmooth.bounds import splitting_steps


@pytest.mark.parametrize(("sigma", "m"), [("0.5", 441), ("2.0", 1766)])
def test_published_labels_and_radii(data_folder, sigma, m):
    """All 10,000 rows of CIFAR-10 of Levine and Feizi (2021), made by their code."""
    with np.load(data_folder / "splitting_cifar10_counts.npz") as data:
        counts, radii = data[f"counts_{sigma}"], data[f"K_{sigma}"]
        assert data[f"m_{sigma}"] == m
    labels, steps = splitting_steps(counts)
    assert len(labels) == 10_000
    assert np.array_equal(steps, radii)
    assert np.array_equal(labels, counts.argmax(axis=1))
    assert np.all(counts.max(axis=1) == counts[np.arange(10_000), labels])


def votes_of_all_rows(rng, n_columns, length, m):
    """Votes at every row of a small grid, from a base that answers each tuple of cells by lot."""
    rows = np.array(list(itertools.product(range(length), repeat=n_columns)))
    start = rng.integers(m, size=n_columns)
    n_classes = int(rng.integers(2, 4))
    n_cells = length // m + 3
    # few lots of each class, so that some rows have a certificate
    share = rng.dirichlet(np.full(n_classes, 0.3))
    answers = rng.choice(n_classes, size=(n_cells,) * n_columns, p=share)
    votes = np.zeros((len(rows), n_classes), dtype=np.int16)
    answered = np.empty((m, len(rows)), dtype=np.int64)
    for t in range(m):
        cells = (rows - (start + t) % m - 1) // m + 1
        answered[t] = answers[tuple(cells.T)]
        votes[np.arange(len(rows)), answered[t]] += 1
    return rows, votes, answered


def test_all_pairs_of_small_grids():
    """No certificate is false, and no more votes change than there are steps between two rows."""
    rng, pairs, certified, tight = np.random.default_rng(0), 0, 0, 0
    for _ in range(60):
        n_columns = int(rng.integers(1, 4))
        length = {1: 60, 2: 11, 3: 6}[n_columns]
        rows, votes, answered = votes_of_all_rows(rng, n_columns, length, int(rng.integers(2, 13)))
        labels, steps = splitting_steps(votes)
        distance = np.abs(rows[:, None] - rows[None]).sum(axis=2)
        changed = sum((part[:, None] != part[None]).astype(np.int16) for part in answered)
        assert np.all(changed <= distance)
        near = distance <= steps[:, None]
        assert np.all(labels[:, None] == labels[None], where=near)
        # the next distance is not always too much; sometimes it is
        beyond = distance == steps[:, None] + 1
        tight += int(np.sum(beyond & (labels[:, None] != labels[None])))
        pairs += distance.size
        certified += int(np.sum(near & (distance > 0)))
    assert pairs > 500_000
    assert certified > 100_000
    assert tight > 500


def test_one_column_changes_one_vote_a_step():
    """A base that tells all cells apart: as many votes change as there are steps, up to all m."""
    for m in (4, 8):
        rows = np.arange(40)
        cells = np.stack([(rows - t - 1) // m + 1 for t in range(m)])
        changed = (cells[:, :, None] != cells[:, None, :]).sum(axis=0)
        assert np.array_equal(changed, np.minimum(np.abs(rows[:, None] - rows), m))


def test_equals():
    """By all ways to change k votes: the label stands up to `steps`, and not beyond."""
    for votes in itertools.product(range(8), repeat=3):
        if sum(votes) != 7:
            continue
        label, steps = splitting_steps(votes)
        assert label == votes.index(max(votes))

        def survives(k, label=int(label), votes=votes):
            return all(
                np.argmax(other) == label
                for other in itertools.product(range(8), repeat=3)
                if sum(other) == 7 and np.abs(np.subtract(other, votes)).sum() <= 2 * k
            )

        assert survives(int(steps))
        assert not survives(int(steps) + 1)


def test_types_and_shapes():
    short = np.array([[0, 30_000, 2], [30_000, 1, 1]], dtype=np.int16)
    for dtype in (np.int16, np.uint16, np.int64, np.uint64):
        labels, steps = splitting_steps(short.astype(dtype))
        assert labels.tolist() == [1, 0]
        assert steps.tolist() == [14_999, 14_999]
    assert splitting_steps(np.zeros((0, 3), dtype=int))[0].shape == (0,)
    assert splitting_steps([[[3, 1]], [[2, 2]]])[1].tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("votes", "match"),
    [
        ([[0.5, 0.5]], "votes must be integers.*got float64"),
        ([[7], [7]], r"two classes or more.*shape \(2, 1\)"),
        ([[7, 0], [3, 3]], "same number for each row; got rows with sums from 6 to 7"),
        ([[8, -1]], "least count -1"),
    ],
)
def test_what_is_refused(votes, match):
    with pytest.raises(ValueError, match=match):
        splitting_steps(votes)
