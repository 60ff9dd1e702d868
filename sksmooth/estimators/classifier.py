"""SmoothedClassifier, the scikit-learn face of the library; it alone knows all other modules."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets

from ..backends import warn_before_fit
from ..certificate import Certificate
from ..labels import check_label_kind, choose_abstain_label, decode, from_torch
from . import inputs as check
from .attributes import SmoothedClasses
from .base import MetaClassifier, fitted_base, shows_weights
from .per_category import per_category
from .per_feature import per_feature
from .reading import check_training_rows, labels_of
from .run import certify_rows, predict_codes, shares_of_classes
from .smoother import noise_of, note_rows, shortcut_names

__all__ = ["SmoothedClassifier"]


class SmoothedClassifier(SmoothedClasses, MetaClassifier):
    r"""A classifier whose answers come with a certified radius: randomized smoothing.

    Around any base classifier f this builds the smoothed classifier

    .. math:: g(x) = \arg\max_c \; P(f(x + \varepsilon) = c), \quad
        \varepsilon \sim N(0, \sigma^2 I),

    and proves, row by row, an L2 radius within which g's answer cannot change [1]_.

    Parameters
    ----------
    estimator : classifier
        The base classifier f: any scikit-learn classifier, a Pipeline, a skorch
        ``NeuralNetClassifier``. Wrap a trained model in ``sklearn.frozen.FrozenEstimator``. Put
        scaling *inside* (``SmoothedClassifier(make_pipeline(StandardScaler(), clf))``): then noise
        and radii are in the units of X.
    sigma : float, array-like of the shape of a row, dict or Series, default=0.25
        Standard deviation of the noise on each feature, in the units of X, from 1e-100 to 1e100. A
        larger sigma can certify larger radii, at a lower accuracy. With one for each feature (a
        dict or Series names columns) radii are lengths of ``delta / sigma``: numbers of standard
        deviations. Features that nobody can change have 0, and get no noise. In a dict, "*" stands
        for all columns of numbers that are not named. Columns without numbers have 0, and reach the
        base as they are; gaps stay gaps. Columns may have a ``Flip`` or ``Drop`` in place of a
        number: then their values are replaced (mixed noise, see the guide).
    units : None, "std", array-like of the shape of a row, dict or Series, default=None
        Noise on a feature has the deviation ``sigma * unit``, and radii are lengths of ``delta /
        units``, comparable over sigma; 0 for no noise. "std": those of the training rows.
    method : {"auto", "montecarlo", "exact"}, default="auto"
        "montecarlo" draws noise and counts votes. "exact" computes the probabilities of the same
        smoothed classifier: for bases that have a closed form, and for noise with so few outcomes
        that the base is evaluated at each. Then nothing is drawn, alpha is 0, and `n`, `n0`,
        `n_predict` and `alpha` are ignored. "auto" computes where that is possible, and draws
        otherwise or for ``arithmetic="float"``.
    n_augment : int, default=1
        Noisy copies of the training data that the base is fitted on. With several, equal rows get
        different noise. Validation inside the base holds out all copies of a row; if it cannot, a
        warning says so. Copies of more than 1 GB reach a base with ``partial_fit`` one at a time,
        with a warning. Skorch nets ignore it: they see fresh noise in every batch.
    n : int, default=100_000
        Draws per row with which `certify` bounds a probability.
    n0 : int, default=100
        Draws per row with which `certify` chooses the class.
    n_predict : int, default=1000
        Draws per row of `predict` and `vote_frequencies`.
    sequential_predict : bool, default=False
        Let `predict` stop drawing for a row as soon as its votes decide; `n_predict` is then the
        most draws, and can be large. Ignored where `abstain_label` is None.
    alpha : float, default=0.001
        Probability, per row, that an answer of `predict` or `certify` is false.
    abstain_label : int, float, str or None, default="auto"
        Label where the draws do not decide. "auto" takes a label of the classes' own kind that is
        none of them: -1 or the next free number below, or "abstain". With None, `predict` returns
        the top class, and `predict_proba` exists.
    noise : {"gaussian", "laplace", "uniform"} or Specification, default="gaussian"
        Family of the noise, by name or as `sksmooth.noise` specifies it. It decides in which norm
        radii are: L2 for Gaussian, L1 for Laplace and uniform noise and ``Split``, numbers of
        changed columns for ``Flip`` and ``Drop``. See the guide.
    arithmetic : {"integer", "float"}, default="integer"
        "integer" sums row and noise as integers on a fixed grid: of step 1/255 (or 1) if the
        training rows are images of bytes, divided by 255 or not; otherwise, and always with a sigma
        for each feature, of sigma / 2**22. "float" sums them as floating-point numbers, as others
        do; **certificates are then unsound**, since the sums leak the row.
    stream : {"philox", "shake128"}, default="philox"
        Random bits: a fast generator, or a cryptographic one if somebody may know its weakness.
    shortcuts : "auto", None or sequence of str, default="auto"
        Ways to find the same votes faster: "steps", "trees", "boosters", which are "auto"; or to
        run a net in a faster form: "fold", "channels_last", "bfloat16", "compile". None calls the
        base's ``predict`` on every noisy row. See the guide.
    batch_size : int, default=None
        Noisy rows per call of the base; None for what suits it. It does not change the results.
    n_jobs : int, default=None
        Workers, as in joblib; it does not change the results. Nets on a GPU run in one process.
    random_state : int, RandomState instance or None, default=None
        Source of the seed of the noise, which is drawn once, in `fit`; an int also seeds every
        unset ``random_state`` of the base. None takes it from the operating system. **An int makes
        results reproducible, not secret**: the guarantee assumes that nobody who chose the model or
        the inputs knew the seed.

    Attributes
    ----------
    estimator_ : classifier
        The fitted base. It answers in the labels of y; a net or XGBoost in class codes.
    classes_ : ndarray of shape (n_classes,)
        Class labels: those that the fitted base knows, in its order.
    abstain_label_ : int, float, str or None
        The label that stands for "no answer"; never one of `classes_`.
    units_ : tuple of float or None
        Unit of each value of a row, as noted in `fit`.
    n_features_in_ : int
        Number of features (of channels, for images) seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the features, if X had any.

    See Also
    --------
    sksmooth.certify : The same for a fitted search, or a Pipeline that ends in a smoother.

    Notes
    -----
    A row's result depends on the seed and the row's content alone: not on the other rows, their
    order, `batch_size` or `n_jobs`. (Where a model's own arithmetic changes with the shape of a
    batch, as on a GPU, votes of noisy points that lie within rounding of a decision boundary may
    change, and so may the last digits of a closed form.)
    ``set_params(sigma=...)`` after `fit` smooths the same base with the new noise.

    References
    ----------
    .. [1] J. Cohen, E. Rosenfeld and J. Z. Kolter (2019). "Certified Adversarial Robustness via
       Randomized Smoothing". ICML. arXiv:1902.02918.

    Examples
    --------
    >>> from sklearn.datasets import load_breast_cancer
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sksmooth import SmoothedClassifier
    >>> X, y = load_breast_cancer(return_X_y=True)
    >>> X = X / X.std(axis=0)  # one unit for all features; sigma and radii are in it
    >>> base = LogisticRegression(max_iter=1000)
    >>> clf = SmoothedClassifier(base, sigma=0.25, random_state=0).fit(X[:400], y[:400])
    >>> clf.predict(X[400:404])
    array([0, 1, 1, 1])
    >>> clf.certify(X[400:404]).radii.round(1)
    array([3.7, 1.9, 2. , 1.7])
    """

    _parameter_constraints = check.CONSTRAINTS

    def __init__(
        self,
        estimator: Any,
        sigma: Any = 0.25,
        *,
        units: Any = None,
        method: str = "auto",
        n_augment: int = 1,
        n: int = 100_000,
        n0: int = 100,
        n_predict: int = 1000,
        sequential_predict: bool = False,
        alpha: float = 0.001,
        abstain_label: Any = "auto",
        noise: Any = "gaussian",
        arithmetic: str = "integer",
        stream: str = "philox",
        shortcuts: Any = "auto",
        batch_size: int | None = None,
        n_jobs: int | None = None,
        random_state: Any = None,
    ) -> None:
        self.estimator = estimator
        self.sigma = sigma
        self.units = units
        self.method = method
        self.n_augment = n_augment
        self.n = n
        self.n0 = n0
        self.n_predict = n_predict
        self.sequential_predict = sequential_predict
        self.alpha = alpha
        self.abstain_label = abstain_label
        self.noise = noise
        self.arithmetic = arithmetic
        self.stream = stream
        self.shortcuts = shortcuts
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.random_state = random_state

    @shows_weights
    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **fit_params: Any) -> "SmoothedClassifier":
        """Fit the base classifier under noise, and draw the seed of the noise.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Training rows: arrays, tensors, or data frames, whose columns without noise may hold
            anything. Values may be missing (NaN) where the base takes that, not infinite. A torch
            ``Dataset`` or an ``np.memmap`` is read batch by batch if the base is a net, and hardly
            at all if it is frozen; see `sksmooth.rows.Rows`. All other methods read it in chunks.
        y : array-like of shape (n_samples,), default=None
            Labels of any kind. The base is fitted on them as given; nets and XGBoost on codes 0 to
            K - 1, in which ``class_weight`` and the like are put too. None takes a ``Dataset``'s.
        **fit_params : dict
            Passed to the base's ``fit``; those with one value per row are repeated with the rows,
            others, such as ``eval_set``, get no copies and no noise.

        Returns
        -------
        self : SmoothedClassifier
            The fitted estimator.
        """
        self.__dict__.pop("_seed", None)  # drawn last: where it is, fit has come to its end
        check.check_base(self.estimator)
        warn_before_fit(self.estimator)
        shortcut_names(self.shortcuts)  # refuse unknown ones
        data = check_training_rows(self, X, y, fit_params.get("sample_weight"))
        check_classification_targets(data.y)
        labels = np.unique(data.y)  # not all need be classes: -1 may stand for "no label"
        choose_abstain_label(labels, self.abstain_label)  # refuse it before the training
        note_rows(self, data.X, data.rows)
        with fitted_base(self, data, noise_of(self), fit_params) as base:
            self.classes_, self._answers = base.classes, base.answers
            asked = self.abstain_label
            self.abstain_label_ = choose_abstain_label(self.classes_, asked, others=labels)
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the smoothed classifier's labels: PREDICT, with `n_predict` draws a row.

        This estimates the classifier that `certify` speaks of. Near the edge of a certified radius
        it may abstain; more draws abstain less.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Row by row, with probability at least ``1 - alpha``, the smoothed classifier's label or
            `abstain_label_` (Proposition 1 of arXiv:1902.02918); for certain, where it is computed.
        """
        codes, undecided = predict_codes(self, X)
        return decode(codes, undecided, self.classes_, self.abstain_label_)

    def certify(
        self,
        X: Any,
        n: int | None = None,
        *,
        n0: int | None = None,
        alpha: float | None = None,
        radius: float | Sequence[float] | None = None,
        changes: int | None = None,
        tol: float | None = None,
        bound: str = "one-sided",
        log: str | os.PathLike[str] | None = None,
        y: Any = None,
        verbose: int | None = None,
    ) -> Certificate:
        r"""Return labels with certified radii: computed, or by CERTIFY with `n0` and `n` draws.

        **Theorem.** Let the seed be independent of the base and of the row x. With probability at
        least ``1 - alpha`` over the seed, either `certify` abstains on x, or for its label c and
        radius R the smoothed classifier g has ``g(x + delta) == c`` for every delta with
        ``length(delta) < R``, in the norm of the certificate; ``<= R`` if the norm counts columns
        (Proposition 2 of arXiv:1902.02918; for the options, the guide).

        `n0` draws choose c; `n` fresh draws bound its probability from below by Clopper-Pearson at
        level alpha, say by p. If p > 1/2, :math:`R = \sigma \Phi^{-1}(p)`; else it abstains. Where
        the base has a closed form (see `method`), probabilities are computed instead: then alpha is
        0, and all arguments but X are ignored.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        n, n0, alpha : default=None
            Override the constructor's parameters of these names.
        radius : float or sequence of float, default=None
            Only decide whether each row is certified at this radius, or at each of several, with
            few draws, up to `n`: about 46 times fewer. 0 asks for any certificate at all.
        changes : int, default=None
            For mixed noise: decide each radius beside so many changed columns.
        tol : float, default=None
            Radius that may be lost, in the units of the radii. The `n0` draws then predict how
            many, up to `n`, each row needs; the guarantee does not rest on that prediction.
        bound : {"one-sided", "two-sided"}, default="one-sided"
            "two-sided" bounds the runner-up's probability as well, each at level alpha / 2: much
            larger radii with many classes and much noise, slightly smaller ones with two classes.
        log : str or path-like, default=None
            File for finished rows. An interrupted call, if repeated, goes on from it, to the same
            certificate, bit for bit. See the guide on long runs.
        y : array-like of shape (n_samples,), default=None
            True labels, for the log alone. None takes those that a ``Dataset`` has.
        verbose : int, default=None
            0 shows no progress bar, 1 shows one. None shows one in a terminal or notebook, after
            ten seconds, and first a note if the call will take minutes.

        Returns
        -------
        certificate : Certificate
            Unpacks as ``labels, radii``.

        Raises
        ------
        ValueError
            If an argument is out of range; if X is infinite, or has other columns than in `fit`, or
            gaps that the base does not take; if the base's scores are not finite; if `log` is of
            another run; or for `y` without `log`.
        BlockingIOError
            If another process is writing `log`.
        """
        asked: Any = {"radius": radius, "changes": changes, "tol": tol, "bound": bound}
        return certify_rows(self, X, verbose, log, y=y, n=n, n0=n0, alpha=alpha, **asked)

    per_category = per_category
    per_feature = per_feature

    def vote_frequencies(self, X: Any) -> NDArray[np.float64]:
        """Return how often the base gives each class under noise: computed, or over draws.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.

        Returns
        -------
        frequencies : ndarray of shape (n_samples, n_classes)
            Rows sum to 1; columns follow `classes_`. Shares of `n_predict` votes, estimates without
            a guarantee; or probabilities, where a closed form gives those of all classes.
        """
        return shares_of_classes(self, X)

    @available_if(check.never_abstains)
    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return `vote_frequencies`; exists only with ``abstain_label=None``.

        Where `predict` may abstain, it would not be the argmax of these frequencies.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.

        Returns
        -------
        frequencies : ndarray of shape (n_samples, n_classes)
            Columns follow `classes_`.
        """
        return self.vote_frequencies(X)

    def score(self, X: Any, y: Any = None, sample_weight: Any = None) -> float:
        """Return the accuracy of `predict`; abstentions count as errors, whatever their label.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features) or (n_samples, *shape)
            Rows.
        y : array-like of shape (n_samples,), default=None
            True labels; None takes those that a ``Dataset`` has.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows.

        Returns
        -------
        score : float
            In [0, 1].
        """
        codes, undecided = predict_codes(self, X)
        y = column_or_1d(labels_of(X) if y is None else from_torch(y))
        check_consistent_length(codes, y, sample_weight)
        check_label_kind(y, self.classes_)
        correct = self.classes_[codes] == y
        if self.abstain_label_ is not None:
            correct &= ~undecided
        return float(np.average(correct, weights=sample_weight))
