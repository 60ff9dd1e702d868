"""fit, predict and certify on rows that are read batch by batch: as if they were in memory."""

import numpy as np
import pytest
from helpers import blobs
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.tree import DecisionTreeRegressor

from sksmooth import SmoothedClassifier, SmoothedRegressor
from sksmooth.rows import Rows

X, y = blobs(60)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr("sksmooth.rows.CHUNK_BYTES", 4 * 64 * 7)  # seven images of 8 x 8 pixels


@pytest.fixture
def on_disk(tmp_path):
    def write(array):
        path = tmp_path / "rows.npy"
        np.save(path, array)
        return np.load(path, mmap_mode="r")

    return write


def assert_same(clf, other, given, rows):
    """Both classifiers answer alike, the first one about rows that are not in memory."""
    assert np.array_equal(clf.predict(given), other.predict(rows))
    assert np.array_equal(clf.vote_frequencies(given), other.vote_frequencies(rows))
    certificate, expected = clf.certify(given), other.certify(rows)
    assert np.array_equal(certificate.counts, expected.counts)
    assert np.array_equal(certificate.radii, expected.radii)
    assert certificate.labels.dtype == expected.labels.dtype


@pytest.mark.parametrize("options", [{}, {"abstain_label": None}, {"method": "montecarlo"}])
def test_a_base_of_scikit_learn(on_disk, monkeypatch, options):
    monkeypatch.setattr("sksmooth.rows.CHUNK_BYTES", 7 * 8)
    clf = SmoothedClassifier(LogisticRegression(), sigma=0.5, n=300, random_state=0, **options)
    expected = SmoothedClassifier(**clf.get_params(deep=False)).fit(X, y)
    assert_same(clf.fit(on_disk(X), y), expected, on_disk(X), X)
    assert clf.score(on_disk(X), y) == expected.score(X, y)


@pytest.mark.parametrize("base", [Ridge(), DecisionTreeRegressor(max_depth=3)])
@pytest.mark.parametrize("method", ["auto", "montecarlo"])
def test_intervals_of_rows_are_those_of_their_own(on_disk, monkeypatch, base, method):
    monkeypatch.setattr("sksmooth.rows.CHUNK_BYTES", 7 * 8)
    reg = SmoothedRegressor(base, 0.5, n=200, n0=20, method=method, random_state=0).fit(X, X[:, 0])
    ends = X[:, 0] - np.linspace(0, 2, len(X)), X[:, 0] + np.linspace(2, 0, len(X))
    expected = reg.certify(X, interval=ends)
    assert len(np.unique(expected.radii)) > 3
    assert reg.certify(on_disk(X), interval=ends).equals(expected)


def test_warnings_come_once(on_disk, monkeypatch):
    monkeypatch.setattr("sksmooth.rows.CHUNK_BYTES", 8)
    clf = SmoothedClassifier(LogisticRegression(), sigma=0.5, method="montecarlo", random_state=0)
    clf.fit(X, y)
    for call in (lambda: clf.certify(on_disk(X), n=5), lambda: clf.certify(on_disk(X), radius=9)):
        with pytest.warns(UserWarning, match="n=") as caught:
            call()
        assert len(caught) == 1


def test_errors_are_those_of_arrays(on_disk):
    clf = SmoothedClassifier(LogisticRegression(), random_state=0).fit(X, y)
    spoilt = X.copy()
    spoilt[50, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        clf.certify(on_disk(spoilt))
    with pytest.raises(ValueError, match="features"):
        clf.certify(on_disk(np.zeros((5, 3))))
    with pytest.raises(ValueError, match="no labels: pass y"):
        clf.fit(on_disk(X))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        clf.fit(on_disk(X), y[:-1])
    with pytest.raises(ValueError, match="requires y"):
        clf.fit(X)


class TestNets:
    @pytest.fixture(autouse=True)
    def _torch(self):
        self.torch = pytest.importorskip("torch")
        pytest.importorskip("skorch")

    def pictures(self):
        rng = np.random.default_rng(0)
        target = np.arange(60) % 10
        pictures = rng.integers(0, 60, (60, 1, 8, 8), dtype=np.uint8)
        pictures[np.arange(60), 0, target % 8, target // 8 * 4] = 255
        return pictures, target

    def smoothed(self, **options):
        from nets import cnn_net

        defaults = {"sigma": 20.0, "n": 200, "n_predict": 100, "random_state": 0}
        return SmoothedClassifier(cnn_net(**options), **defaults)

    @pytest.mark.parametrize("source", ["memory map", "dataset", "rows"])
    def test_training_and_answers_are_those_of_an_array(self, on_disk, small_chunks, source):
        pictures, target = self.pictures()
        given = {
            "memory map": lambda: on_disk(pictures),
            "dataset": lambda: self.torch.utils.data.TensorDataset(
                self.torch.from_numpy(pictures), self.torch.from_numpy(target)
            ),
            "rows": lambda: Rows(pictures),
        }[source]()
        labels = None if source == "dataset" else target
        clf = self.smoothed().fit(given, labels)
        expected = self.smoothed().fit(pictures, target)
        for p, q in zip(
            clf.estimator_.module_.parameters(),
            expected.estimator_.module_.parameters(),
            strict=True,
        ):
            assert self.torch.equal(p, q)
        assert clf.certify(given).noise == expected.certify(pictures).noise  # the grid of bytes
        assert_same(clf, expected, given, pictures)
        assert clf.score(given, labels) == expected.score(pictures, target)

    def test_random_transforms_act_anew_in_every_epoch(self):
        pictures, target = self.pictures()
        torch, asked = self.torch, []

        class Items(torch.utils.data.Dataset):
            targets = target

            def __len__(self):
                return len(pictures)

            def __getitem__(self, i):
                asked.append(i)
                return torch.from_numpy(pictures[i]), int(target[i])

        self.smoothed(train_split=None, max_epochs=3, batch_size=16).fit(Items())
        assert all(np.sum(np.array(asked) == i) >= 3 for i in range(60))

    def test_for_a_frozen_net_hardly_anything_is_read(self):
        from sksmooth.nets import LeNet, frozen_net

        torch, asked = self.torch, []

        class Many(torch.utils.data.Dataset):
            targets = np.arange(10_000) % 10

            def __len__(self):
                return 10_000

            def __getitem__(self, i):
                asked.append(i)
                return torch.full((1, 28, 28), float(i % 2)), i % 10

        clf = SmoothedClassifier(frozen_net(LeNet()), sigma=0.5, random_state=0).fit(Many())
        assert len(set(asked)) < 300
        assert clf.classes_.tolist() == list(range(10))

    def test_nan_in_a_row_is_found_when_it_is_read(self, on_disk):
        rows = self.pictures()[0].astype(np.float32)
        rows[17, 0, 3, 3] = np.nan
        with pytest.raises(ValueError, match="Row 17 of X has values that are NaN"):
            self.smoothed().fit(on_disk(rows), self.pictures()[1])

    def test_the_denoiser_alone_is_trained_by_its_squared_error(self):
        from nets import CNN

        from sksmooth.nets import Denoised, DenoiserMSE, DnCNN, ObjectiveNet

        module = Denoised(DnCNN(depth=3, width=4, in_channels=1), CNN())
        net = ObjectiveNet(module, objective=DenoiserMSE, max_epochs=1, verbose=0, lr=0.01)
        pictures, target = self.pictures()
        clf = SmoothedClassifier(net, sigma=20.0, random_state=0).fit(pictures, target)
        assert self.torch.any(clf.estimator_.module_.denoiser.dncnn[-1].weight != 0)
