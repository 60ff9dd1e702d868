"""predict and certify of a fitted SmoothedRegressor, by closed form or by sampling."""

import abc
import dataclasses
import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

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
from ..records import numbers
from ..rows import as_rows
from ..sampling import Report, Sampler, collect
from ..sampling.progress import progress_bar
from ..sampling.sampler import Journal
from . import inputs as check
from .callbacks import telling_bars
from .logged import (
    LoggedRows,
    answers_of,
    certify_with_log,
    labels_for_log,
    numbered,
    numbers_of,
    refuse_labels_without_log,
)
from .number_smoother import NumberSmoother, number_smoother_of
from .reading import warn_of_unknown
from .run import named_as, parts_of
from .smoother import refuse_gaps

__all__ = [
    "bounds_of_rows",
    "certificate_of_rows",
    "predict_numbers",
    "quantiles_of_outputs",
]

_GROUP_DRAWS = 2**20  # rows are finished by so many draws: they depend on nothing else
_OTHER_ENDS = (
    "interval must have one lower and one upper end for each row of X, or two numbers for all rows."
)

Floats = NDArray[np.float64]


class _Part(NamedTuple):
    """Some rows of X, and how to ask about them: by a closed form, or in groups by draws."""

    first: int
    X: NDArray[Any]
    closed: ClosedOutput | None
    smoother: NumberSmoother

    def groups(self, draws: int) -> Iterator[tuple[slice, Sampler]]:
        """Yield the rows, some at a time so that counts fit into memory, and their samplers."""
        sampler = self.smoother.sampler(self.X, first_row=self.first)
        size = max(1, _GROUP_DRAWS // draws)
        for start in range(0, len(self.X), size):
            rows = slice(start, start + size)
            yield rows, sampler.at(rows, None, ())


def _parts(reg: Any, X: Any) -> Iterator[_Part]:
    first, frame, parts = parts_of(reg, X)
    smoother = number_smoother_of(reg, frame)
    warn_of_unknown(reg, first, smoother.noise)
    closed: Any = smoother.closed_form(first)
    for number, part in numbered(parts):
        if closed is not None:
            refuse_gaps(part)
        yield _Part(number, part, closed, smoother)


def predict_numbers(reg: Any, X: Any) -> Floats:
    """Return the median output around each row."""
    return _asked(reg, X, lambda closed, rows: closed.median(rows), medians)


def quantiles_of_outputs(reg: Any, X: Any, q: ArrayLike) -> Floats:
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
    reg: Any,
    X: Any,
    computed: Callable[[ClosedOutput, NDArray[Any]], Floats],
    drawn: Callable[[Floats], Floats],
) -> Floats:
    n = int(reg.n_predict)
    found = []
    for part in _parts(reg, X):
        if part.closed is not None:
            found.append(computed(part.closed, part.X))
        else:
            groups = part.groups(n)
            found += [drawn(collect(sampler, n, Purpose.PREDICT)) for _, sampler in groups]
    return np.concatenate(found)


def _plan(reg: Any, *, n: Any, n0: Any, alpha: Any, radius: Any) -> Plan:
    return Plan(
        n=check_draws("n", reg.n if n is None else n),
        n0=check_draws("n0", reg.n0 if n0 is None else n0),
        alpha=check_alpha(reg.alpha if alpha is None else alpha),
        radii=None if radius is None else check_radii(radius),
    )


class _Job(abc.ABC):
    """One question about rows; see `logged.Job`."""

    layout = numbers

    def __init__(
        self,
        smoother: NumberSmoother,
        closed: ClosedOutput | None,
        plan: Plan,
        report: Report | None,
        **settings: Any,
    ) -> None:
        self.smoother, self.closed, self.plan, self.report = smoother, closed, plan, report
        self.group = 1024 if closed is not None else max(1, _GROUP_DRAWS // plan.draws)
        self.identity: dict[str, Any] = {"settings": settings}
        if closed is not None:
            self.identity |= {"method": "exact", "form": closed.name}
        else:
            self.identity |= {name: getattr(plan, name) for name in ("n", "n0", "alpha")}
            self.identity |= {"method": "montecarlo", "asked_radii": plan.radii}
            self.identity |= {"seed": smoother.seed.hex(), "stream": smoother.stream}

    def skip(self, n_rows: int) -> None:
        """Report rows that were finished before."""
        if self.report is not None:
            self.report(n_rows * self.plan.draws)

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


class _Bound(_Job):
    """Bounds within radii: of one that is a number, arrays without an axis for it."""

    one = False

    def _computed(self, closed: ClosedOutput, X: NDArray[Any], first: int) -> PredictionBounds:
        radii = self.plan.radii
        assert radii is not None
        return self._as_asked(compute_bounds(closed, X, self.smoother.noise, radii))

    def _drawn(self, sampler: Sampler, first: int) -> PredictionBounds:
        return self._as_asked(bound_medians(sampler, self.plan))

    def _as_asked(self, bounds: PredictionBounds) -> PredictionBounds:
        if not self.one:
            return bounds
        lower, upper = bounds.lower[:, 0], bounds.upper[:, 0]
        assert self.plan.radii is not None
        return dataclasses.replace(bounds, lower=lower, upper=upper, radius=self.plan.radii[0])


class _Stay(_Job):
    """Radii for intervals: around predictions, or as the user has named them."""

    within = 0.0
    ends: tuple[Floats, ...] = ()

    def _computed(self, closed: ClosedOutput, X: NDArray[Any], first: int) -> RegressionCertificate:
        lower, upper = self._interval(closed.median(X), first)
        return compute_radii(closed, X, self.smoother.noise, lower, upper)

    def _drawn(self, sampler: Sampler, first: int) -> RegressionCertificate:
        predictions = medians(collect(sampler, self.plan.n0, Purpose.SELECT))
        lower, upper = self._interval(predictions, first)
        return certify_medians(sampler, self.plan, lower, upper, predictions)

    def _interval(self, predictions: Floats, first: int) -> tuple[Floats, Floats]:
        if not self.ends:
            return predictions - self.within, predictions + self.within
        here = slice(first, first + len(predictions))
        lower, upper = (
            end[here] if end.ndim else np.full(len(predictions), end) for end in self.ends
        )
        return lower, upper


def _carried_out(
    reg: Any, X: Any, plan: Plan, make: Callable[..., _Job], log: Any, y: Any, verbose: int | None
) -> Any:
    """Answer for all rows, into a log if there is one; `make` makes the job, given their number."""
    refuse_labels_without_log(y, log)
    first, frame, parts = parts_of(reg, X)
    smoother = number_smoother_of(reg, frame)
    warn_of_unknown(reg, first, smoother.noise)
    closed: Any = smoother.closed_form(first)
    rows = as_rows(X)
    n_rows = len(first if rows is None else rows)
    shown = 0 if closed is not None else verbose
    with (
        progress_bar(n_rows, plan.draws, shown) as bar,
        telling_bars(reg, n_rows * plan.draws, bar) as report,
    ):
        job = make(n_rows, smoother, closed, plan, report)
        if log is not None:
            answers = answers_of(reg, smoother, first if rows is None else rows)
            labels = labels_for_log(X, y, smoother.classes, n_rows)
            rows_of_log = LoggedRows(n_rows, labels, numbers_of(X, n_rows))
            result = certify_with_log(log, smoother, job, answers, rows_of_log, parts)
            return named_as(reg, X, result)
        found = []
        for number, part in numbered(parts):
            job.begin(part, number)
            starts = range(0, max(len(part), 1), job.group)
            found += [job.certify(slice(start, start + job.group)) for start in starts]
        return named_as(reg, X, type(found[0]).concatenate(found))


def bounds_of_rows(
    reg: Any,
    X: Any,
    radius: Any,
    *,
    log: Any = None,
    y: Any = None,
    verbose: int | None = None,
    **asked: Any,
) -> PredictionBounds:
    """Bound the predictions within radii; see `SmoothedRegressor.certify_interval`."""
    plan = _plan(reg, radius=radius, **asked)
    assert plan.radii is not None
    one = np.ndim(radius) == 0

    def make(n_rows: int, *given: Any) -> _Job:
        assert plan.radii is not None
        job = _Bound(*given, what="bounds", radius=plan.radii[0] if one else plan.radii)
        job.one = one
        return job

    bounds: PredictionBounds = _carried_out(reg, X, plan, make, log, y, verbose)
    none = [r for r, ranks in zip(plan.radii, bounds.ranks or (), strict=False) if not ranks[0]]
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
    reg: Any,
    X: Any,
    *,
    within: Any,
    interval: Any,
    radius: Any,
    log: Any = None,
    y: Any = None,
    verbose: int | None = None,
    **asked: Any,
) -> RegressionCertificate:
    """Certify that predictions stay in intervals; see `SmoothedRegressor.certify`."""
    plan = _plan(reg, radius=radius, **asked)
    ends = _ends_of(within, interval)

    def make(n_rows: int, *given: Any) -> _Job:
        if any(end.ndim and len(end) != n_rows for end in ends):
            raise ValueError(_OTHER_ENDS)
        each = np.broadcast_arrays(*ends)  # or one number and two would be as two and one
        named = hashlib.sha256(b"".join(end.tobytes() for end in each)).hexdigest()
        which = {"interval": named} if ends else {"within": float(within)}
        job = _Stay(*given, what="radii", **which)
        job.within, job.ends = 0.0 if ends else float(within), ends
        return job

    certificate: RegressionCertificate = _carried_out(reg, X, plan, make, log, y, verbose)
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
