"""Draws to measure a radius with a given tolerance, on rows like those of the authors' logs.

`sksmooth.certificate.stopping.InputSpecificSampleSize`, which ``certify(X, tol=...)`` uses, against
100,000 draws a row and against fewer draws for all rows alike.
"""

import pathlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.page import Page, table
from sksmooth.bounds import clopper_pearson, one_sided
from sksmooth.certificate.stopping import InputSpecificSampleSize
from sksmooth.noise import FloatGaussian

from .data import SIGMAS, Rows, recover
from .simulation import N_FIXED, Votes, class_probabilities, follow

ALPHA = 0.001
TOLERANCES = (0.02, 0.05, 0.1)  # in units of sigma
PILOTS = (100, 1000)
UNIFORM = (1000, 2500, 5000, 10_000, 15_000, 20_000, 25_000, 35_000, 50_000, 70_000)
_RADIUS = FloatGaussian(
    1.0
).radius  # all radii here are in units of sigma, so that logs can be pooled

_SETTING = """\
Rows as in `statistics_decisions.md`: p recovered from the authors' CIFAR-10 logs at sigma 0.12,
0.25, 0.5 and 1 (where they abstain: assumed), {replicates} replicates. Radii are in units of
sigma and the four logs are pooled. n0 draws choose the class and the plan, fresh ones measure;
alpha {alpha}, at most 100,000 draws. All is compared with 100,000 draws of which those made are
the first.

ACR loss is that of the average certified radius, in percent; row loss is radius lost by a row,
over the rows that 100,000 draws certify. "Uniform" is as many draws for every row alike: first as
many as the plan makes on average (n0 included), then as many as lose no more ACR (by
interpolation)."""

_READING = """\
A plan keeps the loss of nearly every row near the tolerance: the 99th percentile is at most
{worst:.1f} tolerances, though no proof says so. Uniform draws lose most where p is near 1. That
is also why little can be saved: there the radius itself is as large as n allows."""


def run(quick: bool, folder: pathlib.Path) -> Page:
    replicates = 2 if quick else 20
    parts = [simulate(recover(sigma), i, replicates) for i, sigma in enumerate(SIGMAS)]
    fixed = np.concatenate([part["fixed"] for part in parts])
    correct = np.concatenate([part["correct"] for part in parts])
    plans = {}
    for key in parts[0]["plans"]:
        columns = zip(*(part["plans"][key] for part in parts), strict=True)
        plans[key] = [np.concatenate(column) for column in columns]

    def losses(radii: NDArray[np.float64], reference: NDArray[np.float64]) -> list[float]:
        certified = reference > 0
        lost = (reference - radii)[certified]
        acr = 100 * (1 - radii[correct].sum() / reference[correct].sum())
        return [float(acr), float(lost.mean()), float(np.quantile(lost, 0.99))]

    uniform = {
        n: losses(np.concatenate([part["uniform"][n] for part in parts]), fixed) for n in UNIFORM
    }
    lines = []
    for (n0, tol), (draws, radii, reference) in plans.items():
        mean = float(draws.mean())
        acr, mean_row, p99 = losses(radii, reference)
        lines.append(
            {
                "n0": n0,
                "tol": tol,
                "mean_draws": mean,
                "median_draws": float(np.median(draws)),
                "saving": (N_FIXED + n0) / (mean + n0),
                "acr_loss_percent": acr,
                "mean_row_loss": mean_row,
                "p99_row_loss": p99,
                "uniform_acr_loss": _between(mean + n0, uniform, 0),
                "uniform_p99": _between(mean + n0, uniform, 2),
                "uniform_n": _inverse(acr, uniform),
            }
        )
    figures = {"replicates": replicates, "plans": lines, "uniform": uniform}
    return Page("Draws to measure a radius", _blocks(figures), figures)


def simulate(rows: Rows, number: int, replicates: int) -> dict[str, Any]:
    """Measure one log's rows by all plans, and with fewer draws for all."""
    rng = np.random.default_rng([3, number])
    p = class_probabilities(np.tile(rows.p, replicates))
    pilots = {n0: rng.multinomial(n0, p) for n0 in PILOTS}
    rules = {
        (n0, tol): InputSpecificSampleSize(N_FIXED, ALPHA, one_sided, pilot, tol, _RADIUS)
        for n0, pilot in pilots.items()
        for tol in TOLERANCES
    }
    sizes = {N_FIXED, *UNIFORM}.union(*(rule.sizes for rule in rules.values()))
    votes = Votes(p, sizes, rng)

    def measured(n: int, selected: NDArray[np.intp]) -> NDArray[np.float64]:
        top = np.take_along_axis(votes.at(n), selected[:, None], axis=1)[:, 0]
        return _RADIUS(clopper_pearson(top, n, ALPHA))

    known = np.zeros(len(p), dtype=np.intp)
    plans = {}
    for (n0, tol), rule in rules.items():
        outcome = follow(rule, votes)
        # a class chosen wrongly costs the same with and without a plan
        reference = measured(N_FIXED, rule.selected)
        plans[n0, tol] = (outcome.draws, _RADIUS(outcome.p_lower, outcome.p_upper), reference)
    return {
        "correct": np.tile(rows.correct, replicates),
        "fixed": measured(N_FIXED, known),
        "uniform": {n: measured(n, known) for n in UNIFORM},
        "plans": plans,
    }


def _between(n: float, uniform: dict[int, list[float]], which: int) -> float:
    sizes = np.log([*uniform, N_FIXED])
    return float(np.interp(np.log(n), sizes, [*(loss[which] for loss in uniform.values()), 0.0]))


def _inverse(acr: float, uniform: dict[int, list[float]]) -> float:
    losses = [0.0, *(loss[0] for loss in reversed(uniform.values()))]
    return float(np.exp(np.interp(acr, losses, np.log([N_FIXED, *reversed(uniform)]))))


def _blocks(figures: dict[str, Any]) -> list[str]:
    plans = [
        [
            line["n0"],
            f"{line['tol']} sigma",
            f"{line['mean_draws']:,.0f}",
            f"{line['median_draws']:,.0f}",
            f"{line['saving']:.1f}x",
            f"{line['acr_loss_percent']:.2f} %",
            f"{line['mean_row_loss']:.3f}",
            f"{line['p99_row_loss']:.3f}",
            f"{line['uniform_acr_loss']:.2f} %, {line['uniform_p99']:.3f}",
            f"{line['uniform_n']:,.0f}",
        ]
        for line in figures["plans"]
    ]
    head = ["n0", "tol", "mean draws", "median", "saving", "ACR loss", "mean row loss"]
    head += ["99 % row loss", "uniform, same draws: ACR loss, 99 %", "uniform n of the same loss"]
    uniform = [
        [f"{n:,}", f"{acr:.2f} %", f"{mean:.3f}", f"{p99:.3f}"]
        for n, (acr, mean, p99) in figures["uniform"].items()
    ]
    worst = max(line["p99_row_loss"] / line["tol"] for line in figures["plans"])
    return [
        _SETTING.format(replicates=figures["replicates"], alpha=ALPHA),
        table(head, plans),
        _READING.format(worst=worst),
        "## Fewer draws for every row alike",
        table(["n", "ACR loss", "mean row loss", "99 % row loss"], uniform),
    ]
