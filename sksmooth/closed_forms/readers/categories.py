"""Categories of data frames, as the codes that boosters compare."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np

from ...introspection import CategoryCodes
from ..form import NotClosedError

__all__ = ["category_steps"]


def category_steps(model: Any, frame: Any) -> list[Any]:
    """Return what a booster does first with frames that have columns of categories.

    Parameters
    ----------
    model : fitted classifier
        Gets frames.
    frame : FrameMaker
        Makes these.

    Returns
    -------
    steps : list
        Of one `CategoryCodes`; of nothing for other models.

    Raises
    ------
    NotClosedError
        If the columns of categories are not those of fit.
    """
    found = _CATEGORIES.get(f"{type(model).__module__}.{type(model).__qualname__}")
    if found is None:
        return []
    kept = [c for c in frame.kept if str(getattr(c.values, "dtype", "")) == "category"]
    places = tuple(column.place for column in kept)
    categories = found(model, places)
    if len(categories) != len(places):
        raise NotClosedError("columns of categories are not those of fit")
    refuses = "xgboost" in type(model).__module__
    return [CategoryCodes(tuple(frame.columns), places, categories, refuses)]


def _lightgbm(model: Any, places: tuple[int, ...]) -> tuple[tuple[Any, ...], ...]:
    return tuple(map(tuple, model.booster_.pandas_categorical or ()))


def _xgboost(model: Any, places: tuple[int, ...]) -> tuple[tuple[Any, ...], ...]:
    learner = json.loads(bytes(model.get_booster().save_raw("json")))["learner"]
    columns = learner["gradient_booster"]["model"].get("cats", {}).get("enc", [])
    if [j for j, column in enumerate(columns) if column["values"]] != list(places):
        return ()  # so in files of versions before 3.1
    return tuple(_listed(columns[place]) for place in places)


def _listed(column: dict[str, Any]) -> tuple[Any, ...]:
    """Return categories from XGBoost's file: whole numbers, or texts one after another."""
    if "offsets" not in column:
        if not all(isinstance(value, int) for value in column["values"]):
            raise NotClosedError("its categories are neither texts nor whole numbers")
        return tuple(column["values"])
    text = np.array(column["values"]).astype(np.uint8).tobytes()
    if not text.isascii():  # it cuts them at places counted in letters, not in bytes
        raise NotClosedError("XGBoost mixes categories up if one has other letters than ASCII's")
    return tuple(text[i:j].decode() for i, j in itertools.pairwise(column["offsets"]))


_CATEGORIES = {
    "lightgbm.sklearn.LGBMClassifier": _lightgbm,
    "xgboost.sklearn.XGBClassifier": _xgboost,
    "xgboost.sklearn.XGBRFClassifier": _xgboost,
}
