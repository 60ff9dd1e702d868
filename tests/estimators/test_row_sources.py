"""Rows that are not in memory, chunk by chunk, and certificates put together from chunks."""

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from helpers import blobs, with_run
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

from sksmooth import Certificate, SmoothedClassifier
from sksmooth.certificate.concat import concatenate
from sksmooth.rows import Rows, as_rows, chunks

X, y = blobs(60)


@pytest.fixture
def on_disk(tmp_path):
    """A function that writes an array, and gives it back as a read-only memory map."""

    def write(array):
        path = tmp_path / f"{array.dtype.name}{array.shape}.npy"
        np.save(path, array)
        return np.load(path, mmap_mode="r")

    return write


class TestMemoryMaps:
    def test_values_shape_and_dtype(self, on_disk):
        images = np.random.default_rng(0).integers(0, 256, (7, 3, 4, 4), dtype=np.uint8)
        rows = as_rows(on_disk(images))
        assert (rows.shape, rows.dtype, rows.ndim, len(rows)) == ((7, 3, 4, 4), np.uint8, 4, 7)
        for index in (slice(None), slice(2, 5), [4, 1], images[:, 0, 0, 0] > 100, 3, -1):
            assert np.array_equal(rows[index], images[index])
            assert type(rows[index]) is np.ndarray
        assert np.array_equal(list(rows), images)

    @pytest.mark.parametrize("n_bytes", [1, 16, 17, 100, 10**9])
    def test_chunks_are_all_rows_in_order(self, on_disk, n_bytes):
        parts = list(Rows(on_disk(X)).chunks(n_bytes))
        assert np.array_equal(np.concatenate(parts), X)
        most = max(1, n_bytes // 8)  # two values of four bytes
        assert [len(part) for part in parts[:-1]] == [most] * (len(parts) - 1)
        assert len(parts[-1]) <= most

    def test_a_chunk_is_all_that_is_read(self):
        read = []

        class Stored:  # as those of h5py
            shape, dtype = (1000, 2), np.dtype(np.float32)

            def __len__(self):
                return 1000

            def __getitem__(self, rows):
                read.append(rows)
                return np.zeros((1000, 2), dtype=np.float32)[rows]

        parts = Rows(Stored()).chunks(80)
        assert not read
        assert next(parts).shape == (10, 2)
        assert read == [slice(0, 10)]

    def test_there_are_no_labels(self, on_disk):
        with pytest.raises(ValueError, match="no labels: pass y"):
            Rows(on_disk(X)).labels()

    def test_vectors_are_no_rows(self, on_disk):
        with pytest.raises(ValueError, match=r"two axes or more; got the shape \(60,\)"):
            as_rows(on_disk(X[:, 0]))


def test_what_is_in_memory_is_left_alone():
    for given in (X, X.tolist(), None, "X"):
        assert as_rows(given) is None
        assert next(chunks(given)) is given


class TestDatasets:
    @pytest.fixture(autouse=True)
    def _torch(self):
        self.torch = pytest.importorskip("torch")
        self.data = pytest.importorskip("torch.utils.data")

    def dataset(self, **attributes):
        """A data set with nothing but items, which counts how often they are asked for."""
        outer = self

        class Items(outer.data.Dataset):
            asked = 0

            def __len__(self):
                return len(X)

            def __getitem__(self, i):
                type(self).asked += 1
                return outer.torch.from_numpy(X[i]), int(y[i])

        items = Items()
        vars(items).update(attributes)
        return items

    def test_tensors_and_labels(self):
        rows = as_rows(self.data.TensorDataset(self.torch.from_numpy(X), self.torch.from_numpy(y)))
        assert np.array_equal(rows[:], X)
        assert np.array_equal(rows[[5, 2]], X[[5, 2]])
        assert np.array_equal(rows.labels(), y)
        assert rows.dtype == X.dtype

    def test_labels_kept_in_one_place_are_taken_if_items_agree(self):
        items = self.dataset(targets=y.tolist())
        assert np.array_equal(as_rows(items).labels(), y)
        assert type(items).asked < 10
        wrong = self.dataset(targets=(1 - y).tolist())
        assert np.array_equal(as_rows(wrong).labels(), y)

    def test_labels_are_transformed_as_items_are(self):
        torchvision = pytest.importorskip("torchvision.datasets")
        fake = torchvision.FakeData(20, (3, 4, 4), 5, target_transform=lambda target: target + 10)
        images = self.data.Subset(fake, [3, 7, 4])
        expected = [images[i][1] for i in range(3)]
        pictures = type(
            "Pixels",
            (self.data.Dataset,),
            {
                "__len__": lambda self: 3,
                "__getitem__": lambda self, i: (np.asarray(images[i][0]), images[i][1]),
            },
        )()
        assert np.array_equal(as_rows(pictures).labels(), expected)

    def test_subsets_and_concatenations(self):
        whole = self.data.TensorDataset(self.torch.from_numpy(X), self.torch.from_numpy(y))
        part = as_rows(self.data.Subset(self.data.Subset(whole, range(20, 40)), [3, 0, 7]))
        assert np.array_equal(part[:], X[[23, 20, 27]])
        assert np.array_equal(part.labels(), y[[23, 20, 27]])
        twice = as_rows(self.data.ConcatDataset([whole, whole]))
        assert np.array_equal(twice.labels(), np.concatenate([y, y]))

    def test_a_folder_of_images(self, tmp_path):
        datasets = pytest.importorskip("torchvision.datasets")
        transforms = pytest.importorskip("torchvision.transforms")
        image = pytest.importorskip("PIL.Image")
        rng = np.random.default_rng(0)
        pixels = rng.integers(0, 256, (6, 5, 4, 3), dtype=np.uint8)
        for i, picture in enumerate(pixels):
            folder = tmp_path / ["cat", "dog"][i % 2]
            folder.mkdir(exist_ok=True)
            image.fromarray(picture).save(folder / f"{i}.png")
        rows = as_rows(datasets.ImageFolder(tmp_path, transforms.ToTensor()))
        order = [0, 2, 4, 1, 3, 5]  # class by class
        expected = (pixels[order] / np.float32(255)).transpose(0, 3, 1, 2)
        assert rows.dtype == np.float32
        assert np.array_equal(rows[:], expected)
        assert rows.labels().tolist() == [0, 0, 0, 1, 1, 1]
        with pytest.raises(ValueError, match=r"expected a tensor .* Images need a transform"):
            as_rows(datasets.ImageFolder(tmp_path))

    def test_bfloat16_becomes_float32(self):
        items = self.data.TensorDataset(self.torch.ones(3, 2, dtype=self.torch.bfloat16))
        assert as_rows(items).dtype == np.float32

    def test_items_of_another_shape_are_named(self):
        outer = self

        class Ragged(outer.data.Dataset):
            def __len__(self):
                return 4

            def __getitem__(self, i):
                return outer.torch.zeros(3 if i == 2 else 2)

        with pytest.raises(ValueError, match=r"Item 2 of Ragged has the shape \(3,\), the first"):
            as_rows(Ragged())[:]
        with pytest.raises(ValueError, match="Item 0 of the data set has no label"):
            as_rows(Ragged()).labels()

    def test_streams_and_nothing(self):
        class Stream(self.data.IterableDataset):
            def __iter__(self):
                return iter(X)

        with pytest.raises(ValueError, match="Use a map-style one"):
            as_rows(Stream())
        with pytest.raises(ValueError, match="no rows"):
            as_rows(self.data.TensorDataset(self.torch.zeros(0, 2)))

    def test_what_nets_are_trained_on(self, on_disk):
        pytest.importorskip("skorch")
        from sksmooth.backends.skorch.fit import NetRows

        images = np.random.default_rng(0).integers(0, 256, (5, 1, 2, 2), dtype=np.uint8)
        data = NetRows(Rows(on_disk(images)), np.arange(5), self.torch.float32)
        loaded = list(self.data.DataLoader(data, batch_size=2))
        assert [len(batch) for batch, _ in loaded] == [2, 2, 1]
        assert np.array_equal(self.torch.cat([batch for batch, _ in loaded]), images)
        assert self.torch.cat([targets for _, targets in loaded]).tolist() == [0, 1, 2, 3, 4]

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_what_nets_must_not_be_trained_on(self, value):
        pytest.importorskip("skorch")
        from sksmooth.backends.skorch.fit import NetRows

        spoilt = X.copy()
        spoilt[3, 1] = value
        data = NetRows(Rows(spoilt), y, self.torch.float32)
        data[2]
        with pytest.raises(ValueError, match="Row 3 of X has values that are NaN or infinite"):
            data[3]


def certificates(clf, sizes, **options):
    edges = np.cumsum([0, *sizes])
    return [clf.certify(X[a:b], **options) for a, b in pairwise(edges)]


class TestConcatenate:
    @pytest.mark.parametrize(
        "options",
        [{}, {"radius": [0.1, 0.3]}, {"tol": 0.05}, {"bound": "two-sided"}, {"n0": 7}],
        ids=str,
    )
    @pytest.mark.parametrize("labels", [y, np.array(["no", "yes"])[y]], ids=["int", "str"])
    def test_as_one_call_for_all_rows(self, options, labels):
        clf = SmoothedClassifier(
            LogisticRegression(), sigma=0.5, method="montecarlo", n=500, random_state=0
        ).fit(X, labels)
        whole = clf.certify(X, **options)
        joined = concatenate(certificates(clf, (1, 20, 39), **options))
        for field in dataclasses.fields(Certificate):
            one, other = getattr(whole, field.name), getattr(joined, field.name)
            if isinstance(one, np.ndarray):
                assert one.dtype == other.dtype
                equal_nan = one.dtype.kind == "f"
                assert np.array_equal(one, other, equal_nan=equal_nan), field.name
            else:
                assert one == other, field.name

    def test_closed_forms(self):
        clf = SmoothedClassifier(DecisionTreeClassifier(max_depth=3), sigma=0.5, random_state=0)
        clf.fit(X, y)
        joined = concatenate(certificates(clf, (30, 30)))
        assert joined.method == "exact"
        assert np.array_equal(joined.radii, clf.certify(X).radii)

    def test_different_settings_are_refused(self):
        options = {"method": "montecarlo", "n": 500, "random_state": 0}
        clf = SmoothedClassifier(LogisticRegression(), sigma=0.5, **options).fit(X, y)
        first = clf.certify(X[:5])
        for name, other in {
            "n": clf.certify(X[:5], n=600),
            "alpha": clf.certify(X[:5], alpha=0.01),
            "bound": clf.certify(X[:5], bound="two-sided"),
            "seed": with_run(first, seed="00" * 16),
            "classes": dataclasses.replace(first, classes=first.classes[::-1]),
        }.items():
            with pytest.raises(ValueError, match=f"different {name} cannot be put together"):
                concatenate([first, other])
        for changes in ({"sigma": 0.6}, {"arithmetic": "float"}):
            clf = SmoothedClassifier(LogisticRegression(), **({"sigma": 0.5} | options | changes))
            with pytest.raises(ValueError, match="different noise cannot be put together"):
                concatenate([first, clf.fit(X, y).certify(X[:5])])

    def test_shortcuts_may_differ(self):
        """One that pays for some chunks only does not change votes."""
        clf = SmoothedClassifier(
            DecisionTreeClassifier(max_depth=3),
            sigma=0.5,
            method="montecarlo",
            n=300,
            random_state=0,
        ).fit(X, y)
        with_shortcut = clf.certify(X[:5])
        without = clf.set_params(shortcuts=None).certify(X[5:9])
        assert (with_shortcut.shortcut, without.shortcut) == ("trees", None)
        joined = concatenate([with_shortcut, without])
        assert joined.shortcut == "trees"
        assert np.array_equal(joined.counts, clf.certify(X[:9]).counts)
        assert concatenate([without, without]).shortcut is None

    def test_none(self):
        with pytest.raises(ValueError, match="no certificates"):
            concatenate([])
