"""From a fitted base to its closed form, if it has one and answers as the form says."""

import dataclasses
import hashlib
import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..introspection import AffineMap, split, why_not_readable
from ..introspection.probes import probe_rows
from .form import Form, NotClosedError
from .inputs import Spread
from .law import Law
from .readers import libraries_read, read_once

__all__ = ["ClosedForm", "DisagreementError", "closed_form"]

Classify = Callable[[Any], NDArray[np.int64]]
_RECENT: dict[bytes, "tuple[ClosedForm, bool]"] = {}  # and whether it has been checked
_MOST_RECENT = 8


class DisagreementError(NotClosedError):
    """Raised if a model does not answer as was read off it."""


@dataclasses.dataclass(frozen=True)
class ClosedForm:
    """A base classifier whose probabilities under noise are computed.

    Attributes
    ----------
    form : Form
        The model at the end.
    spread : Spread
        The noise on its inputs.
    codes : ndarray of shape (n_classes,), int
        Class code of each of the model's classes.
    """

    form: Form
    spread: Spread
    codes: NDArray[np.intp]

    @property
    def name(self) -> str:
        """Name of the form."""
        return self.form.name

    @property
    def complete(self) -> bool:
        """Whether all classes' probabilities are known."""
        return self.form.complete

    def law(self, X: NDArray[np.floating], of: NDArray[np.integer] | None = None) -> Law:
        """Return the law of some rows, its columns in the order of the class codes.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows.
        of : ndarray of shape (n_samples,), int, default=None
            Class code, for each row, of the class of which ``miss`` is to be bounded well. None for
            the one that leads there: with more than two classes some forms know no other's ``miss``
            then, which is 1.
        """
        size = max(1, self.form.rows_at_once())
        asked = None if of is None else np.argsort(self.codes)[of]
        # rows near the largest floats get infinite margins, or none: then nothing is certified
        with np.errstate(over="ignore", invalid="ignore"):
            joined = Law.joined(
                self.form.law(
                    self.spread.around(X[i : i + size]),
                    None if asked is None else asked[i : i + size],
                )
                for i in range(0, max(len(X), 1), size)
            )
        return joined.in_order(self.codes)

    def check(self, X: NDArray[np.floating], classify: Classify, ask: Classify | None) -> None:
        """Compare the form's answers with the base's, around X and where a misreading would show.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows that are to be certified.
        classify : callable
            Class codes of a batch, by the base as a whole.
        ask : callable or None
            Class codes by its last step alone. None looks at a few rows only: what was compared
            before may have been another model's if two have the same content.
        """
        sample = X[:20]
        if ask is not None:
            sample = np.concatenate([X[:100], probe_rows(X, self.spread.sigma)])
        Z = self.spread.affine(sample.astype(np.float64))
        looks = [(Z, classify(sample.copy()))]  # a base may work in place
        if ask is not None:
            probes = self.form.probes(Z)
            looks.append((probes, ask(probes.copy())))
            rows = self._near(probes).astype(X.dtype)
            looks.append((self.spread.affine(rows.astype(np.float64)), classify(rows.copy())))
        for inputs, answers in looks:
            found, sure = self.form.decide(inputs)
            other = sure & (self.codes[found] != answers)
            if np.any(other):
                raise DisagreementError(f"it answers otherwise at {int(other.sum())} points")

    def _near(self, probes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return rows that the steps bring near to inputs, but not within rounding of them."""
        rows = self.spread.affine.preimage(probes)
        rng = np.random.default_rng(1)
        apart = np.maximum(1e-6 * self.spread.sigma, 1e-9 * np.abs(rows))
        return rows + apart * rng.standard_normal(rows.shape)


@read_once()
def closed_form(
    kinds: Sequence[type[Form]],
    estimator: Any,
    answers: NDArray[Any],
    X: NDArray[np.floating],
    sigma: NDArray[np.float64],
    classify: Classify,
    names: tuple[str, ...] = (),
) -> ClosedForm:
    """Return the closed form of a fitted base classifier.

    Parameters
    ----------
    kinds : sequence of Form classes
        Those to try, in this order.
    estimator : fitted classifier
        The base: a model, or a Pipeline of affine steps and a model.
    answers : ndarray of shape (n_classes,)
        What it predicts for each class code.
    X : ndarray of shape (n_samples, n_features)
        Rows that are to be certified.
    sigma : ndarray of shape (n_features,)
        Standard deviations of the noise on the rows.
    classify : callable
        Class codes of a batch, by the base.
    names : tuple of str, default=()
        What the columns are called in the frames that the base gets, if it gets frames.

    Returns
    -------
    closed : ClosedForm
        Compared with what the base answers. Kept for the next call with a base of the same content:
        reading some models takes much longer than certifying a row.

    Raises
    ------
    NotClosedError
        With the reason, if there is none; `DisagreementError` if the model seemed to have one.
    """
    steps, model = split(estimator)
    if X.ndim != 2:
        raise NotClosedError("rows are not vectors")
    obstacle = why_not_readable(*steps, model, libraries=libraries_read())
    if obstacle is not None:
        raise NotClosedError(obstacle)
    try:
        kinds = tuple(kind for kind in kinds if kind.may_be(model))
        if not kinds:
            raise NotClosedError(f"{type(model).__name__} is of no known kind, or too large")
        key = _content(kinds, estimator, answers, X.dtype.str, sigma, names)
        known = _RECENT.pop(key, None) if key else None
        if known is None:
            known = _read(kinds, steps, model, answers, X, sigma, names), False
        closed, checked = known
        if len(X):
            code_of = {answer: code for code, answer in enumerate(answers.tolist())}
            ask = _last_step(model, code_of) if steps else classify
            closed.check(X, classify, None if checked else ask)
            known = closed, True
    except NotClosedError as reason:
        raise type(reason)(*reason.args) from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # not as its type promises, or another version of scikit-learn
        raise NotClosedError(f"it could not be read ({error})") from error
    if key:
        _RECENT[key] = known
        for old in list(_RECENT)[:-_MOST_RECENT]:
            _RECENT.pop(old, None)
    return closed


def _content(*things: Any) -> bytes:
    """Return a hash of all that a closed form depends on; nothing if it cannot be had."""
    try:
        return hashlib.blake2b(pickle.dumps(things, protocol=5)).digest()
    except Exception:  # whatever objects that cannot be pickled raise
        return b""


def _read(
    kinds: tuple[type[Form], ...],
    steps: list[Any],
    model: Any,
    answers: NDArray[Any],
    X: NDArray[np.floating],
    sigma: NDArray[np.float64],
    names: tuple[str, ...],
) -> ClosedForm:
    affine = AffineMap.of(steps, X.shape[1], names)
    if affine is None:
        raise NotClosedError("a step of the Pipeline is not known to be affine")
    if steps and X.dtype != np.float64:
        raise NotClosedError("steps of a Pipeline would round to float32: pass rows in float64")
    if steps and hasattr(model, "feature_names_in_"):
        raise NotClosedError("its steps hand on data frames")
    code_of = {answer: code for code, answer in enumerate(answers.tolist())}
    codes = np.array([code_of[label] for label in model.classes_.tolist()], dtype=np.intp)
    if len(codes) != len(answers):
        raise NotClosedError("it does not know all classes")
    spread = Spread.of(affine, sigma, float(np.finfo(X.dtype).eps) / 2)
    return ClosedForm(_first(kinds, model, spread), spread, codes)


def _last_step(model: Any, code_of: dict[Any, int]) -> Classify:
    # some libraries answer a column
    return lambda Z: np.array([code_of[label] for label in np.ravel(model.predict(Z)).tolist()])


def _first(kinds: tuple[type[Form], ...], model: Any, spread: Spread) -> Form:
    reasons = []
    for kind in kinds:
        try:
            return kind.of(model, spread)
        except NotClosedError as reason:
            reasons.append(f"{kind.name}: {reason}")
    raise NotClosedError("; ".join(reasons))
