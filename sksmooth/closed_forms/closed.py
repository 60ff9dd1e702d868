"""A closed form: a model behind steps, as what computes probabilities and is compared with it."""

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..introspection.probes import probe_rows
from .form import Form, NotClosedError
from .inputs import Spread
from .law import Law
from .numerics.replacing import EDGE

__all__ = ["Classify", "ClosedForm", "DisagreementError", "GapsError", "Part"]

Classify = Callable[[Any], NDArray[np.int64]]


class DisagreementError(NotClosedError):
    """Raised if a model does not answer as was read off it."""


class GapsError(NotClosedError):
    """Raised if a model has a closed form, but not for rows with some values missing."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A model behind steps, for rows with the same gaps.

    Attributes
    ----------
    form : Form
        The model at the end.
    spread : Spread
        The noise on its inputs.
    """

    form: Form
    spread: Spread

    def law_of(self, X: NDArray[np.float64], of: NDArray[np.intp] | None) -> Law:
        """Return the law of extended rows, in the order of the model's classes."""
        # rows near the largest floats get infinite margins, or none: then nothing is certified
        with np.errstate(over="ignore", invalid="ignore"):
            return Law.joined(
                self.form.law(self.spread.around(X[at]), None if of is None else of[at])
                for at in self.form.portions(len(X))
            )


@dataclasses.dataclass(frozen=True)
class ClosedForm(Part):
    """A base classifier whose probabilities under noise are computed.

    Attributes
    ----------
    form, spread : Form, Spread
        For rows without gaps.
    codes : ndarray of shape (n_classes,), int
        Class code of each of the model's classes.
    read : callable
        Returns the `Part` for rows in which some features are missing; None if no noise is left.
    classify : callable
        Class codes of a batch, by the base as a whole.
    ask : callable
        Class codes by the last step alone.
    frame : callable or None
        Makes the frame that the base gets.
    parts : dict
        What has been read, by the features that are missing.
    compared : set
        Those for which it has been compared with the base's answers.
    """

    codes: NDArray[np.intp]
    read: Callable[[NDArray[np.bool_]], Part | None] | None = None
    classify: Classify | None = None
    ask: Classify | None = None
    frame: Any = None
    parts: dict[bytes, Part | None] = dataclasses.field(default_factory=dict)
    compared: set[bytes] = dataclasses.field(default_factory=set)

    @property
    def name(self) -> str:
        """Name of the form."""
        return self.form.name

    @property
    def complete(self) -> bool:
        """Whether all classes' probabilities are known."""
        return self.form.complete

    def extended(self, X: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return rows, and behind their columns what encoders make of these.

        Features are those of ``spread.sigma``; missing values are NaN. Of categories that noise
        replaces by others, nothing depends on what encoders make of the row's own.
        """
        rows = self.spread.affine.extended(self._known(X), self.frame)
        for to in self.spread.replaced.values():
            if not to.goes:
                there = np.flatnonzero(~np.isnan(X[:, to.column]))
                rows[np.ix_(there, to.features)] = 0.0
            rows[:, to.column] = X[:, to.column]
        return rows

    def _known(self, X: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return rows as noise can make them: with some known category for each that is not.

        This covers every replaced column. Where the known categories all give one input, an unknown
        category may still give another.

        Raises
        ------
        ValueError
            For a value that noise does not take.
        """
        X = X.copy()
        for column, law in self.spread.laws.items():
            if not law.goes:
                values = X[:, column]
                strange = ~np.isnan(values) & (law.places(values) == len(law.values))
                if law.unknown is None and strange.any():
                    raise ValueError(
                        f"Column {column} has the value {values[strange][0]}; its noise is for the "
                        f"values {list(law.values)}."
                    )
                X[strange, column] = law.values[0]
        return X

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

        Raises
        ------
        NotClosedError
            If there are gaps, and the model has no closed form where these are, or does not answer
            there as it says.
        """
        asked = None if of is None else np.argsort(self.codes)[of]
        laws, places = [], []
        for rows, extended, gaps, part in self.groups(X):
            places.append(rows)
            if part is None:
                laws.append(self._certain(X[rows]))
            else:
                if gaps.any() and gaps.tobytes() not in self.compared:  # first seen in these rows
                    self._check(part, X[rows], gaps, self.ask)
                    self.compared.add(gaps.tobytes())
                laws.append(part.law_of(extended, None if asked is None else asked[rows]))
        law = Law.joined(laws)
        if len(places) > 1:
            law = law.at(np.argsort(np.concatenate(places)))
        return law.in_order(self.codes)

    def groups(
        self, X: NDArray[np.floating]
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float64], NDArray[np.bool_], Part | None]]:
        """Yield rows with the same gaps: numbers, extended rows, gaps, and what knows their law."""
        extended = self.extended(X)
        gaps = np.isnan(extended)
        if not gaps.any():
            yield np.arange(len(X)), extended, np.zeros(gaps.shape[1], dtype=bool), self
            return
        patterns, number = np.unique(gaps, axis=0, return_inverse=True)
        for i, pattern in enumerate(patterns):
            part: Part | None = self
            if pattern.any():
                key = pattern.tobytes()
                if key not in self.parts:
                    self.parts[key] = None if self.read is None else self.read(pattern)
                part = self.parts[key]
            rows = np.flatnonzero(number.ravel() == i)
            # nothing depends on the numbers that stand for missing values
            yield rows, np.where(np.isnan(extended[rows]), 0.0, extended[rows]), pattern, part

    def _certain(self, X: NDArray[np.floating]) -> Law:
        """Return the law of rows without noise, in the order of the model's classes."""
        assert self.classify is not None
        others = (self.classify(X.copy())[:, None] != self.codes).astype(np.float64)
        return Law(1.0 - others, others)

    def check(self, X: NDArray[np.floating]) -> None:
        """Compare the form's answers with the base's, around X and where a misreading would show.

        Parts that were compared before are compared on a few rows only: that may have been another
        model, of the same content.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Rows that are to be certified.
        """
        for rows, _, gaps, part in self.groups(X):
            if part is not None:
                key = gaps.tobytes()
                self._check(part, X[rows], gaps, None if key in self.compared else self.ask)
                self.compared.add(key)

    def _check(
        self, part: Part, X: NDArray[np.floating], gaps: NDArray[np.bool_], ask: Classify | None
    ) -> None:
        assert self.classify is not None
        affine, n = part.spread.affine, X.shape[1]
        X = self._known(X)
        sample = X[:20]
        if ask is not None:
            sample = np.concatenate([X[:100], _probed(part.spread, X)])
        Z = part.spread.inputs_of(self.extended(sample))
        looks = [(Z, self.classify(sample.copy()))]  # a base may work in place
        if ask is not None:
            probes = part.form.probes(Z)
            low = part.spread.go & (probes > EDGE) & (probes < -1e37)
            probes = probes[~low.any(axis=1)]  # rounded, they would pass for missing values
            asked = part.spread.asked(probes)
            asked[:, affine.gaps] = np.nan
            looks.append((probes, ask(asked)))
            rows = sample[np.arange(len(probes)) % len(sample)]
            moved = affine.used[:n] & ~gaps[:n]
            gone = part.spread.go & (probes <= EDGE)
            moved[[to.column for to in self.spread.replaced.values() if not to.goes]] = False
            rows[:, moved] = _near(part.spread, np.where(gone, 0.0, probes))[:, :n][:, moved]
            for k, to in part.spread.replaced.items():
                if to.goes:
                    rows[gone[:, k], to.column] = np.nan
            Z = part.spread.inputs_of(self.extended(rows))
            looks.append((Z, self.classify(rows.copy())))
        for inputs, answers in looks:
            found, sure = part.form.decide(inputs)
            other = sure & (self.codes[found] != answers)
            if np.any(other):
                raise DisagreementError(f"it answers otherwise at {int(other.sum())} points")


def _probed(spread: Spread, X: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return noisy rows; half of the values that may be replaced are."""
    added = spread.sigma[: X.shape[1]].copy()
    added[list(spread.laws)] = 0.0
    rows = probe_rows(X, added)
    rng = np.random.default_rng(2)
    for column, law in spread.laws.items():
        chosen = (rng.random(len(rows)) < 0.5) & ~np.isnan(rows[:, column])  # which stay missing
        rows[chosen, column] = rng.choice(law.values, size=int(chosen.sum()))
    return rows


def _near(spread: Spread, probes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return rows that the steps bring near to inputs, but not within rounding of them."""
    rows = spread.affine.preimage(probes)
    rng = np.random.default_rng(1)
    apart = np.maximum(1e-6 * spread.sigma, 1e-9 * np.abs(rows))
    return np.asarray(rows + apart * rng.standard_normal(rows.shape))
