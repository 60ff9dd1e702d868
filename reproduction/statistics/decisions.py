"""Draws to decide "is the certified radius at least r?", on rows like those of the authors' logs.

`sksmooth.certificate.stopping.GroupSequential`, which ``certify(X, radius=r)`` uses, against
100,000 draws a row, on the same simulated votes.
"""

import dataclasses
import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.page import Page
from sksmooth.bounds import clopper_pearson, one_sided_free
from sksmooth.certificate.stopping import Curtailed, GroupSequential, geometric_looks
from sksmooth.noise import FloatGaussian

from . import early_abstention
from .data import SIGMAS, Rows, recover
from .decisions_text import to_blocks
from .simulation import N_FIXED, Outcome, Votes, class_probabilities, follow

ALPHA = 0.001
RADII = (0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5)  # the paper's, for CIFAR-10


def run(quick: bool, folder: pathlib.Path) -> Page:
    replicates = 4 if quick else 40
    logs = {sigma: recover(sigma) for sigma in SIGMAS}
    measured = {sigma: measure(logs[sigma], sigma, 5 * replicates // 2) for sigma in SIGMAS}
    variants = {
        "abstaining rows all in [.45, .503] (hard)": measure_all("hard", replicates),
        "abstaining rows all in [.2, .5] (easy)": measure_all("easy", replicates),
        "at most 105,000 draws": measure_all("continuous", replicates, n_most=105_000),
        "at most 113,000 draws": measure_all("continuous", replicates, n_most=113_000),
    }
    figures = {
        "alpha": ALPHA,
        "replicates": 5 * replicates // 2,
        "variant_replicates": replicates,
        "n_fixed": N_FIXED,
        "logs": {
            str(sigma): {
                "rows": len(rows.p),
                "abstaining": int(rows.abstained.sum()),
                "width": rows.width,
                **measured[sigma].summary(),
            }
            for sigma, rows in logs.items()
        },
        "totals": totals(measured, np.random.default_rng(1), 200 if quick else 4000),
        "variants": {name: totals(m, None, 0) for name, m in variants.items()},
        "early_abstention": early_abstention.simulate(400 if quick else 4000),
    }
    return Page("Draws to decide on a radius", to_blocks(figures), figures)


@dataclasses.dataclass
class Measured:
    """Means over replicates for one sigma: a line per radius, the last for all radii in one run.

    Attributes
    ----------
    radii : list of float
        Those that the fixed rule can certify at all.
    draws : ndarray of shape (n_radii + 1, n_rows)
        Mean draws.
    medians : list of float
        Median draws over rows and replicates, line by line.
    certified : ndarray of shape (3, n_radii, n_rows)
        Share of the replicates in which a row is certified with its true label: by the fixed rule,
        when each radius is decided alone, and when all are decided in one run.
    curtailed : ndarray of shape (n_rows,)
        Mean draws of `Curtailed`.
    capped : ndarray of shape (n_radii + 1, n_rows)
        Share of the replicates in which all draws were made.
    """

    radii: list[float]
    draws: NDArray[np.float64]
    medians: list[float]
    certified: NDArray[np.float64]
    curtailed: NDArray[np.float64]
    capped: NDArray[np.float64]

    def losses(self) -> NDArray[np.float64]:
        """Return what is lost against the fixed rule, percentage points, (2, n_radii, n_rows)."""
        return 100 * (self.certified[0] - self.certified[1:])

    def summary(self) -> dict[str, Any]:
        """Return the means over rows, by line."""
        return {
            "radii": self.radii,
            "fixed_accuracy": self.certified[0].mean(axis=1).tolist(),
            "mean_draws": self.draws.mean(axis=1).tolist(),
            "median_draws": self.medians,
            "share_at_cap": self.capped.mean(axis=1).tolist(),
            "loss_pp": self.losses()[0].mean(axis=1).tolist(),
            "loss_pp_one_run": self.losses()[1].mean(axis=1).tolist(),
            "curtailed_mean_draws": float(self.curtailed.mean()),
        }


def measure_all(assumption: str, replicates: int, n_most: int = N_FIXED) -> dict[float, Measured]:
    """Measure all logs."""
    return {s: measure(recover(s, assumption), s, replicates, n_most) for s in SIGMAS}


def measure(rows: Rows, sigma: float, replicates: int, n_most: int = N_FIXED) -> Measured:
    """Simulate one log's rows, `replicates` times at once."""
    rng = np.random.default_rng([0, round(1000 * sigma)])
    p = class_probabilities(np.tile(rows.p, replicates))
    correct = np.tile(rows.correct, replicates)
    known = np.zeros(len(p), dtype=np.intp)
    curtailed = Curtailed(N_FIXED, ALPHA, known)
    looks, _ = geometric_looks(n_most, ALPHA)
    votes = Votes(p, [*looks, *curtailed.sizes, N_FIXED], rng)
    radius = FloatGaussian(sigma).radius
    # the fixed rule knows the top class: no selection that could go wrong, and no draws for it
    fixed = radius(clopper_pearson(votes.at(N_FIXED)[:, 0], N_FIXED, ALPHA))
    most = float(radius(clopper_pearson(N_FIXED, N_FIXED, ALPHA)))
    radii = [r for r in RADII if r <= most]

    def decide(radii: list[float]) -> Outcome:
        rule = GroupSequential(radii, len(p), n_most, ALPHA, one_sided_free, radius)
        return follow(rule, votes)

    def right(outcome: Outcome, r: float) -> NDArray[np.bool_]:
        proved = radius(outcome.p_lower, outcome.p_upper)
        return correct & (outcome.codes == 0) & _reaches(proved, r)

    alone, together = [decide([r]) for r in radii], decide(radii)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        return values.reshape(replicates, -1).mean(axis=0)

    lines = [*alone, together]
    return Measured(
        radii=radii,
        draws=np.stack([mean(outcome.draws) for outcome in lines]),
        medians=[float(np.median(outcome.draws)) for outcome in lines],
        certified=np.array(
            [
                [mean(correct & _reaches(fixed, r)) for r in radii],
                [mean(right(o, r)) for o, r in zip(alone, radii, strict=True)],
                [mean(right(together, r)) for r in radii],
            ]
        ),
        curtailed=mean(follow(curtailed, votes).draws),
        capped=np.stack([mean(outcome.draws == n_most) for outcome in lines]),
    )


def _reaches(radii: NDArray[np.float64], r: float) -> NDArray[np.bool_]:
    return radii >= r if r > 0 else radii > 0  # at 0 any certificate will do


def totals(
    measured: dict[float, Measured], rng: np.random.Generator | None, resamples: int
) -> dict[str, Any]:
    """Average over cells and over sigmas; bootstrap over rows, the same rows in all cells of a log.

    A saving is 100,000 over the mean, over the cells, of the mean number of draws.
    """

    def average(picks: list[Any]) -> dict[str, float]:
        logs = list(zip(measured.values(), picks, strict=True))
        cells = np.concatenate([m.draws[:-1, pick].mean(axis=1) for m, pick in logs])
        sets = np.array([m.draws[-1, pick].mean() for m, pick in logs])
        losses = np.concatenate([m.losses()[:, :, pick].mean(axis=2) for m, pick in logs], axis=1)
        return {
            "mean_draws": float(cells.mean()),
            "saving": float(N_FIXED / cells.mean()),
            "loss_pp": float(losses[0].mean()),
            "largest_loss_pp": float(losses[0].max()),
            "set_mean_draws": float(sets.mean()),
            "set_saving": float(N_FIXED / sets.mean()),
            "set_loss_pp": float(losses[1].mean()),
            "set_largest_loss_pp": float(losses[1].max()),
        }

    result: dict[str, Any] = average([slice(None)] * len(measured))
    if rng is not None:
        n_rows = [m.draws.shape[1] for m in measured.values()]
        draws = [average([rng.integers(n, size=n) for n in n_rows]) for _ in range(resamples)]
        for name in ("saving", "loss_pp", "set_saving", "set_loss_pp"):
            ends = np.quantile([draw[name] for draw in draws], [0.025, 0.975])
            result[f"{name}_interval"] = ends.tolist()
    return result
