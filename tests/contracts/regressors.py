"""Regressors of every kind that has a closed form, some that have none, and conformal tasks."""

import dataclasses
from typing import Any

import numpy as np
from contracts.models import MODELS, Model
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.decomposition import PCA
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    StackingRegressor,
    VotingRegressor,
)
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    ElasticNet,
    GammaRegressor,
    HuberRegressor,
    LinearRegression,
    PoissonRegressor,
    QuantileRegressor,
    RidgeCV,
    SGDRegressor,
    TweedieRegressor,
)
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)
from sklearn.svm import SVR, LinearSVR
from sklearn.tree import DecisionTreeRegressor, ExtraTreeRegressor

__all__ = ["ALL_MODELS", "CONFORMAL", "REGRESSORS"]


def _number(make: Any, **options: Any) -> Model:
    return Model(make, classes=0, **options)


def _tree(**options: Any) -> Any:
    return DecisionTreeRegressor(**{"max_depth": 4, "random_state": 0} | options)


def _hist(**options: Any) -> Any:
    fixed = {"max_iter": 8, "max_leaf_nodes": 8, "early_stopping": False, "random_state": 0}
    return HistGradientBoostingRegressor(**fixed | options)


def _additive(**options: Any) -> Any:
    return _hist(interaction_cst="no_interactions", **options)


def _of_two_features(model: Any) -> Any:
    return make_pipeline(SelectKBest(f_regression, k=2), model)


def _of_logarithms(model: Any) -> Any:
    return TransformedTargetRegressor(model, func=np.log1p, inverse_func=np.expm1)


def _columns() -> Any:
    return ColumnTransformer([("a", StandardScaler(), ["a", "b"]), ("b", "passthrough", ["d"])])


def _xgboost(**options: Any) -> Any:
    from xgboost import XGBRegressor

    fixed = {"n_estimators": 6, "max_depth": 1, "n_jobs": 1, "random_state": 0}
    return XGBRegressor(**fixed | options)


def _xgboost_forest() -> Any:
    from xgboost import XGBRFRegressor

    return XGBRFRegressor(n_estimators=4, max_depth=3, n_jobs=1, random_state=0)


def _lightgbm(**options: Any) -> Any:
    from lightgbm import LGBMRegressor

    fixed = {"n_estimators": 6, "num_leaves": 2, "n_jobs": 1, "random_state": 0, "verbose": -1}
    return LGBMRegressor(**fixed | options)


def _catboost(**options: Any) -> Any:
    from catboost import CatBoostRegressor

    fixed = {"iterations": 6, "depth": 1, "thread_count": 1, "random_seed": 0, "verbose": 0}
    return CatBoostRegressor(**fixed | options, allow_writing_files=False)


def _ebm() -> Any:
    from interpret.glassbox import ExplainableBoostingRegressor

    options = {"interactions": 0, "outer_bags": 2, "max_rounds": 20, "n_jobs": 1}
    return ExplainableBoostingRegressor(random_state=0, **options)


def _net() -> Any:
    import torch
    from nets import OneOutput
    from skorch import NeuralNetRegressor

    torch.manual_seed(0)
    fast = {"iterator_valid__batch_size": 4096, "train_split": None, "max_epochs": 3}
    return NeuralNetRegressor(OneOutput, module__n_in=4, verbose=0, **fast)


def _centred(X: np.ndarray) -> np.ndarray:
    return X - X.mean(axis=0)


_FEW = {"n_estimators": 4, "random_state": 0}
_NETS = ("torch", "skorch")

REGRESSORS: dict[str, Model] = {
    "LinearRegression": _number(LinearRegression),
    "RidgeCV": _number(RidgeCV),
    "ElasticNet": _number(lambda: ElasticNet(0.01)),
    "HuberRegressor": _number(HuberRegressor),
    "SGDRegressor": _number(lambda: SGDRegressor(random_state=0)),
    "LinearSVR": _number(lambda: LinearSVR(random_state=0)),
    "QuantileRegressor": _number(lambda: QuantileRegressor(alpha=0.0)),
    "PoissonRegressor": _number(PoissonRegressor),
    "GammaRegressor": _number(GammaRegressor),
    "TweedieRegressor": _number(
        lambda: TweedieRegressor(power=1.5), after={"link": "identity", "power": 0}
    ),
    "DummyRegressor": _number(DummyRegressor),
    "DecisionTreeRegressor": _number(_tree),
    "ExtraTreeRegressor": _number(lambda: ExtraTreeRegressor(max_depth=4, random_state=0)),
    "RandomForestRegressor, two features": _number(
        lambda: _of_two_features(RandomForestRegressor(max_depth=4, **_FEW))
    ),
    "ExtraTreesRegressor, two features": _number(
        lambda: _of_two_features(ExtraTreesRegressor(max_depth=4, **_FEW))
    ),
    "GradientBoostingRegressor": _number(
        lambda: GradientBoostingRegressor(max_depth=1, **_FEW), after={"learning_rate": 0.9}
    ),
    "GradientBoostingRegressor, two features": _number(
        lambda: _of_two_features(GradientBoostingRegressor(max_depth=2, **_FEW))
    ),
    "HistGradientBoostingRegressor": _number(_additive),
    "HistGradientBoostingRegressor, gamma": _number(
        lambda: _additive(loss="gamma"), after={"loss": "squared_error"}
    ),
    "HistGradientBoostingRegressor, Poisson": _number(
        lambda: _hist(max_leaf_nodes=2, loss="poisson"), after={"loss": "absolute_error"}
    ),
    # steps in front of a model, what is done to its target, and searches around it
    "scaled LinearRegression": _number(
        lambda: make_pipeline(StandardScaler(), LinearRegression()),
        after={"standardscaler__with_mean": False},
    ),
    "PCA and HuberRegressor": _number(
        lambda: make_pipeline(SimpleImputer(), PCA(2, whiten=True), HuberRegressor()),
        after={"pca__whiten": False},
    ),
    "scaled boosting": _number(lambda: make_pipeline(RobustScaler(), _additive())),
    "columns and boosting": _number(
        lambda: make_pipeline(_columns(), _additive()), kind="frame", needs=("pandas",)
    ),
    "search of trees": _number(
        lambda: GridSearchCV(
            make_pipeline(MinMaxScaler(), _tree()), {"minmaxscaler__clip": [False]}
        )
    ),
    "linear in logarithms": _number(lambda: _of_logarithms(LinearRegression())),
    "boosting in logarithms": _number(
        lambda: make_pipeline(
            StandardScaler(), _of_logarithms(make_pipeline(MinMaxScaler(), _additive()))
        )
    ),
    "scaled target": _number(
        lambda: TransformedTargetRegressor(_tree(), transformer=StandardScaler())
    ),
    # without a closed form
    "quantiles of the target": _number(
        lambda: TransformedTargetRegressor(
            LinearRegression(), transformer=QuantileTransformer(n_quantiles=20)
        )
    ),
    "falling target": _number(
        lambda: TransformedTargetRegressor(
            LinearRegression(), func=np.negative, inverse_func=np.negative
        )
    ),
    "RandomForestRegressor": _number(lambda: RandomForestRegressor(max_depth=4, **_FEW)),
    "BaggingRegressor": _number(lambda: BaggingRegressor(_tree(), **_FEW)),
    "AdaBoostRegressor": _number(lambda: AdaBoostRegressor(_tree(), **_FEW)),
    "VotingRegressor": _number(
        lambda: VotingRegressor([("a", LinearRegression()), ("b", _tree())]),
        after={"weights": [1, 4]},
    ),
    "StackingRegressor": _number(
        lambda: StackingRegressor([("a", LinearRegression()), ("b", _tree())], cv=2)
    ),
    "KNeighborsRegressor": _number(KNeighborsRegressor, after={"weights": "distance"}),
    "SVR": _number(SVR),
    "MLPRegressor": _number(
        lambda: MLPRegressor(hidden_layer_sizes=(8,), max_iter=30, random_state=0)
    ),
    "centred batches": _number(
        lambda: make_pipeline(FunctionTransformer(_centred), LinearRegression()), refused="batch"
    ),
    # other packages
    "XGBRegressor": _number(_xgboost, needs=("xgboost",)),
    "XGBRegressor, Poisson": _number(
        lambda: _xgboost(objective="count:poisson"), needs=("xgboost",)
    ),
    "XGBRFRegressor": _number(lambda: _of_two_features(_xgboost_forest()), needs=("xgboost",)),
    "LGBMRegressor": _number(_lightgbm, needs=("lightgbm",)),
    "LGBMRegressor, Poisson": _number(lambda: _lightgbm(objective="poisson"), needs=("lightgbm",)),
    "CatBoostRegressor": _number(_catboost, needs=("catboost",)),
    "CatBoostRegressor, Poisson": _number(
        lambda: _catboost(loss_function="Poisson"), needs=("catboost",)
    ),
    "EBM of numbers": _number(_ebm, needs=("interpret",)),
    "net of numbers": _number(_net, kind="float32", needs=_NETS, float_labels=True),
}

_SETS = (
    *("LogisticRegression", "DecisionTree", "GaussianNB", "HistGradientBoosting, additive"),
    *("scaled linear", "columns and linear", "search of pipelines", "frames all through"),
    *("RandomForest", "Calibrated", "LinearSVC", "KNeighbors", "Voting, soft"),
    *("reads its batch", "XGBoost, stumps", "LightGBM, stumps", "CatBoost", "EBM"),
    *("oversampled tree", "net", "net, two classes"),
)
_INTERVALS = (
    *("LinearRegression", "PoissonRegressor", "DecisionTreeRegressor", "KNeighborsRegressor"),
    *("HistGradientBoostingRegressor, gamma", "columns and boosting", "boosting in logarithms"),
    *("search of trees", "BaggingRegressor", "centred batches", "XGBRegressor", "LGBMRegressor"),
    *("CatBoostRegressor", "EBM of numbers", "net of numbers"),
)

CONFORMAL: dict[str, Model] = {
    f"sets of {name}": dataclasses.replace((MODELS | REGRESSORS)[name], task="sets")
    for name in (*_SETS, *_INTERVALS)
}

ALL_MODELS: dict[str, Model] = MODELS | REGRESSORS | CONFORMAL
