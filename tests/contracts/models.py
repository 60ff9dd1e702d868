"""Models of every kind, each small, for suites that hold for all of them."""

import dataclasses
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np
import sklearn.base
import sklearn.utils
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import (
    LinearDiscriminantAnalysis,
    QuadraticDiscriminantAnalysis,
)
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.naive_bayes import (
    BernoulliNB,
    CategoricalNB,
    ComplementNB,
    GaussianNB,
    MultinomialNB,
)
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid, RadiusNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection
from sklearn.semi_supervised import LabelPropagation, LabelSpreading, SelfTrainingClassifier
from sklearn.svm import SVC, LinearSVC, NuSVC
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

__all__ = ["MODELS", "SIGMA", "Model", "classifiers_of_sklearn"]

SIGMA = 0.4
_N = 150
_FEATURES = 4


@dataclasses.dataclass(frozen=True)
class Model:
    """A classifier or a regressor, and the table that it is fitted on.

    Attributes
    ----------
    make : callable
        Returns it, unfitted and with all seeds set; parts of it may belong to others too.
    classes : int
        Two or three classes; 0 for a regressor.
    kind : {"array", "float32", "shifted", "frame"}
        What the rows are: float64, float32, far from 0, or a data frame.
    needs : tuple of str
        Packages.
    after : dict
        Settings that predict reads, to be changed after the fit.
    refused : str
        What the message says if no certificate could be true.
    float_labels : bool
        Whether its own fit wants the codes as floats.
    task : {"certificate", "sets"}
        Which estimator is put around it: for certificates, or for conformal sets and intervals.
    """

    make: Callable[[], Any]
    classes: int = 3
    kind: str = "array"
    needs: tuple[str, ...] = ()
    after: dict[str, Any] = dataclasses.field(default_factory=dict)
    refused: str = ""
    float_labels: bool = False
    task: str = "certificate"

    @property
    def missing(self) -> list[str]:
        """Packages that are not installed."""
        return [name for name in self.needs if importlib.util.find_spec(name) is None]

    def table(self, seed: int = 0) -> tuple[Any, np.ndarray]:
        """Return rows, and codes from 0 or positive numbers; another seed gives others alike."""
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(_N, _FEATURES))
        score = X[:, 0] + 0.8 * X[:, 1] * X[:, 2] + 0.3 * rng.normal(size=_N)
        if not self.classes:
            return self.rows(X), np.exp(score / 2)
        y = np.digitize(score, [0.0] if self.classes == 2 else [-0.6, 0.6])
        return self.rows(X), y

    def new(self) -> Any:
        """Return it unfitted, sharing nothing with others."""
        return sklearn.base.clone(self.make())

    def own_labels(self, y: np.ndarray) -> np.ndarray:
        """Return targets as the model's own fit takes them."""
        if not self.float_labels:
            return y
        return y.astype(np.float32) if self.classes else y.astype(np.float32)[:, None]

    def rows(self, X: np.ndarray) -> Any:
        """Return an array of rows around 0 as this model takes them."""
        if self.kind == "shifted":
            return X + 5.0
        return self.frame(X.astype(np.float32) if self.kind == "float32" else X)

    def frame(self, X: np.ndarray) -> Any:
        """Return rows as a data frame, if that is what the model is fitted on."""
        if self.kind != "frame":
            return X
        import pandas as pd

        return pd.DataFrame(X, columns=list("abcd"))


def _xgboost(**options: Any) -> Any:
    from xgboost import XGBClassifier

    return XGBClassifier(n_estimators=6, max_depth=3, n_jobs=1, random_state=0, **options)


def _lightgbm(**options: Any) -> Any:
    from lightgbm import LGBMClassifier

    fixed = {"n_estimators": 6, "num_leaves": 6, "n_jobs": 1, "random_state": 0, "verbose": -1}
    return LGBMClassifier(**fixed, **options)


def _catboost(**options: Any) -> Any:
    from catboost import CatBoostClassifier

    fixed = {"iterations": 6, "depth": 3, "thread_count": 1, "random_seed": 0, "verbose": 0}
    return CatBoostClassifier(**fixed, allow_writing_files=False, **options)


def _imblearn(kind: str) -> Any:
    from imblearn import combine, ensemble, over_sampling, pipeline

    if kind == "linear":
        return pipeline.make_pipeline(
            over_sampling.RandomOverSampler(random_state=0), StandardScaler(), _LINEAR
        )
    if kind == "trees":
        sampler = over_sampling.SMOTE(k_neighbors=2, random_state=0)
        return pipeline.make_pipeline(sampler, DecisionTreeClassifier(max_depth=4, random_state=0))
    if kind == "cleaned":
        return pipeline.make_pipeline(
            combine.SMOTETomek(random_state=0), StandardScaler(), _forest(4)
        )
    trees = {"n_estimators": 4, "random_state": 0}
    return {
        "forest": lambda: ensemble.BalancedRandomForestClassifier(**trees),
        "bagging": lambda: ensemble.BalancedBaggingClassifier(**trees),
        "boosting": lambda: ensemble.RUSBoostClassifier(**trees),
        "easy": lambda: ensemble.EasyEnsembleClassifier(
            estimator=AdaBoostClassifier(n_estimators=2, random_state=0), **trees
        ),
    }[kind]()


def _ebm() -> Any:
    from interpret.glassbox import ExplainableBoostingClassifier

    options = {"interactions": 0, "outer_bags": 2, "max_rounds": 20, "n_jobs": 1}
    return ExplainableBoostingClassifier(random_state=0, **options)


def _net(kind: str, **options: Any) -> Any:
    import torch
    from nets import binary_net, mlp_net

    fast = {"iterator_valid__batch_size": 4096, "train_split": None, "max_epochs": 3}
    options = fast | options
    torch.manual_seed(0)
    if kind == "binary":
        return binary_net(module__n_in=_FEATURES, **options)
    net = mlp_net(n_in=_FEATURES, n_out=3, **options)
    if kind == "normalised":
        net.set_params(module__hidden=8, module=WithBatchNorm)
    if kind == "reads its batch":
        net.set_params(module=ReadsItsBatch)
    return net


if importlib.util.find_spec("torch") and importlib.util.find_spec("skorch"):
    from nets import MLP
    from torch import nn

    class WithBatchNorm(MLP):
        """Its evaluation mode is another function than its training mode."""

        def __init__(self, n_in: int, n_out: int, hidden: int) -> None:
            super().__init__(n_in, n_out, hidden)
            self.norm = nn.BatchNorm1d(n_in)

        def forward(self, X: Any) -> Any:
            return super().forward(self.norm(X))

    class ReadsItsBatch(MLP):
        """No function of a row."""

        def forward(self, X: Any) -> Any:
            return super().forward(X - X.mean(dim=0))


def _forest(n: int = 5, **options: Any) -> Any:
    return RandomForestClassifier(n_estimators=n, max_depth=5, random_state=0, **options)


def _hist(**options: Any) -> Any:
    fixed = {"max_iter": 8, "max_leaf_nodes": 8, "early_stopping": False, "random_state": 0}
    return HistGradientBoostingClassifier(**fixed | options)


def _columns() -> Any:
    parts = [("scaled", StandardScaler(), [0, 1]), ("rest", MinMaxScaler(), [2, 3])]
    return ColumnTransformer(parts)


def _named_columns() -> Any:
    parts = [("scaled", StandardScaler(), ["a", "b"]), ("rest", "passthrough", ["d", "c"])]
    return ColumnTransformer(parts)


_LINEAR = LogisticRegression()
_TREE = DecisionTreeClassifier(max_depth=4, random_state=0)
_SGD = SGDClassifier(loss="log_loss", random_state=0)
_SVM = LinearSVC(random_state=0)
_FEW = {"n_estimators": 4, "random_state": 0}
_NETS = ("torch", "skorch")

MODELS: dict[str, Model] = {
    # every classifier of scikit-learn that takes a column of labels
    "AdaBoost": Model(lambda: AdaBoostClassifier(**_FEW)),
    "Bagging": Model(lambda: BaggingClassifier(_TREE, **_FEW)),
    "Bagging of linear": Model(lambda: BaggingClassifier(_LINEAR, max_features=3, **_FEW)),
    "BernoulliNB": Model(BernoulliNB, after={"binarize": 0.3}),
    "Calibrated": Model(lambda: CalibratedClassifierCV(_SVM, cv=2), classes=2),
    "Calibrated, isotonic": Model(lambda: CalibratedClassifierCV(_TREE, method="isotonic", cv=2)),
    "ComplementNB": Model(ComplementNB, kind="shifted", after={"norm": True}),
    "DecisionTree": Model(lambda: DecisionTreeClassifier(max_depth=4, random_state=0)),
    "Dummy": Model(lambda: DummyClassifier(strategy="prior")),
    "ExtraTree": Model(lambda: ExtraTreeClassifier(max_depth=4, random_state=0)),
    "ExtraTrees": Model(lambda: ExtraTreesClassifier(max_depth=4, **_FEW)),
    "FixedThreshold": Model(
        lambda: FixedThresholdClassifier(_LINEAR, threshold=0.7),
        classes=2,
        after={"threshold": 0.4},
    ),
    "FixedThreshold, stumps": Model(
        lambda: FixedThresholdClassifier(_hist(max_leaf_nodes=2), threshold=0.3),
        classes=2,
        after={"threshold": 0.6},
    ),
    "GaussianNB": Model(GaussianNB),
    "GaussianProcess": Model(lambda: GaussianProcessClassifier(random_state=0), classes=2),
    "GradientBoosting": Model(lambda: GradientBoostingClassifier(max_depth=2, **_FEW)),
    "GradientBoosting, stumps": Model(lambda: GradientBoostingClassifier(max_depth=1, **_FEW)),
    "HistGradientBoosting": Model(_hist),
    "HistGradientBoosting, stumps": Model(lambda: _hist(max_leaf_nodes=2)),
    "HistGradientBoosting, additive": Model(
        lambda: _hist(interaction_cst="no_interactions"), classes=2
    ),
    "KNeighbors": Model(KNeighborsClassifier, after={"n_neighbors": 2, "weights": "distance"}),
    "LabelPropagation": Model(lambda: LabelPropagation(gamma=2.0)),
    "LabelSpreading": Model(lambda: LabelSpreading(kernel="knn")),
    "LDA": Model(LinearDiscriminantAnalysis, after={"solver": "lsqr"}),
    "LinearSVC": Model(lambda: LinearSVC(random_state=0)),
    "LogisticRegression": Model(LogisticRegression),
    "LogisticRegression, two classes": Model(LogisticRegression, classes=2),
    "LogisticRegressionCV": Model(lambda: LogisticRegressionCV(Cs=3, cv=2)),
    "MLP": Model(lambda: MLPClassifier((8,), max_iter=30, random_state=0)),
    "MultinomialNB": Model(lambda: MultinomialNB(alpha=1e-3), kind="shifted"),
    "NearestCentroid": Model(NearestCentroid, after={"metric": "manhattan"}),
    "NearestCentroid, two classes": Model(
        NearestCentroid, classes=2, after={"metric": "manhattan"}
    ),
    "NuSVC": Model(lambda: NuSVC(nu=0.3, random_state=0)),
    "OneVsOne": Model(lambda: OneVsOneClassifier(_SVM)),
    "OneVsRest": Model(lambda: OneVsRestClassifier(_LINEAR)),
    "OneVsRest, two classes": Model(
        lambda: OneVsRestClassifier(make_pipeline(StandardScaler(), _LINEAR)), classes=2
    ),
    "OutputCode": Model(lambda: OutputCodeClassifier(_TREE, random_state=0)),
    "Perceptron": Model(lambda: Perceptron(random_state=0)),
    "QDA": Model(lambda: QuadraticDiscriminantAnalysis(reg_param=0.1)),
    "RadiusNeighbors": Model(
        lambda: RadiusNeighborsClassifier(1.5, outlier_label="most_frequent"),
        after={"radius": 0.8},
    ),
    "RandomForest": Model(_forest),
    "RandomForest, two features": Model(
        lambda: make_pipeline(SelectKBest(k=2), _forest(3)), classes=2
    ),
    "Ridge": Model(RidgeClassifier),
    "RidgeCV": Model(RidgeClassifierCV),
    "SGD": Model(lambda: SGDClassifier(random_state=0)),
    "SVC": Model(lambda: SVC(random_state=0), after={"break_ties": True}),
    "SVC, linear": Model(lambda: SVC(kernel="linear", random_state=0), classes=2),
    "SelfTraining": Model(lambda: SelfTrainingClassifier(_LINEAR)),
    "Stacking": Model(lambda: StackingClassifier([("a", _LINEAR), ("b", _TREE)], _LINEAR, cv=2)),
    "TunedThreshold": Model(
        lambda: TunedThresholdClassifierCV(_LINEAR, cv=3, thresholds=5, random_state=0), classes=2
    ),
    "Voting, hard": Model(
        lambda: VotingClassifier([("a", _LINEAR), ("b", _TREE), ("c", GaussianNB())]),
        after={"weights": [3, 1, 1]},
    ),
    "Voting, soft": Model(
        lambda: VotingClassifier([("a", _LINEAR), ("b", _TREE)], voting="soft"),
        after={"weights": [1, 4]},
    ),
    # steps in front of a model, and searches around it
    "scaled linear": Model(
        lambda: make_pipeline(StandardScaler(), LogisticRegression()),
        after={"standardscaler__with_mean": False},
    ),
    "PCA and linear": Model(
        lambda: make_pipeline(StandardScaler(), PCA(2, whiten=True), LogisticRegression()),
        after={"pca__whiten": False},
    ),
    "scaled forest": Model(
        lambda: make_pipeline(RobustScaler(), _forest()),
        after={"robustscaler__with_scaling": False},
    ),
    "scaled trees": Model(lambda: make_pipeline(MinMaxScaler(), _hist())),
    "clipped stumps": Model(
        lambda: make_pipeline(MinMaxScaler(clip=True), GradientBoostingClassifier(max_depth=1)),
        classes=2,
        after={"minmaxscaler__clip": False},
    ),
    "columns and linear": Model(lambda: make_pipeline(_columns(), LogisticRegression())),
    "named columns and tree": Model(
        lambda: make_pipeline(_named_columns(), _TREE), kind="frame", needs=("pandas",)
    ),
    "frames all through": Model(
        lambda: make_pipeline(_named_columns(), StandardScaler(), _LINEAR).set_output(
            transform="pandas"
        ),
        kind="frame",
        needs=("pandas",),
    ),
    "frame and boosting": Model(_hist, kind="frame", needs=("pandas",)),
    "imputed linear": Model(lambda: make_pipeline(SimpleImputer(), MaxAbsScaler(), _LINEAR)),
    "bins": Model(
        lambda: make_pipeline(
            KBinsDiscretizer(4, encode="ordinal", quantile_method="averaged_inverted_cdf"),
            CategoricalNB(min_categories=4),
        )
    ),
    "powers and neighbours": Model(
        lambda: make_pipeline(PowerTransformer(), KNeighborsClassifier())
    ),
    "quantiles and Bayes": Model(
        lambda: make_pipeline(QuantileTransformer(n_quantiles=20, random_state=0), GaussianNB())
    ),
    "polynomials": Model(lambda: make_pipeline(PolynomialFeatures(2), StandardScaler(), _LINEAR)),
    "splines": Model(lambda: make_pipeline(SplineTransformer(extrapolation="constant"), _LINEAR)),
    "directions": Model(lambda: make_pipeline(Normalizer(), _TREE)),
    "union": Model(
        lambda: make_pipeline(FeatureUnion([("a", StandardScaler()), ("b", PCA(2))]), _LINEAR)
    ),
    "projected tree": Model(
        lambda: make_pipeline(GaussianRandomProjection(3, random_state=0), _TREE)
    ),
    "logarithms": Model(
        lambda: make_pipeline(FunctionTransformer(np.log1p), _LINEAR), kind="shifted"
    ),
    "pipeline in a pipeline": Model(
        lambda: make_pipeline(StandardScaler(), make_pipeline(PCA(3), _TREE))
    ),
    "scaled naive Bayes": Model(lambda: make_pipeline(StandardScaler(), GaussianNB())),
    "search of linear": Model(lambda: GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2)),
    "search of pipelines": Model(
        lambda: GridSearchCV(
            make_pipeline(StandardScaler(), _TREE), {"decisiontreeclassifier__max_depth": [2, 4]}
        )
    ),
    "search of forests": Model(
        lambda: RandomizedSearchCV(
            _forest(3), {"max_depth": [2, 4]}, n_iter=2, cv=2, random_state=0
        )
    ),
    "calibrated pipeline": Model(
        lambda: CalibratedClassifierCV(make_pipeline(StandardScaler(), _forest(3)), cv=2)
    ),
    "voting of pipelines": Model(
        lambda: VotingClassifier(
            [("a", make_pipeline(StandardScaler(), _LINEAR)), ("b", _hist()), ("c", _forest(3))]
        )
    ),
    "bagging of pipelines": Model(
        lambda: BaggingClassifier(make_pipeline(StandardScaler(), _SGD), **_FEW)
    ),
    "reads its batch": Model(
        lambda: make_pipeline(FunctionTransformer(_standardised), LogisticRegression()),
        refused="batch",
    ),
    # other packages
    "XGBoost": Model(_xgboost, needs=("xgboost",)),
    "XGBoost, stumps": Model(
        lambda: _xgboost().set_params(max_depth=1), classes=2, needs=("xgboost",)
    ),
    "XGBoost, dart": Model(lambda: _xgboost(booster="dart"), needs=("xgboost",)),
    "scaled XGBoost": Model(
        lambda: make_pipeline(StandardScaler(), _xgboost()), needs=("xgboost",)
    ),
    "LightGBM": Model(_lightgbm, needs=("lightgbm",)),
    "LightGBM, stumps": Model(
        lambda: _lightgbm().set_params(num_leaves=2), classes=2, needs=("lightgbm",)
    ),
    "CatBoost": Model(_catboost, needs=("catboost",)),
    "CatBoost, stumps": Model(
        lambda: _catboost().set_params(depth=1), classes=2, needs=("catboost",)
    ),
    "EBM": Model(_ebm, classes=2, needs=("interpret",)),
    "oversampled linear": Model(lambda: _imblearn("linear"), needs=("imblearn",)),
    "oversampled tree": Model(lambda: _imblearn("trees"), needs=("imblearn",)),
    "resampled forest": Model(lambda: _imblearn("cleaned"), needs=("imblearn",)),
    "balanced forest": Model(lambda: _imblearn("forest"), needs=("imblearn",)),
    "balanced bagging": Model(lambda: _imblearn("bagging"), needs=("imblearn",)),
    "undersampled boosting": Model(lambda: _imblearn("boosting"), needs=("imblearn",)),
    "easy ensemble": Model(lambda: _imblearn("easy"), needs=("imblearn",)),
    # nets
    "net": Model(lambda: _net("plain"), kind="float32", needs=_NETS),
    "net, two classes": Model(
        lambda: _net("binary"), classes=2, kind="float32", needs=_NETS, float_labels=True
    ),
    "net with batch norm": Model(lambda: _net("normalised"), kind="float32", needs=_NETS),
    "scaled net": Model(
        lambda: make_pipeline(StandardScaler(), _net("plain")), kind="float32", needs=_NETS
    ),
    "search of nets": Model(
        lambda: GridSearchCV(_net("plain"), {"lr": [0.05, 0.1]}, cv=2), kind="float32", needs=_NETS
    ),
    "net that reads its batch": Model(
        lambda: _net("reads its batch"), kind="float32", needs=_NETS, refused="batch"
    ),
}


def _standardised(X: np.ndarray) -> np.ndarray:
    return (X - X.mean(axis=0)) / X.std(axis=0)


# classifiers that scikit-learn itself fits on several columns of labels only, and abstract ones
NOT_FOR_ONE_COLUMN = {"ClassifierChain", "MultiOutputClassifier"}
# deprecated in scikit-learn 1.8 in favour of SGDClassifier, whose code it shares
LEAVING = {"PassiveAggressiveClassifier"}


def classifiers_of_sklearn() -> set[str]:
    """Return the names of those that should be among the models."""
    names = {name for name, _ in sklearn.utils.all_estimators("classifier")}
    return names - NOT_FOR_ONE_COLUMN - LEAVING
