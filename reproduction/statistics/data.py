"""Where the authors' logs lie, and what they tell of the rows in them."""

import dataclasses
import os
import pathlib

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from sksmooth.records import read_log

__all__ = [
    "ALPHA_OF_LOG",
    "SIGMAS",
    "MissingDataError",
    "Rows",
    "cifar_log",
    "log_path",
    "recover",
]

SIGMAS = (0.12, 0.25, 0.5, 1.0)
# The paper says 0.001. The radii of unanimous votes show what was used: .457 at sigma .12 is 0.001,
# .978 at sigma .25 is 0.01. The log of sigma 1 has no unanimous row; 0.01 is assumed there.
ALPHA_OF_LOG = {0.12: 0.001, 0.25: 0.01, 0.5: 0.01, 1.0: 0.01}
_N = 100_000
_EDGE = 0.505  # with this share of n votes a row is just certified


class MissingDataError(Exception):
    """Raised if an experiment needs data that is not at hand; says which."""


def log_path(*parts: str) -> pathlib.Path:
    """Return the path of one of the authors' logs."""
    folder = os.environ.get("SKSMOOTH_DATA")
    if folder is None or not (path := pathlib.Path(folder, "locuslab_logs", *parts)).exists():
        raise MissingDataError(f"needs locuslab_logs/{'/'.join(parts)} in the folder SKSMOOTH_DATA")
    return path


def cifar_log(train: float, test: float) -> pathlib.Path:
    """Return the path of a CIFAR-10 certification log, by the noise of training and of testing."""
    parts = (f"noise_{train:.2f}", "test", f"sigma_{test:.2f}")
    return log_path("certify", "cifar10", "resnet110", *parts)


@dataclasses.dataclass(frozen=True)
class Rows:
    """What is known, or assumed, of the rows of a log.

    Attributes
    ----------
    p : ndarray of shape (n_rows,)
        Probability of the top class under noise.
    correct : ndarray of shape (n_rows,), bool
        Whether that class is the true one; False for abstaining rows, whose class is not told.
    abstained : ndarray of shape (n_rows,), bool
        Rows whose `p` is assumed.
    width : float
        That of the interval below the edge over which abstaining rows are assumed to spread.
    """

    p: NDArray[np.float64]
    correct: NDArray[np.bool_]
    abstained: NDArray[np.bool_]
    width: float


def recover(sigma: float, assumption: str = "continuous") -> Rows:
    """Recover the top-class probabilities behind the log of one sigma.

    A radius gives the count that it came from. Abstaining rows give nothing; by `assumption` they
    spread evenly over (.505 - w, .505], where w continues the density found between .505 and .605
    ("continuous"), over [.45, .503] ("hard"), or over [.2, .5] ("easy").
    """
    record = read_log(cifar_log(sigma, sigma), sigma=sigma, alpha=ALPHA_OF_LOG[sigma])
    certificate = record.certificate
    abstained = certificate.abstained
    p = np.zeros(len(record))
    p[~abstained] = _share_of_votes(certificate.p_lower[~abstained], ALPHA_OF_LOG[sigma])
    near = np.count_nonzero((p >= _EDGE) & (p < _EDGE + 0.1))
    width = 0.1 * np.count_nonzero(abstained) / near
    low, high = {
        "continuous": (_EDGE - width, _EDGE),
        "hard": (0.45, 0.503),
        "easy": (0.2, 0.5),
    }[assumption]
    m = np.count_nonzero(abstained)
    p[abstained] = low + (high - low) * (np.arange(m) + 0.5) / m
    return Rows(p, record.y_pred == record.y_true, abstained, width)


def _share_of_votes(p_lower: NDArray[np.float64], alpha: float) -> NDArray[np.float64]:
    """Return k / n for the count that has this Clopper-Pearson bound."""
    low, high = np.full(len(p_lower), 1.0), np.full(len(p_lower), float(_N))
    for _ in range(50):  # the level of a fixed bound falls as the count rises
        middle = 0.5 * (low + high)
        above = betainc(middle, _N - middle + 1, p_lower) > alpha
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    count = np.rint(low)  # logs have three digits: good to some 60 of 100,000 votes
    # unanimous votes do not mean that p is 1
    return np.where(count == _N, (_N + 0.5) / (_N + 1), count / _N)
