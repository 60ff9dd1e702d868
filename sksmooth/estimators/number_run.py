"""predict and certify of a fitted SmoothedRegressor, by closed form or by sampling."""

import dataclasses
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..backends import FrameMaker, NumbersBackend, kind_inside, unwrap
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
from ..closed_forms import OUTPUT_FORMS, ClosedOutput, NotClosedError, output_form
from ..exceptions import NothingCertifiedWarning
from ..introspection.probes import probe_rows
from ..noise import Noise
from ..noise.streams import Purpose
from ..sampling import Report, Sampler, collect
from ..sampling.trials import refuse_batch_readers
from . import inputs as check
from .fitting import FittedBase
from .logged import numbered
from .run import named_as, parts_of
from .smoother import Smoother, noise_of, refuse_gaps, settings_of

__all__ = [
    "bounds_of_rows",
    "certificate_of_rows",
    "check_noise",
    "predict_numbers",
    "quantiles_of_outputs",
]

_GROUP_DRAWS = 2**20  # rows are finished by so many draws: they depend on nothing else
_PROBES = 48
_OTHER_ENDS = (
    "interval must have one lower and one upper end for each row of X, or two numbers for all rows."
)

Floats = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class NumberSmoother(Smoother):
    """Everything that the answers of a smoothed regressor depend on; of its base, no classes."""

    known_forms: ClassVar[str] = (
        "Closed forms are known for linear regressors, with a logarithmic link or a "
        "TransformedTargetRegressor around them too, for single trees, for boosting of stumps or "
        "without interactions (interaction_cst='no_interactions'; also XGBoost, LightGBM, "
        "CatBoost, EBM), and for ensembles of trees on few features, each also behind affine steps "
        "of a Pipeline."
    )

    @property
    def backend(self) -> NumbersBackend:
        """What asks the base as a whole."""
        estimator = self.base.estimator
        is_net = kind_inside(estimator).trains_per_batch and not unwrap(estimator)[0]
        return NumbersBackend(estimator, self.base.frame, float32=is_net)

    def sampler(
        self, X: NDArray[Any], report: Report | None = None, *, first_row: int = 0
    ) -> Sampler:
        """Return what draws outputs around some rows, for a base that reads no batches."""
        deviations = self.noise.deviations(X.shape[1:])
        rows = self.noise.probed(X)
        backend = self.backend.with_votes(probe_rows(rows, deviations, near=_PROBES, far=0))
        refuse_batch_readers(backend, rows, deviations, self.base.estimator)
        return Sampler(
            backend,
            X,
            self.noise,
            self.seed,
            stream=self.stream,
            batch_size=self.batch_size,
            n_jobs=self.n_jobs,
            report=report,
            first_row=first_row,
        )

    def _read(self, X: NDArray[Any], deviations: Floats, law: Any) -> ClosedOutput:
        if law.name != "normal":
            raise NotClosedError(f"it is not known under {law.name} noise")
        if self.gaps is not None and self.gaps.any():
            raise NotClosedError("values were missing in fit")
        whole = X[~np.isnan(X).reshape(len(X), -1).any(axis=1)]
        base, predict = self.base, self.backend.outputs
        return output_form(OUTPUT_FORMS, base.estimator, whole, deviations, predict, base.frame)


def check_noise(noise: Noise) -> Noise:
    """Return noise that a regressor may be smoothed with; refuse what has not been looked at."""
    if not noise.additive:
        raise ValueError(
            f"A SmoothedRegressor takes noise that is added to rows: 'gaussian', 'laplace' or "
            f"'uniform'; got {type(noise).__name__}, which replaces values."
        )
    return noise


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
    smoother = _smoother_of(reg, frame)
    closed: Any = smoother.closed_form(first)
    for number, part in numbered(parts):
        if closed is not None:
            refuse_gaps(part)
        yield _Part(number, part, closed, smoother)


def _smoother_of(reg: Any, frame: FrameMaker | None) -> NumberSmoother:
    check_noise(noise_of(reg))
    nothing = np.zeros(0)
    base = FittedBase(reg.estimator_, nothing, nothing, frame or reg._frame)
    return NumberSmoother(base=base, **settings_of(reg))


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


def _plan(reg: Any, n: Any, n0: Any, alpha: Any, radius: Any) -> Plan:
    return Plan(
        n=check_draws("n", reg.n if n is None else n),
        n0=check_draws("n0", reg.n0 if n0 is None else n0),
        alpha=check_alpha(reg.alpha if alpha is None else alpha),
        radii=None if radius is None else check_radii(radius),
    )


def bounds_of_rows(reg: Any, X: Any, radius: Any, n: Any, n0: Any, alpha: Any) -> PredictionBounds:
    """Bound the predictions within radii; see `SmoothedRegressor.certify_interval`."""
    plan = _plan(reg, n, n0, alpha, radius)
    assert plan.radii is not None
    found: list[PredictionBounds] = []
    for part in _parts(reg, X):
        if part.closed is not None:
            found.append(compute_bounds(part.closed, part.X, part.smoother.noise, plan.radii))
        else:
            found += [bound_medians(sampler, plan) for _, sampler in part.groups(plan.draws)]
    bounds = PredictionBounds.concatenate(found)
    none = [r for r, ranks in zip(plan.radii, bounds.ranks or (), strict=False) if not ranks[0]]
    if none:
        warnings.warn(
            f"All bounds at radius={max(none):g} are infinite: with n={plan.n}, alpha="
            f"{plan.alpha:g} and {bounds.noise.label}, the largest radius with finite ones is "
            f"{bounds.run.max_radius:.4g}. Draw more, or take a larger sigma.",
            NothingCertifiedWarning,
            stacklevel=user_level(),
        )
    if np.ndim(radius) == 0:
        lower, upper, one = bounds.lower[:, 0], bounds.upper[:, 0], plan.radii[0]
        bounds = dataclasses.replace(bounds, lower=lower, upper=upper, radius=one)
    return named_as(reg, X, bounds)


def certificate_of_rows(
    reg: Any, X: Any, within: Any, interval: Any, radius: Any, n: Any, n0: Any, alpha: Any
) -> RegressionCertificate:
    """Certify that predictions stay in intervals; see `SmoothedRegressor.certify`."""
    plan = _plan(reg, n, n0, alpha, radius)
    ends = _ends_of(within, interval)
    found: list[RegressionCertificate] = []

    def interval_of(rows: slice, predictions: Floats) -> tuple[Floats, Floats]:
        if interval is None:
            return predictions - float(within), predictions + float(within)
        lower, upper = (end[rows] if end.ndim else np.full(len(predictions), end) for end in ends)
        if not len(lower) == len(upper) == len(predictions):
            raise ValueError(_OTHER_ENDS)
        return lower, upper

    for part in _parts(reg, X):
        if part.closed is not None:
            predictions = part.closed.median(part.X)
            here = slice(part.first, part.first + len(part.X))
            lower, upper = interval_of(here, predictions)
            found.append(compute_radii(part.closed, part.X, part.smoother.noise, lower, upper))
            continue
        for rows, sampler in part.groups(plan.draws):
            predictions = medians(collect(sampler, plan.n0, Purpose.SELECT))
            start = part.first + rows.start
            lower, upper = interval_of(slice(start, start + len(predictions)), predictions)
            found.append(certify_medians(sampler, plan, lower, upper, predictions))
    certificate = RegressionCertificate.concatenate(found)
    if any(end.ndim and len(end) != len(certificate) for end in ends):
        raise ValueError(_OTHER_ENDS)
    check.warn_if_out_of_reach(certificate)
    return named_as(reg, X, certificate)


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
