"""Functions of a batch as bases."""

import pickle
import warnings

import numpy as np
import pytest
from helpers import blobs
from sklearn.base import clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

import sksmooth
from sksmooth import SmoothedClassifier, frozen_callable

X, y = blobs(80, d=3)
MODEL = RandomForestClassifier(10, random_state=0).fit(X, y)
CLASSES = MODEL.classes_.tolist()


def certified(base, **options):
    clf = SmoothedClassifier(base, 0.5, random_state=0, n=500, shortcuts=None, **options)
    return clf.fit(X, y).certify(X[:6])


def labels(Z):
    return MODEL.predict(Z)


def scores(Z):
    return MODEL.predict_proba(Z)


class TestAnswers:
    @pytest.mark.parametrize("function", [labels, scores, lambda Z: scores(Z).tolist()])
    def test_votes_are_those_of_the_model(self, function):
        found = certified(frozen_callable(function, classes=CLASSES))
        expected = certified(FrozenEstimator(MODEL), method="montecarlo")
        assert np.array_equal(found.counts, expected.counts)
        assert np.array_equal(found.labels, expected.labels)

    @pytest.mark.parametrize("dtype", ["bfloat16", "float16", "float32", "float64", "int64"])
    def test_tensors_of_any_precision(self, dtype):
        torch = pytest.importorskip("torch")
        rows = torch.eye(3, dtype=getattr(torch, dtype))
        base = frozen_callable(lambda Z: rows[[2, 0]], classes=["c", "a", "b"])
        assert base.predict(X[:2]).tolist() == ["b", "c"]

    def test_first_of_equal_scores(self):
        base = frozen_callable(lambda Z: np.zeros((len(Z), 3)), classes=["c", "a", "b"])
        assert base.predict(X[:2]).tolist() == ["c", "c"]

    def test_columns_are_in_the_order_of_classes(self):
        base = frozen_callable(lambda Z: np.eye(3)[[2, 0]], classes=["c", "a", "b"])
        assert base.predict(X[:2]).tolist() == ["b", "c"]

    def test_rows_keep_their_precision_and_shape(self):
        seen = set()

        def function(Z):
            seen.add((Z.dtype, Z.shape[1:]))
            return np.zeros(len(Z), dtype=int)

        images = np.zeros((4, 1, 2, 2), dtype=np.float32)
        clf = SmoothedClassifier(frozen_callable(function, classes=[0, 1]), 0.5, n=100)
        clf.fit(images, [0, 1, 0, 1]).certify(images)
        assert seen == {(np.dtype(np.float32), (1, 2, 2))}

    def test_tensors(self):
        torch = pytest.importorskip("torch")
        module = torch.nn.Linear(3, 2)
        base = frozen_callable(lambda Z: module(torch.from_numpy(Z).float()), classes=[0, 1])
        answers = module(torch.from_numpy(X).float()).argmax(1).numpy()
        assert np.array_equal(base.predict(X), answers)

    def test_onnx_runtime(self):
        onnxruntime = pytest.importorskip("onnxruntime")
        skl2onnx = pytest.importorskip("skl2onnx")
        model = LogisticRegression().fit(X, y)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            file = skl2onnx.to_onnx(model, X[:1].astype(np.float32)).SerializeToString()
        session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        base = frozen_callable(
            lambda Z: session.run(None, {name: Z.astype(np.float32)})[0], classes=CLASSES
        )
        found = certified(base, method="montecarlo")
        expected = certified(FrozenEstimator(model), method="montecarlo")
        assert np.abs(found.counts - expected.counts).max() <= 1  # rounding to float32


class TestRefused:
    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (lambda Z: np.zeros((len(Z), 1)), r"expected labels, \(\d+,\), or a score for each"),
            (lambda Z: np.zeros((len(Z), 5)), r"each of the 2 classes"),
            (lambda Z: np.zeros(3), r"returned shape \(3,\)"),
            (lambda Z: np.full((len(Z), 2), np.nan), "NaN or infinite"),
            (lambda Z: np.stack([Z[:, 0], np.full(len(Z), np.inf)], axis=1), "NaN or infinite"),
            (lambda Z: scores(Z).astype(object), "scores of dtype object; expected real numbers"),
            (lambda Z: scores(Z) + 0j, "scores of dtype complex128"),
            (lambda Z: np.full(len(Z), 7), "which is not among the classes"),
            (lambda Z: (Z[:, 0] > Z[:, 0].mean()).astype(int), "reads its batch"),
        ],
    )
    def test_answers(self, answer, message):
        with pytest.raises(ValueError, match=message):
            certified(frozen_callable(answer, classes=[0, 1]))

    @pytest.mark.parametrize("classes", [[], [1], [0, 0], [[0, 1]]])
    def test_classes(self, classes):
        with pytest.raises(ValueError, match="each once"):
            frozen_callable(labels, classes=classes)

    def test_what_is_no_function(self):
        with pytest.raises(TypeError, match="must be a function of a batch of rows; got str"):
            frozen_callable("model.onnx", classes=CLASSES)

    def test_fit(self):
        with pytest.raises(TypeError, match="frozen_callable"):
            frozen_callable(labels, classes=CLASSES).estimator.fit(X, y)


class TestAsEstimator:
    def test_searched_cloned_and_pickled(self):
        base = frozen_callable(labels, classes=CLASSES)
        clf = SmoothedClassifier(base, n=200, n_predict=100, random_state=0)
        search = GridSearchCV(clone(clf), {"sigma": [0.25, 0.5]}, cv=2).fit(X, y)
        again = pickle.loads(pickle.dumps(search))
        found, expected = (sksmooth.certify(one, X[:3], 200) for one in (again, search))
        assert np.array_equal(found.counts, expected.counts)

    @pytest.mark.parametrize("n_jobs", [2, -1])
    def test_workers(self, n_jobs):
        base = frozen_callable(labels, classes=CLASSES)
        assert np.array_equal(certified(base, n_jobs=n_jobs).counts, certified(base).counts)

    def test_log_of_another_function_is_refused(self, tmp_path):
        log = tmp_path / "log.tsv"
        for function in (labels, lambda Z: labels(-Z)):
            clf = SmoothedClassifier(
                frozen_callable(function, classes=CLASSES), 0.5, random_state=0
            )
            clf.fit(X, y)
            if function is labels:
                clf.certify(X[:3], n=200, log=log)
                continue
            with pytest.raises(ValueError, match="model"):
                clf.certify(X[:3], n=200, log=log)
