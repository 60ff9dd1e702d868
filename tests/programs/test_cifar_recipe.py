"""The recipe for CIFAR-10 runs from end to end, on a few hundred images and a processor."""

import os
import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
pytest.importorskip("PIL")

ROOT = pathlib.Path(__file__).parents[2]
DATA = os.environ.get("SKSMOOTH_DATA")


@pytest.fixture
def cifar(monkeypatch):
    if DATA is None or not pathlib.Path(DATA, "cifar10_train_jpeg.npz").exists():
        pytest.skip("needs cifar10_train_jpeg.npz in the folder named by SKSMOOTH_DATA")
    monkeypatch.syspath_prepend(str(ROOT))
    from reproduction.nets import cifar

    return cifar


@pytest.mark.slow
def test_from_images_to_a_page(cifar, tmp_path):
    page = cifar.run(quick=True, folder=tmp_path)
    for sigma in ("0.25", "0.5"):
        for name in ("gaussian", "consistency"):
            assert page.figures[sigma][name]["sigma"] == float(sigma)
            assert page.figures[sigma][name]["n"] == 100
    assert "published" in page.to_markdown("python -m reproduction.nets cifar")
    from sksmooth.nets import load_checkpoint

    path = tmp_path / "cifar_resnet20_gaussian_0.25.pth.tar"
    loaded = load_checkpoint(path, normalize="standardize")
    assert loaded(torch.zeros(1, 3, 32, 32)).shape == (1, 10)
    assert len(list(tmp_path.glob("*.tsv"))) == 4


def test_images_are_moved_and_mirrored_only(cifar):
    from reproduction.nets.data import cifar10

    data = cifar10(20, 5)
    rows, labels = zip(*(cifar.Augmented(data)[i] for i in range(20)), strict=True)
    assert labels == tuple(data.y_train.tolist())
    for row, image in zip(rows, data.X_train, strict=True):
        values = np.unique((row.numpy() * 255).round().astype(int))
        assert set(values) <= set(np.unique(image)) | {0}
    assert data.index.tolist() == [0, 2000, 4000, 6000, 8000]
    assert data.X_test.max() <= 1.0 < data.X_train.max()
