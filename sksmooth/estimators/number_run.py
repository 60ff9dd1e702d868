"""predict and certify of a fitted SmoothedRegressor, by closed form or by sampling."""

import abc
import dataclasses
import hashlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..certificate import Plan
from ..certificate.medians import (
    bound_medians,
    certify_medians,
    compute_bounds,
    compute_radii,
    medians,
)
from ..certificate.regression import PredictionBounds, RegressionCertificate
from ..checks import check_alpha, check_draws, check_radii, is_real, user_level
from ..closed_forms import ClosedOutput
from ..exceptions import NothingCertifiedWarning
from ..noise.streams import Purpose
from ..records import number_log
from ..sampling import Report, Sampler, collect
from ..sampling.sampler import Journal
from . import inputs as check
from .attributes import Smoothed
from .jobs import Asked, Job, ask_about, groups_of, outputs_around
from .logged import carry_out, refuse_labels_without_log
from .number_smoother import NumberSmoother, number_smoother_of
from .smoother import refuse_gaps

__all__ = [
    "bounds_of_rows",
    "certificate_of_rows",
    "predict_numbers",
    "quantiles_of_outputs",
]

_OTHER_ENDS = (
    "interval must have one lower and one upper end for each row of X, or two numbers for all rows."
)

Floats = NDArray[np.float64]
_Asked = Asked[NumberSmoother]


def predict_numbers(reg: Smoothed, X: Any) -> Floats:
    """Return the median output around each row."""
    return _asked(reg, X, lambda closed, rows: closed.median(rows), medians)


def quantiles_of_outputs(reg: Smoothed, X: Any, q: ArrayLike) -> Floats:
    """Return quantiles of the outputs around each row."""
    levels = np.asarray(q, dtype=np.float64)
    if levels.ndim > 1 or not np.all((levels > 0) & (levels < 1)):
        raise ValueError(
            f"q must be a number between 0 and 1, or a sequence of such numbers; got {q!r}."
        )
    several = np.atleast_1d(levels)

    def computed(closed: ClosedOutput, rows: NDArray[Any]) -> Floats:
        return np.stack([closed.quantile(rows, float(level)) for level in several], axis=1)

    def drawn(outputs: Floats) -> Floats:
        return np.quantile(outputs, several, axis=1, method="inverted_cdf").T

    found = _asked(reg, X, computed, drawn)
    return found if levels.ndim else found[:, 0]


def _asked(
    reg: Smoothed,
    X: Any,
    computed: Callable[[ClosedOutput, NDArray[Any]], Floats],
    drawn: Callable[[Floats], Floats],
) -> Floats:
    asked = ask_about(reg, X, number_smoother_of)
    if asked.closed is None:
        outputs = outputs_around(asked.smoother, asked.parts, int(reg.n_predict))
        return np.concatenate([drawn(some) for some in outputs])
    return np.concatenate(
        [computed(asked.closed, part) for part in map(_without_gaps, asked.parts)]
    )


def _without_gaps(part: NDArray[Any]) -> NDArray[Any]:
    refuse_gaps(part)
    return part


def _plan(reg: Smoothed, *, n: Any, n0: Any, alpha: Any, radius: Any) -> Plan:
    return Plan(
        n=check_draws("n", reg.n if n is None else n),
        n0=check_draws("n0", reg.n0 if n0 is None else n0),
        alpha=check_alpha(reg.alpha if alpha is None else alpha),
        radii=None if radius is None else check_radii(radius),
    )


class _NumberJob(Job):
    """One question about predictions, with the settings that a log notes of it."""

    layout: ClassVar[Any] = number_log

    def __init__(
        self, asked: _Asked, plan: Plan, report: Report | None, settings: dict[str, Any]
    ) -> None:
        super().__init__(0 if asked.closed is not None else plan.draws, report)
        self.smoother, self.closed, self.plan = asked.smoother, asked.closed, plan
        self.identity = {"settings": settings}
        if self.closed is not None:
            self.identity |= {"method": "exact", "form": self.closed.name}
        else:
            self.identity |= {name: getattr(plan, name) for name in ("n", "n0", "alpha")}
            self.identity |= {"method": "montecarlo", "asked_radii": plan.radii}
            self.identity |= {"seed": self.smoother.seed.hex(), "stream": self.smoother.stream}

    def groups(self, n_rows: int) -> Iterable[slice]:
        """Return few rows at a time, since their outputs are kept."""
        return groups_of(n_rows, self.group)

    def begin(self, part: NDArray[Any], first: int) -> None:
        """Go on to a part of the rows, which begins with the row number `first`."""
        self.part, self.first = part, first
        if self.closed is not None:
            refuse_gaps(part)
        else:
            self.sampler = self.smoother.sampler(part, self.report, first_row=first)

    def certify(self, rows: slice, journal: Journal | None = None, keys: Sequence[str] = ()) -> Any:
        """Answer for rows of the part; counts are journaled meanwhile, under the rows' keys."""
        first = self.first + rows.start
        if self.closed is not None:
            return self._computed(self.closed, self.part[rows], first)
        return self._drawn(self.sampler.at(rows, journal, keys), first)

    @abc.abstractmethod
    def _computed(self, closed: ClosedOutput, X: NDArray[Any], first: int) -> Any:
        """Answer for rows, whose first has this number, by a closed form."""

    @abc.abstractmethod
    def _drawn(self, sampler: Sampler, first: int) -> Any:
        """Answer for the sampler's rows, whose first has this number, by draws."""


class _Bound(_NumberJob):
    """Bounds within radii: of one that is a number, arrays without an axis for it."""

    def __init__(
        self, asked: _Asked, plan: Plan, report: Report | None, radii: tuple[float, ...], one: bool
    ) -> None:
        settings = {"what": "bounds", "radius": radii[0] if one else radii}
        super().__init__(asked, plan, report, settings)
        self.radii, self.one = radii, one

    def _computed(self, closed: ClosedOutput, X: NDArray[Any], first: int) -> PredictionBounds:
        return self._as_asked(compute_bounds(closed, X, self.smoother.noise, self.radii))

    def _drawn(self, sampler: Sampler, first: int) -> PredictionBounds:
        return self._as_asked(bound_medians(sampler, self.plan))

    def _as_asked(self, bounds: PredictionBounds) -> PredictionBounds:
        if not self.one:
            return bounds
        lower, upper = bounds.lower[:, 0], bounds.upper[:, 0]
        return dataclasses.replace(bounds, lower=lower, upper=upper, radius=self.radii[0])


class _Stay(_NumberJob):
    """Radii for intervals: around predictions, or between ends that the user has named."""

    def __init__(
        self,
        asked: _Asked,
        plan: Plan,
        report: Report | None,
        within: Any,
        ends: tuple[Floats, ...],
    ) -> None:
        each = np.broadcast_arrays(*ends)  # or one number and two would be as two and one
        named = hashlib.sha256(b"".join(end.tobytes() for end in each)).hexdigest()
        which = {"interval": named} if ends else {"within": float(within)}
        super().__init__(asked, plan, report, {"what": "radii", **which})
        self.within, self.ends = within, ends

    def _computed(self, closed: ClosedOutput, X: NDArray[Any], first: int) -> RegressionCertificate:
        lower, upper = self._interval(closed.median(X), first)
        return compute_radii(closed, X, self.smoother.noise, lower, upper)

    def _drawn(self, sampler: Sampler, first: int) -> RegressionCertificate:
        predictions = medians(collect(sampler, self.plan.n0, Purpose.SELECT))
        lower, upper = self._interval(predictions, first)
        return certify_medians(sampler, self.plan, lower, upper, predictions)

    def _interval(self, predictions: Floats, first: int) -> tuple[Floats, Floats]:
        if not self.ends:
            return predictions - float(self.within), predictions + float(self.within)
        here = slice(first, first + len(predictions))
        lower, upper = (
            end[here] if end.ndim else np.full(len(predictions), end) for end in self.ends
        )
        return lower, upper


def bounds_of_rows(
    reg: Smoothed, X: Any, radius: Any, *, log: Any, y: Any, verbose: int | None, **asked: Any
) -> PredictionBounds:
    """Bound the predictions within radii; see `SmoothedRegressor.certify_interval`."""
    plan, radii, one = _plan(reg, radius=radius, **asked), check_radii(radius), np.ndim(radius) == 0
    refuse_labels_without_log(y, log)
    rows = ask_about(reg, X, number_smoother_of)

    def job(report: Report | None) -> Job:
        return _Bound(rows, plan, report, radii, one)

    bounds: PredictionBounds = carry_out(
        reg, X, rows, job, plan.draws, log=log, y=y, verbose=verbose
    )
    none = [r for r, ranks in zip(radii, bounds.ranks or (), strict=False) if not ranks[0]]
    if none:
        warnings.warn(
            f"All bounds at radius={max(none):g} are infinite: with n={plan.n}, alpha="
            f"{plan.alpha:g} and {bounds.noise.label}, the largest radius with finite ones is "
            f"{bounds.run.max_radius:.4g}. Draw more, or take a larger sigma.",
            NothingCertifiedWarning,
            stacklevel=user_level(),
        )
    return bounds


def certificate_of_rows(
    reg: Smoothed,
    X: Any,
    *,
    within: Any,
    interval: Any,
    log: Any,
    y: Any,
    verbose: int | None,
    **asked: Any,
) -> RegressionCertificate:
    """Certify that predictions stay in intervals; see `SmoothedRegressor.certify`."""
    plan, ends = _plan(reg, **asked), _ends_of(within, interval)
    refuse_labels_without_log(y, log)
    rows = ask_about(reg, X, number_smoother_of)
    if any(end.ndim and len(end) != len(rows.X) for end in ends):
        raise ValueError(_OTHER_ENDS)

    def job(report: Report | None) -> Job:
        return _Stay(rows, plan, report, within, ends)

    certificate: RegressionCertificate = carry_out(
        reg, X, rows, job, plan.draws, log=log, y=y, verbose=verbose
    )
    check.warn_if_out_of_reach(certificate)
    return certificate


def _ends_of(within: Any, interval: Any) -> tuple[Floats, ...]:
    """Return the lower and the upper ends of intervals that the user has named."""
    if (within is None) == (interval is None):
        raise ValueError(
            "certify needs within=, the largest change of a prediction, or interval=(lower, "
            "upper), and not both. For bounds at a radius use certify_interval(X, radius)."
        )
    if interval is None:
        if not (is_real(within) and 0 <= within < np.inf):
            raise ValueError(f"within must be a finite number of 0 or more; got {within!r}.")
        return ()
    try:
        lower, upper = (np.asarray(end, dtype=np.float64) for end in interval)
        right = max(lower.ndim, upper.ndim) <= 1 and bool(np.all(lower <= upper))
    except (TypeError, ValueError):
        right = False
    if not right:
        raise ValueError(
            "interval must be a pair (lower, upper) of numbers, or of arrays with one number per "
            f"row, lower <= upper; infinite ones may be among them. Got {interval!r}."
        )
    return lower, upper
