"""A fitted smoothed regressor, frozen for one call, and the noises that it may have."""

import dataclasses
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..backends import FrameMaker, NumbersBackend, kind_inside, unwrap
from ..closed_forms import OUTPUT_FORMS, ClosedOutput, NotClosedError, output_form
from ..introspection.probes import probe_rows
from ..noise import Marginals, Noise
from ..noise.changes import ChangeNoise
from ..sampling import Report, Sampler
from ..sampling.trials import refuse_batch_readers
from .attributes import Smoothed
from .fitting import FittedBase
from .smoother import Smoother, noise_of, settings_of

__all__ = ["NumberSmoother", "check_noise", "number_smoother_of"]

_PROBES = 48

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

    @property
    def enumerates(self) -> bool:
        """False: outputs are drawn or computed, and not asked about one by one."""
        return False

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

    def _read(self, X: NDArray[Any], marginals: Marginals, law: Any) -> ClosedOutput:
        if law.name != "normal" or marginals.replaced:
            name = "such" if marginals.replaced else law.name
            raise NotClosedError(f"it is not known under {name} noise")
        if self.gaps is not None and self.gaps.any():
            raise NotClosedError("values were missing in fit")
        whole = X[~np.isnan(X).reshape(len(X), -1).any(axis=1)]
        base, predict = self.base, self.backend.outputs
        return output_form(
            OUTPUT_FORMS, base.estimator, whole, marginals.deviations, predict, base.frame
        )


def check_noise(noise: Noise) -> Noise:
    """Return noise that a regressor may be smoothed with; refuse what has not been looked at.

    A bound on medians is a bound on an event, "at most y", as a certificate of two classes is: it
    needs a radius that does not fall as the probability of the event rises. By Neyman and Pearson
    that is so for every noise. Left out are those of which a radius does not say all.
    """
    if not (noise.additive or isinstance(noise, ChangeNoise)):
        raise ValueError(
            "A SmoothedRegressor takes noise that is added to all columns ('gaussian', 'laplace', "
            "'uniform'), or replaces values in all of them (Flip, Drop); got "
            f"{type(noise).__name__}."
        )
    return noise


def number_smoother_of(reg: Smoothed, frame: FrameMaker | None) -> NumberSmoother:
    """Return the smoother of a fitted regressor, with its parameters as they are now."""
    check_noise(noise_of(reg))
    nothing = np.zeros(0)
    base = FittedBase(reg.estimator_, nothing, nothing, frame or reg._frame)
    return NumberSmoother(base=base, **settings_of(reg))
