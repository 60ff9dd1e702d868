"""Projected gradient descent on a smoothed net, in its own norm and against its own noise."""

import dataclasses
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d

from ..backends import kind_inside, unwrap
from ..certificate.procedures import predict_by_votes
from ..checks import check_draws, user_level
from ..estimators import Smoother, check_rows, smoother_of
from ..exceptions import NothingCertifiedWarning
from ..labels import check_label_kind, decode
from ..noise import Noise
from ..noise.streams import new_seed, row_key
from ..rows import as_rows
from ..sampling.progress import progress_bar
from .ball import Ball, check_clip, check_radius

__all__ = ["AttackResult", "pgd_attack"]

_LOSSES = ("probability", "cross-entropy")


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class AttackResult:
    """Perturbed rows, and what the smoothed classifier says of them.

    Unpacks as ``X_adv, success = result``.

    Attributes
    ----------
    X_adv : ndarray of shape (n_samples, *shape)
        Rows after the attack, in the precision of X and never further from it than `radius`.
    success : ndarray of shape (n_samples,), bool
        True where the smoothed classifier answers at `X_adv` with another label than `y`. An
        abstention there is no success.
    distance : ndarray of shape (n_samples,), float64
        How far `X_adv` is from X, in the norm `norm`.
    labels : ndarray of shape (n_samples,)
        The smoothed classifier's answers at `X_adv`.
    y : ndarray of shape (n_samples,)
        Labels that were attacked; the abstain label where there was none.
    radius : ndarray of shape (n_samples,), float64
        Radii that the attack was given.
    norm : str
        Norm of `distance` and `radius`: that of the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from sksmooth.attacks import AttackResult
    >>> result = AttackResult(
    ...     X_adv=np.array([[0.5], [2.0]]), success=np.array([True, False]),
    ...     distance=np.array([0.5, 0.4]), labels=np.array([1, 0]), y=np.array([0, 0]),
    ...     radius=np.array([0.5, 0.5]), norm="l2",
    ... )
    >>> result
    <AttackResult of 2 rows: 1 with another label; norm='l2'>
    """

    X_adv: NDArray[Any]
    success: NDArray[np.bool_]
    distance: NDArray[np.float64]
    labels: NDArray[Any]
    y: NDArray[Any]
    radius: NDArray[np.float64]
    norm: str

    def __iter__(self) -> Iterator[NDArray[Any]]:
        yield self.X_adv
        yield self.success

    def __len__(self) -> int:
        return len(self.success)

    def __repr__(self) -> str:
        return (
            f"<AttackResult of {len(self)} rows: {int(self.success.sum())} with another label; "
            f"norm={self.norm!r}>"
        )


def pgd_attack(
    clf: Any,
    X: ArrayLike,
    y: ArrayLike | None,
    radius: ArrayLike,
    *,
    n_draws: int = 32,
    steps: int = 20,
    step_size: ArrayLike | None = None,
    restarts: int = 1,
    loss: str = "probability",
    clip: Any = None,
    n: int | None = None,
    batch_size: int | None = None,
    random_state: Any = None,
    verbose: int = 0,
) -> AttackResult:
    r"""Look for points near rows at which a smoothed net gives another answer.

    Each step draws fresh noise :math:`\varepsilon_1, \ldots, \varepsilon_k`, goes a fixed length in
    the direction in which :math:`\frac{1}{k} \sum_i \ell(f(x + \delta + \varepsilon_i), y)` rises
    the fastest, and goes back into the ball [1]_ [2]_. The points that come out are then put to the
    smoothed classifier itself, with draws of its own: those of the attack, which it has been fitted
    to, do not count.

    Parameters
    ----------
    clf : SmoothedClassifier
        Fitted. The base must be a skorch net, frozen or not; scikit-learn's classifiers have no
        gradients, and those of a Pipeline end at its steps.
    X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
        Rows. Those of a torch ``Dataset`` are read into memory.
    y : array-like of shape (n_samples,) or None
        Labels to lead away from: the true ones, or those of a certificate. None takes the smoothed
        classifier's own. Rows with the abstain label are left as they are.
    radius : float or array-like of shape (n_samples,)
        How far each row may be moved, in the norm of the noise and thus of certificates:
        ``1.5 * certificate.radii``, say.
    n_draws : int, default=32
        Draws of noise a step, k.
    steps : int, default=20
        Steps of a run.
    step_size : float or array-like of shape (n_samples,), default=None
        Length of a step, in the unit of `radius`; None for ``2 * radius / steps``.
    restarts : int, default=1
        Runs. The first begins at the row, others at random points of the ball; of their ends, the
        one with the largest loss is taken.
    loss : {"probability", "cross-entropy"}, default="probability"
        Loss of a draw: the probability that the net gives to all classes but y, whose mean leads
        the way that minus the logarithm of the mean probability of y does [2]_; or cross-entropy.
    clip : (low, high), default=None
        Range of the data, for attacks that must stay in it. None leaves values free, as
        certificates do.
    n : int, default=None
        Draws per row with which the smoothed classifier answers; None for its `n_predict`.
    batch_size : int, default=None
        Noisy rows, at most, per call of the net; None for what suits it.
    random_state : int, RandomState instance or None, default=None
        Seeds the attack's noise and starting points.
    verbose : int, default=0
        1 shows a progress bar in a terminal or notebook.

    Returns
    -------
    result : AttackResult
        Unpacks as ``X_adv, success``. Each success is a fact with probability at least ``1 -
        alpha``, as each answer of `clf` is. **Failure proves nothing**: certificates do.

    Raises
    ------
    ValueError
        If the base has no gradients, or its scores or gradients are not finite; if an argument is
        out of range.

    See Also
    --------
    sksmooth.attacks.tightness_curve : Attacks beyond certified radii.

    Notes
    -----
    What becomes of a row depends on `random_state` and the row, not on the other rows or
    `batch_size`, up to the rounding of the net's arithmetic. No global generator is used.

    References
    ----------
    .. [1] J. Cohen, E. Rosenfeld and J. Z. Kolter (2019). "Certified Adversarial Robustness via
       Randomized Smoothing". ICML. arXiv:1902.02918, Appendix J.3.
    .. [2] H. Salman, G. Yang, J. Li, P. Zhang, H. Zhang, I. Razenshteyn and S. Bubeck (2019).
       "Provably Robust Deep Learning via Adversarially Trained Smoothed Classifiers". NeurIPS.
       arXiv:1906.04584.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sklearn.datasets import make_moons
    >>> from skorch import NeuralNetClassifier
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.attacks import pgd_attack
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> layers = [torch.nn.Linear(2, 32), torch.nn.ReLU(), torch.nn.Linear(32, 2)]
    >>> net = NeuralNetClassifier(
    ...     torch.nn.Sequential(*layers), criterion=torch.nn.CrossEntropyLoss,
    ...     optimizer=torch.optim.Adam, lr=0.01, max_epochs=20, batch_size=32, verbose=0,
    ... )
    >>> clf = SmoothedClassifier(net, sigma=0.3, random_state=0).fit(X.astype(np.float32), y)
    >>> labels, radii = clf.certify(X[:20], n=1000)
    >>> for factor in (0.99, 3.0):
    ...     result = pgd_attack(clf, X[:20], labels, factor * radii, steps=10, random_state=0)
    ...     print(factor, bool(result.success.mean() > 0.5))
    0.99 False
    3.0 True
    """
    elsewhere = as_rows(X)
    rows = check_rows(clf, X if elsewhere is None else elsewhere[:])
    steps = check_draws("steps", steps, "the number of steps")
    length = check_radius("radius", radius, len(rows))
    sizes: Any = 2.0 * length / steps if step_size is None else step_size
    size = check_radius("step_size", sizes, len(rows), positive=step_size is not None)
    runs = check_draws("restarts", restarts, "the number of restarts")
    n_draws = check_draws("n_draws", n_draws)
    n = check_draws("n", clf.n_predict if n is None else n)
    if loss not in _LOSSES:
        raise ValueError(f"loss must be one of {list(_LOSSES)}; got {loss!r}.")
    smoother = smoother_of(clf)
    backend, noise = _backend_of(smoother), smoother.noise
    if not noise.additive:
        raise ValueError(
            f"Attacks go along gradients, but rows under {noise.label} cannot move by small steps."
        )
    ball = Ball(rows, length, noise.norm, check_clip(clip, rows))
    codes = _codes_of(clf, smoother, rows, y, n)
    seed = new_seed(None if random_state is None else check_random_state(random_state))

    search = _Search(n_draws, steps, runs, loss, batch_size, seed)
    attacked = np.flatnonzero((codes >= 0) & (length > 0))
    X_adv, flat = rows.copy(), np.zeros(len(rows), dtype=bool)
    draws = search.draws
    with backend.running(), progress_bar(len(attacked), draws, verbose) as report:
        for part, ends, unmoved in search.ends(backend, noise, ball, codes, size, attacked):
            X_adv[part], flat[part] = ends, unmoved
            if report is not None:
                report(len(part) * draws)
    found, undecided = predict_by_votes(smoother.sampler(X_adv), n, clf.alpha, sequential=False)
    flat &= found == codes  # where all is wrong already, nothing rises either
    if flat.any():
        warnings.warn(
            f"The net's gradient was zero at every step for {flat.sum()} of {len(attacked)} "
            "rows: these have not been attacked. Its outputs may be steps (rounded, or signs).",
            NothingCertifiedWarning,
            stacklevel=user_level(),
        )
    return AttackResult(
        X_adv=X_adv,
        success=(found != codes) & (codes >= 0) & ~undecided,
        distance=ball.distance(X_adv),
        labels=decode(found, undecided, clf.classes_, clf.abstain_label_),
        y=decode(codes, codes < 0, clf.classes_, clf.abstain_label_),
        radius=length,
        norm=str(noise.norm),
    )


@dataclasses.dataclass(frozen=True)
class _Search:
    """How the ends of runs are looked for; see `pgd_attack`."""

    n_draws: int
    steps: int
    runs: int
    loss: str
    batch_size: int | None
    seed: bytes

    @property
    def draws(self) -> int:
        """Draws of noise for each row."""
        return self.runs * self.steps * self.n_draws

    def ends(
        self,
        backend: Any,
        noise: Noise,
        ball: Ball,
        codes: NDArray[np.int64],
        size: NDArray[np.float64],
        attacked: NDArray[np.intp],
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.floating], NDArray[np.bool_]]]:
        """Yield some of the attacked rows, where they end, and which had no direction to go."""
        from .skorch_gradient import NoisyGradient, batch_rows  # loads torch

        batch_size = self.batch_size
        if batch_size is None:
            batch_size = batch_rows(backend, ball.X[0])
        batch_size = check_draws("batch_size", batch_size, "the number of noisy rows per call")
        gradient = NoisyGradient(backend, noise, self.n_draws, self.loss, batch_size)
        at_once = max(1, batch_size // self.n_draws)
        for first in range(0, len(attacked), at_once):
            part = attacked[first : first + at_once]
            run = _Ascent(gradient, ball[part], codes[part], size[part], self.seed, noise.name)
            yield part, run.best_of(self.runs, self.steps), run.flat


class _Ascent:
    """Runs on a few rows at a time."""

    def __init__(
        self,
        gradient: Any,
        ball: Ball,
        codes: NDArray[np.int64],
        size: NDArray[np.float64],
        seed: bytes,
        noise: str,
    ) -> None:
        self.gradient, self.ball, self.codes, self.size = gradient, ball, codes, size
        self.seed = seed
        self.keys = self._keys(f"attack on {noise}")
        self.flat = np.ones(len(codes), dtype=bool)  # rows on which no step has had a direction
        self._number = 0  # of the step, through all runs: each has draws of its own

    def _keys(self, purpose: str) -> NDArray[np.uint64]:
        return np.array([row_key(self.seed, row, purpose) for row in self.ball.X])

    def best_of(self, runs: int, steps: int) -> NDArray[np.floating]:
        """Return the ends of the runs with the largest loss, row by row."""
        best, most = self.run(np.zeros(self.ball.X.shape), steps), None
        for number in range(1, runs):
            if most is None:
                most = self._rise(best)[0]
            points = self.run(self.ball.random(self._keys(f"start {number}")), steps)
            loss = self._rise(points)[0]
            best[loss > most] = points[loss > most]
            most = np.maximum(loss, most)
        return best

    def run(self, delta: NDArray[np.float64], steps: int) -> NDArray[np.floating]:
        """Return where the steps lead, from the rows moved by `delta`."""
        for _ in range(steps):
            _, rise = self._rise(self.ball.points(delta))
            self.flat &= ~rise.reshape(len(rise), -1).any(axis=1)
            delta = self.ball.project(delta + self.ball.step(rise, self.size))
        return self.ball.points(delta)

    def _rise(self, points: NDArray[np.floating]) -> Any:
        self._number += 1
        return self.gradient(points, self.codes, self.keys, self._number - 1)


def _backend_of(smoother: Smoother) -> Any:
    """Return the backend of a base that has gradients."""
    steps, model = unwrap(smoother.base.estimator)
    if not hasattr(smoother.backend, "scores") and not kind_inside(model).trains_per_batch:
        raise ValueError(
            f"pgd_attack follows gradients, which {type(model).__name__} does not have. It works "
            "for skorch nets: SmoothedClassifier(skorch.NeuralNetClassifier(module, ...))."
        )
    if steps:
        raise ValueError(
            f"Gradients end at the steps of a Pipeline, here {type(steps[-1]).__name__}. Put what "
            "they do into the first layers of the net's module."
        )
    backend: Any = smoother.backend
    if not hasattr(backend, "scores") or not backend.rule.takes_largest:
        raise ValueError(
            f"{type(model).__name__} has its own predict, iterator or nonlinearity, so that an "
            "attack on the outputs of its module may be an attack on something else. Attack a net "
            "with skorch's own."
        )
    if backend.n_classes < 2:
        raise ValueError("The classifier knows one class only: there is no other answer.")
    return backend


def _codes_of(
    clf: Any, smoother: Smoother, rows: NDArray[Any], y: Any, n: int
) -> NDArray[np.int64]:
    """Return the codes of labels, -1 for the abstain label; or those of the smoothed answers."""
    if y is None:
        sampler = smoother.sampler(rows)
        codes, undecided = predict_by_votes(sampler, n, clf.alpha, sequential=False)
        skip = undecided & (clf.abstain_label_ is not None)
        return np.where(skip, -1, codes).astype(np.int64)
    y = column_or_1d(y)
    check_consistent_length(rows, y)
    check_label_kind(y, clf.classes_)
    order = np.argsort(clf.classes_)
    place = np.searchsorted(clf.classes_, y, sorter=order).clip(max=len(order) - 1)
    codes = order[place].astype(np.int64)
    known = clf.classes_[codes] == y
    none = np.zeros(len(y), dtype=bool) if clf.abstain_label_ is None else y == clf.abstain_label_
    if not np.all(known | none):
        raise ValueError(
            f"y has the labels {np.unique(y[~(known | none)])[:5].tolist()}, which are none of the "
            "classes. Pass labels as they were given to fit, or None for the smoothed answers."
        )
    return np.where(none, -1, codes)
