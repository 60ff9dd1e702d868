"""CatBoost: sums in float64 of trees that ask whether ``float32(x) > border``.

Read from ``save_model(format="json")``, whose numbers are those of the model to the last bit.
"""

import json
import math
import os
import tempfile
from typing import Any

import numpy as np

from ..form import NotClosedError
from .ensemble import Parts, Tree
from .thresholds import last_at_most

__all__ = ["catboost"]

_NUMBERS = {"float_features"}


# Losses of regressors that answer their scores.
_IDENTITY = ("RMSE", "MAE", "MAPE", "Quantile", "LogCosh", "Huber", "Expectile", "Lq")


def catboost(model: Any) -> Parts:
    """Read symmetric and other trees; of regressors with a link, only the splits."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.json")
        model.save_model(path, format="json")
        with open(path, encoding="utf-8") as file:
            found = json.load(file)
    info = found["features_info"]
    others = [name for name, features in info.items() if features and name not in _NUMBERS]
    if others or found.get("ctr_data"):
        raise NotClosedError(f"it has other inputs than numbers: {', '.join(others)}")
    columns = {f["feature_index"]: f["flat_feature_index"] for f in info["float_features"]}
    goes_right = {
        f["flat_feature_index"]
        for f in info["float_features"]
        if f["nan_value_treatment"] == "AsTrue"
    }
    scale, bias = found["scale_and_bias"]
    if "oblivious_trees" in found:
        trees = [_symmetric(tree) for tree in found["oblivious_trees"]]
    else:
        trees = [_nested(tree) for tree in found["trees"]]
    n_scores = max([len(bias), 1, *(tree.values.shape[1] for tree in trees[:1])])
    offsets = np.zeros(n_scores) + (np.array(bias) if bias else 0.0)
    names = np.array([columns.get(i, -1) for i in range(max(columns, default=0) + 1)])
    trees = [
        tree._replace(
            feature=names[tree.feature],
            missing_left=~np.isin(names[tree.feature], list(goes_right)),
            values=scale * tree.values,
        )
        for tree in trees
    ]
    if not len(getattr(model, "classes_", ())):
        loss = str(model.get_all_params()["loss_function"]).partition(":")[0]
        return Parts(trees, "sum" if loss in _IDENTITY else "predict", offsets)
    threshold = 0.0
    if n_scores == 1 and (p := model.get_probability_threshold()) != 0.5:
        threshold = -math.log(1 / p - 1)
    room = 1e-14 * (1 + abs(threshold)) if threshold else 0.0
    return Parts(trees, "sum", offsets, low=threshold - room, high=threshold + room)


def _split(split: dict[str, Any]) -> tuple[int, float]:
    if split["split_type"] != "FloatFeature":
        raise NotClosedError(f"it has splits of the kind {split['split_type']}")
    return split["float_feature_index"], split["border"]


def _symmetric(found: dict[str, Any]) -> Tree:
    """Read a tree that asks the same question at all nodes of a level: at the root, the last."""
    splits = [_split(split) for split in found["splits"] or []]
    depth = len(splits)
    values = np.array(found["leaf_values"], dtype=np.float64).reshape(2**depth, -1)
    level = np.repeat(np.arange(depth), 2 ** np.arange(depth))
    asked = np.array(splits[::-1], dtype=np.float64).reshape(-1, 2)[level]
    inner = len(level)
    nodes = np.arange(inner + len(values))
    unused = np.zeros(len(values))
    return _tree(
        np.append(asked[:, 0], unused),
        np.append(asked[:, 1], unused),
        np.where(nodes < inner, 2 * nodes + 1, nodes),
        np.where(nodes < inner, 2 * nodes + 2, nodes),
        np.concatenate([np.zeros((inner, values.shape[1])), values]),
    )


def _nested(root: dict[str, Any]) -> Tree:
    """Read a tree of nodes in nodes."""
    nodes: list[dict[str, Any]] = [root]
    children: list[list[int]] = []
    for node in nodes:  # which grows meanwhile
        leaf = "value" in node
        children.append([len(children)] * 2 if leaf else [len(nodes), len(nodes) + 1])
        if not leaf:
            nodes += [node["left"], node["right"]]
    asked = np.array([(0, 0.0) if "value" in n else _split(n["split"]) for n in nodes])
    values = [np.atleast_1d(n["value"]) if "value" in n else None for n in nodes]
    n_scores = max(len(v) for v in values if v is not None)
    left, right = np.array(children, dtype=np.intp).T
    table = np.array([np.zeros(n_scores) if v is None else v for v in values])
    return _tree(asked[:, 0], asked[:, 1], left, right, table)


def _tree(feature: Any, border: Any, left: Any, right: Any, values: Any) -> Tree:
    point = last_at_most(np.asarray(border, dtype=np.float32))
    return Tree(feature.astype(np.intp), point, left, right, np.zeros(len(left), bool), values)
