"""Results in words: for a terminal, for a notebook, and for the report."""

import functools
import html
import math
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ..checks import beside_changes
from ..noise import L2AndChanges
from .certificate import Certificate
from .plan import ENUMERATED
from .regression import PredictionBounds, RegressionCertificate
from .result import Result

__all__ = [
    "as_html",
    "as_text",
    "guarantee",
    "percent",
    "quantiles",
    "rounded_down",
]

_QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_CLASSES = 10


def as_text(result: Result) -> str:
    """Return what is certified, how it was found and what it guarantees, as text."""
    facts = [*_results(result), *_how_it_was_made(result)]
    wide = max(len(name) for name, _ in facts) + 2
    lines = [f"{name:<{wide}}{text}" for name, text in facts]
    return "\n".join([_title(result), *lines, guarantee(result)])


def as_html(result: Result) -> str:
    """Return the same as a table and a paragraph of HTML."""
    facts = [*_results(result), *_how_it_was_made(result)]
    rows = "".join(
        f'<tr><th style="text-align:left">{html.escape(name)}</th>'
        f'<td style="text-align:left">{html.escape(text)}</td></tr>'
        for name, text in facts
    )
    return (
        f"<div><table><caption>{_title(result)}</caption>"
        f"<tbody>{rows}</tbody></table><p>{html.escape(guarantee(result))}</p></div>"
    )


def _title(result: Result) -> str:
    return f"{type(result).__name__} of {len(result)} rows"


def guarantee(result: Result) -> str:
    """Return what the result promises of a row, in a few sentences."""
    norm = result.noise.norm
    radius = "its radius"
    if isinstance(result, PredictionBounds):
        several = isinstance(result.radius, tuple)
        radius = "the radius of the column" if several else f"{result.radius:g}"
    if norm.kind == "l0":
        region = "for every row that differs from it in at most `radius` features"
    else:
        named = "L-infinity" if norm.kind == "linf" else norm.kind.upper()
        what = " has" if norm.scale is None else f", divided by {norm.unit} feature by feature, has"
        region = f"for every change of the row that{what} an {named} length below {radius}"
    if isinstance(norm, L2AndChanges):
        region += (
            f", beside up to k changes in {len(norm.changing)} other columns with their own, "
            "smaller radius: radii_with(changes=k)"
        )
    if not result.noise.sound:
        return (
            "No guarantee: noise was added in floating point, which lets the base recognise the "
            "row. Certify with arithmetic='integer' for one."
        )
    if result.alpha == 0:
        chance = "This is computed, not sampled: it holds for certain"
    else:
        chance = (
            f"For each row this is true with a probability of at least "
            f"{percent(1 - result.alpha)} over the noise"
        )
    still = f" {result.noise.proviso}" if result.noise.proviso else ""
    may = len(norm.changing) if isinstance(norm, L2AndChanges) else 0
    if norm.scale is not None and norm.scale.count(0.0) > may:
        still += " Features without noise must stay as they are."
    if isinstance(result, Certificate):
        says = "On a certified row the smoothed classifier gives this label"
        of, right = "smoothed classifier", "whether the label is right"
    else:
        row = "a certified row" if isinstance(result, RegressionCertificate) else "each row"
        says = (
            f"On {row} the smoothed regressor, the median of the base's outputs under noise, stays "
            "from `lower` to `upper`"
        )
        of, right = "smoothed regressor", "the true value"
    return (
        f"{says} {region}. {chance}; it speaks of the {of}, not of the base, and not of {right}."
        f"{still}"
    )


def _how_it_was_made(result: Result) -> list[tuple[str, str]]:
    """Return the settings, without the seed."""
    run = result.run
    if run.form == ENUMERATED:
        how = "computed from all outcomes of the noise, no draws"
    elif run.method == "exact":
        how = f"computed from the closed form {run.form!r}, no draws"
    else:
        how = f"sampled, n={run.n}, n0={run.n0}, alpha={run.alpha:g}"
        how += f", {run.bound} bound" if isinstance(result, Certificate) else ""
        how += "" if run.tol is None else f", tol={run.tol:g}"
        how += "" if run.shortcut is None else f", shortcut {run.shortcut}"
    facts = [("method", how)]
    if run.asked_radii is not None and not isinstance(result, PredictionBounds):
        asked = ", ".join(f"{radius:g}" for radius in run.asked_radii)
        asked += beside_changes(run.asked_changes)
        facts.append(("decided", f"only the radii {asked}: no others were looked for"))
    return [*facts, ("noise", f"{run.noise.kind}, {run.noise.label}"), ("norm", result.norm)]


@functools.singledispatch
def _results(result: Result) -> list[tuple[str, str]]:
    """Return what was found of the rows: how many are certified, radii, labels or widths."""
    raise TypeError(f"No summary is known for a {type(result).__name__}.")


@_results.register
def _(c: Certificate) -> list[tuple[str, str]]:
    certified = ~c.abstained
    facts = [
        ("certified", _part(certified)),
        ("abstained", _part(c.abstained)),
    ]
    if certified.any():
        reach = "" if np.isinf(c.max_radius) else f" ({c.max_radius:.4g} if all votes agree)"
        facts.append(("radius", quantiles(c.radii[certified]) + reach))
        facts += _by_changes(c)
    if len(c):
        facts.append(("p_lower", quantiles(c.p_lower)))
    counts = [(label, int((c.selected == label)[certified].sum())) for label in c.classes.tolist()]
    shown = sorted(counts, key=lambda pair: -pair[1])[:_MOST_CLASSES]
    rest = f", and {len(counts) - len(shown)} more" if len(shown) < len(counts) else ""
    facts.append(("labels", ", ".join(f"{label}: {n}" for label, n in shown) + rest))
    return facts


@_results.register
def _(c: RegressionCertificate) -> list[tuple[str, str]]:
    certified = c.radii > 0
    facts = [("certified", _part(certified))]
    if certified.any():
        reach = "" if np.isinf(c.max_radius) else f" ({c.max_radius:.4g} if no draw misses)"
        facts.append(("radius", quantiles(c.radii[certified]) + reach))
    return [*facts, ("prediction", _range(c.predictions)), ("interval", _range(c.upper - c.lower))]


@_results.register
def _(bounds: PredictionBounds) -> list[tuple[str, str]]:
    facts = [("prediction", _range(bounds.prediction))]
    radii = bounds.radius if isinstance(bounds.radius, tuple) else (bounds.radius,)
    shape = len(bounds), len(radii)
    widths = bounds.upper.reshape(shape) - bounds.lower.reshape(shape)
    return [
        *facts,
        *((f"width at {r:.15g}", _range(w)) for r, w in zip(radii, widths.T, strict=True)),
    ]


def _range(values: NDArray[np.float64]) -> str:
    """Return the quartiles of numbers of any sign, as text."""
    if not len(values):
        return "none"
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75], method="lower").tolist()
    return f"median {median:.4g}, quartiles {low:.4g} and {high:.4g}"


def _by_changes(c: Certificate) -> list[tuple[str, str]]:
    """Return how many rows are certified beside each number of changed columns."""
    if not isinstance(c.noise.norm, L2AndChanges):
        return []
    facts = []
    for k in range(1, int(c.max_changes.max()) + 1):
        radii = c.radii_with(changes=k)
        proved = ~np.isnan(radii)
        facts.append((f"{k} changed", f"{_part(proved)}: radius {quantiles(radii[proved])}"))
    return facts or [("1 changed", _part(np.zeros(len(c), dtype=bool)))]


def quantiles(values: NDArray[np.float64]) -> str:
    """Return minimum, quartiles and maximum, as text."""
    found: Iterable[float] = np.quantile(values, _QUANTILES, method="lower").tolist()
    low, first, median, third, high = map(rounded_down, found)
    return f"median {median}, quartiles {first} and {third}, from {low} to {high}"


def rounded_down(value: float) -> str:
    """Return a number of 0 or more with four digits, and never as more than it is."""
    text = f"{value:.4g}"
    if float(text) > value:
        text = f"{float(text) - 10.0 ** (math.floor(math.log10(value)) - 3):.4g}"
    return text


def percent(share: float) -> str:
    """Return a share in percent, never rounded up to all."""
    text = f"{100 * share:.10g}" if share > 0.99 else f"{100 * share:.3g}"
    return f"{text} %"


def _part(rows: NDArray[np.bool_]) -> str:
    share = f" ({percent(rows.mean())})" if len(rows) else ""
    return f"{int(rows.sum())} of {len(rows)} rows{share}"
