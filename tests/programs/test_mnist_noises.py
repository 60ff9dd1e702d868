"""MNIST under several noises, on simulated images: the command ends, and goes on after stops."""

import math
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
from benchmarks import runner
from reproduction.nets import mnist_noises
from reproduction.nets.data import Mnist
from sksmooth.noise import Drop, Flip, Laplace, Rows, Split, Uniform
from sksmooth.records import probed, read_log, running

SETTINGS = {setting.name: setting for setting in mnist_noises._SETTINGS}
L1 = ("splitting", "uniform", "Laplace")


def simulated(quick, every):
    """Images of which the class is seen at once: which row of pixels is white."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = rng.integers(0, 64, (120, 1, 28, 28)).astype(np.float32)
    for image, label in zip(X, y, strict=True):
        image[0, 4 + 8 * label : 8 + 8 * label] = 255
    X /= np.float32(255)
    return Mnist(X, y, X[:3], y[:3], every * np.arange(3))


def four(quick, every):
    """The same, with four test images."""
    data = simulated(quick, every)
    index = np.arange(4)
    return mnist_noises.dataclasses.replace(
        data, X_test=data.X_train[:4], y_test=data.y_train[:4], index=index
    )


@pytest.fixture
def small(monkeypatch):
    """Simulated images; all the rest is the command's own, but for draws."""
    few = [mnist_noises.dataclasses.replace(s, n=150) for s in mnist_noises._SETTINGS]
    monkeypatch.setattr(mnist_noises, "_SETTINGS", few)
    monkeypatch.setattr(mnist_noises, "mnist", simulated)
    monkeypatch.setattr(running, "_NOTE_SECONDS", 0.0)
    monkeypatch.setattr(probed, "_PROBES", (16, 32))
    monkeypatch.setattr(runner, "restart_steady", lambda package: None)


def command(monkeypatch, folder):
    words = ["mnist_noises", "--images", "500", "--epochs", "2", "--output", str(folder)]
    monkeypatch.setattr(sys, "argv", ["nets", *words])
    options = dict.fromkeys(("images", "epochs"), "help")
    runner.run_experiments("reproduction.nets", {"mnist_noises": "mnist_noises"}, "", options)
    return (folder / "nets_mnist_noises.md").read_text()


def certificates(folder):
    found = {}
    for path in (folder / "nets").glob("*.tsv"):
        record = read_log(path, rows=3)
        votes = record.certificate.counts
        found[path.name] = [record.y_true, record.y_pred, record.certificate.radii, votes]
    return found


@pytest.mark.filterwarnings("ignore::sksmooth.exceptions.NothingCertifiedWarning")
def test_it_ends_and_goes_on_where_it_was_stopped(small, tmp_path, monkeypatch, capsys):
    page = command(monkeypatch, tmp_path / "whole")
    assert "`python -m reproduction.nets --images 500 --epochs 2 mnist_noises`" in page
    assert "Certified: 3 test images (3: **a sample** at equal distances)" in page
    assert "The run was stopped" not in page
    for name in SETTINGS:
        assert page.count(f"\n| {name} |") == 1
    logs = certificates(tmp_path / "whole")
    assert len(logs) == len(SETTINGS)

    few = mnist_noises._SETTINGS[1::4]  # uniform and flip: the rest goes through the same lines
    monkeypatch.setattr(mnist_noises, "_SETTINGS", few)
    whole = {name: log for name, log in logs.items() if "flip" in name or "uniform" in name}

    epochs, one_epoch = 0, mnist_noises._epoch
    questions, ask = 0, torch.nn.Sequential.forward

    def stopped(*args):  # before every second epoch
        nonlocal epochs
        epochs += 1
        if epochs % 2 == 0:
            raise KeyboardInterrupt
        return one_epoch(*args)

    def asked(self, X):
        nonlocal questions
        questions += not self.training
        if not self.training and questions in (3, 7):  # in certification
            raise KeyboardInterrupt
        return ask(self, X)

    monkeypatch.setattr(mnist_noises, "_epoch", stopped)
    monkeypatch.setattr(torch.nn.Sequential, "forward", asked)
    pages = []
    while not pages or "| flip |" not in pages[-1]:
        try:
            pages.append(command(monkeypatch, tmp_path / "stopped"))
        except KeyboardInterrupt:  # there is nothing to write
            pages.append("")
    assert len(pages) == 6  # three stops in training, two in certification
    assert not pages[0]
    assert "| uniform |" in pages[-2]
    resumed = certificates(tmp_path / "stopped")
    assert resumed.keys() == whole.keys()
    for name, arrays in whole.items():
        for array, other in zip(arrays, resumed[name], strict=True):
            np.testing.assert_array_equal(array, other, err_msg=name)


def test_a_page_of_a_run_that_was_stopped_says_so(small, tmp_path, monkeypatch):
    whole = mnist_noises.SmoothedClassifier.certify

    def two(self, X, **options):
        whole(self, X[:2], **options | {"y": options["y"][:2]})
        raise KeyboardInterrupt

    monkeypatch.setattr(mnist_noises.SmoothedClassifier, "certify", two)
    page = command(monkeypatch, tmp_path)
    (line,) = (line for line in page.splitlines() if line.startswith("| splitting |"))
    assert "| 2 | all outcomes |" in line
    assert "uniform |" not in page
    assert "the images of splitting are the first" in page


@pytest.mark.filterwarnings("ignore::sksmooth.exceptions.NothingCertifiedWarning")
def test_a_page_says_which_samples_are_of_how_many_images(small, tmp_path, monkeypatch):
    uniform, flip = mnist_noises._SETTINGS[1::4]
    flip = mnist_noises.dataclasses.replace(flip, images=2)
    monkeypatch.setattr(mnist_noises, "_SETTINGS", (uniform, flip))
    monkeypatch.setattr(mnist_noises, "_TEST_IMAGES", 4)
    monkeypatch.setattr(mnist_noises, "mnist", four)
    page = mnist_noises.run(False, tmp_path, epochs=1).to_markdown("command")
    assert "Certified: 4 or 2 test images (2: **a sample** at equal distances)" in page
    assert "at most 0.250 or 0.354" in page
    assert "row i of m is test image 4 i / m" in page
    (log,) = tmp_path.glob("mnist_flip*.tsv")
    y = four(False, 1).y_test
    np.testing.assert_array_equal(read_log(log, rows=2).y_true, y[[0, 2]])


def test_what_is_certified_says_nothing_of_the_training():
    flip = SETTINGS["flip"]
    assert flip.images == 500
    assert repr(mnist_noises.dataclasses.replace(flip, images=2)) == repr(flip)


def test_noises_are_those_that_the_page_names():
    assert SETTINGS["flip"].noise == Flip(add=1 - 0.8, remove=1 - 0.8)
    assert [SETTINGS[name].noise for name in L1] == [Split(scale=1), Uniform(scale=1), Laplace(1)]
    assert SETTINGS["drop"].noise == Drop(drop=0.94)
    deviations = [
        SETTINGS[name].noise.bind(Rows(sigma=1.0, shape=(9,))).deviations((9,))[0]
        for name in ("uniform", "Laplace, same deviation")
    ]
    assert deviations == pytest.approx([1 / math.sqrt(3)] * 2, rel=1e-6)


def test_flips_of_both_kinds_have_the_law_of_keep():
    p = np.linspace(0.5, 0.99999, 999)
    kept = Flip(keep=0.8).bind(Rows(sigma=1.0, shape=(784,), categories=((0.0, 1.0),) * 784))
    turned = SETTINGS["flip"].noise.bind(Rows(sigma=1.0, shape=(784,)))
    np.testing.assert_array_equal(turned.radius(p), kept.radius(p))
    assert turned.radius(0.99993) >= max(SETTINGS["flip"].radii)  # what 100,000 draws prove


def test_radii_of_drops_are_all_that_can_be_proved():
    noise = SETTINGS["drop"].noise.bind(Rows(sigma=1.0, shape=(784,)))
    unanimous = SETTINGS["drop"].alpha ** (1 / SETTINGS["drop"].n)
    assert noise.radius(unanimous) == max(SETTINGS["drop"].radii)


def test_missing_pixels_are_black_in_both_channels():
    X = torch.tensor([[[[0.0, 1.0, 0.25, math.nan]]]])
    seen = mnist_noises._TwoChannels()(X)
    assert seen.tolist() == [[[[0.0, 1.0, 0.25, 0.0]], [[1.0, 0.0, 0.75, 0.0]]]]
