"""The training on one thread of a processor goes on after a stop as if there had been none."""

import dataclasses

import numpy as np
import pytest
from scipy.stats import beta, norm

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
from reproduction.nets import cifar_cpu, cifar_training
from reproduction.nets.data import Cifar
from sksmooth.objectives import Consistency, GaussianAugmentation
from sksmooth.records import read_log

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (160, 3, 32, 32), dtype=np.uint8)
LABELS = RNG.integers(0, 10, 160)
DATA = Cifar(IMAGES, LABELS, IMAGES[:4] / np.float32(255), LABELS[:4], np.arange(4))


@pytest.mark.parametrize("objective", [GaussianAugmentation(), Consistency(lam=10.0)])
def test_training_goes_on_where_it_was_stopped(objective, tmp_path, monkeypatch):
    recipe = cifar_training.Recipe("test", objective, 0.5, epochs=3)
    (tmp_path / "whole").mkdir()
    (tmp_path / "stopped").mkdir()
    whole = cifar_training.train(recipe, DATA, tmp_path / "whole")

    one_epoch = cifar_training._epoch
    for epoch in range(3):

        def stopped(recipe, number, *rest, stop=epoch):
            if number > stop:
                raise KeyboardInterrupt
            return one_epoch(recipe, number, *rest)

        monkeypatch.setattr(cifar_training, "_epoch", stopped)
        torch.randn(epoch + 1)  # another state of the global generator
        if epoch < 2:
            with pytest.raises(KeyboardInterrupt):
                cifar_training.train(recipe, DATA, tmp_path / "stopped")
    resumed = cifar_training.train(recipe, DATA, tmp_path / "stopped")

    assert whole.state_dict().keys() == resumed.state_dict().keys()
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_the_rate_rises_and_falls():
    recipe = cifar_training.Recipe("test", GaussianAugmentation(), 0.5)
    rates = [recipe.rate_at(part) for part in np.linspace(0, 1, 101)]
    assert max(rates) == rates[30] == recipe.rate
    assert rates[0] == pytest.approx(0.04 * recipe.rate)
    assert rates[-1] == pytest.approx(0.0, abs=1e-12)


def test_images_are_moved_and_mirrored():
    padded = torch.from_numpy(np.pad(IMAGES, [(0, 0), (0, 0), (4, 4), (4, 4)]))
    torch.manual_seed(0)
    moved = cifar_training._augmented(padded, torch.arange(160)) * 255
    for image, original in zip(moved, padded, strict=True):
        views = original.unfold(1, 32, 1).unfold(2, 32, 1)  # channels, down, right, 32, 32
        straight = (views == image[:, None, None]).flatten(3).all(3).all(0)
        mirrored = (views == image.flip(-1)[:, None, None]).flatten(3).all(3).all(0)
        assert straight.sum() + mirrored.sum() == 1


def test_logs_of_other_weights_are_not_gone_on_with(tmp_path):
    recipe = cifar_training.Recipe("test", GaussianAugmentation(), 0.5, epochs=1)
    cifar_training.train(recipe, DATA, tmp_path)
    cifar_training.train(recipe, DATA, tmp_path)
    (tmp_path / f"{recipe.label}.pth.tar").unlink()
    other = cifar_training.Recipe("test", GaussianAugmentation(), 0.5, epochs=1, rate=0.1)
    with pytest.raises(RuntimeError, match="other weights than its logs"):
        cifar_training.train(other, DATA, tmp_path)


@pytest.mark.parametrize(
    "other", [{"rate": 0.1}, {"epochs": 2}, {"objective": Consistency(lam=20.0)}]
)
def test_training_of_another_recipe_is_not_gone_on_with(other, tmp_path):
    recipe = cifar_training.Recipe("test", Consistency(lam=10.0), 0.5, epochs=1)
    cifar_training.train(recipe, DATA, tmp_path)
    with pytest.raises(RuntimeError, match="is of the training Recipe.*and this is Recipe"):
        cifar_training.train(dataclasses.replace(recipe, **other), DATA, tmp_path)
    fewer = dataclasses.replace(DATA, X_train=IMAGES[:128], y_train=LABELS[:128])
    with pytest.raises(RuntimeError, match="of 160 images, and this is .* of 128 images"):
        cifar_training.train(recipe, fewer, tmp_path)


@pytest.mark.filterwarnings("ignore::sksmooth.exceptions.NothingCertifiedWarning")
def test_the_page_tells_what_the_logs_hold(tmp_path, monkeypatch):
    pytest.importorskip("statsmodels")

    def small(name):
        return torch.nn.Sequential(
            torch.nn.Conv2d(3, 4, 5, 4), torch.nn.Flatten(), torch.nn.Linear(196, 10)
        )

    monkeypatch.setattr(cifar_training, "make_architecture", small)
    monkeypatch.setattr(cifar_cpu, "cifar10", lambda n_train, n_test: DATA)
    recipes = cifar_cpu._RECIPES
    kept = [r for r in recipes if r.sigma == 1.0] + [r for r in recipes if r.sigma == 0.5]
    monkeypatch.setattr(cifar_cpu, "_RECIPES", tuple(kept))
    page = cifar_cpu.run(True, tmp_path)

    labels = ["cifar_resnet20_gaussian_0.50", "cifar_resnet20_consistency_0.50"]
    assert sorted(page.figures) == sorted([*labels, "cifar_resnet20_gaussian_1.00"])
    for label in labels:
        found = page.figures[label]
        decided, measured = (
            read_log(tmp_path / f"{label}_{name}.tsv").certificate
            for name in ("decided_n1000", "n200")
        )
        right = decided.labels == DATA.y_test
        expected = [(right & (decided.radii >= r)).mean() for r in np.arange(0, 1.75, 0.25)]
        assert found["certified accuracy"] == expected
        right = measured.labels == DATA.y_test
        assert found["average radius"] == pytest.approx(np.where(right, measured.radii, 0).mean())
        assert found["largest radius"] >= measured.radii.max()
        votes = measured.counts.max(axis=1) * 1000 // 201
        more = 0.5 * norm.ppf(beta.ppf(0.001, votes, 1000 - votes + 1))
        expected = np.where(right & ~measured.abstained, np.maximum(more, 0), 0).mean()
        assert found["from more draws"] == pytest.approx(expected, abs=1e-4)  # less for the grid
    text = page.to_markdown("command")
    assert text.count("(`paired_comparison`)") == 1
    assert text.count("| Table 3 |") == 2
    order = ["gaussian, sigma 0.5", "consistency, sigma 0.5", "gaussian, sigma 1"]
    places = [text.index(f"| {name} |") for name in order]
    assert places == sorted(places)  # whatever was trained first

    def stop(*args):
        raise KeyboardInterrupt

    # complete logs suffice, without the weights
    trained = {path: path.read_bytes() for path in tmp_path.glob("*.pth.tar")}
    for path in trained:
        path.unlink()
    assert cifar_cpu.run(True, tmp_path).to_markdown("command") == text
    assert not list(tmp_path.glob("*.pth.tar"))

    for path, content in trained.items():
        path.write_bytes(content)
    monkeypatch.setattr(cifar_cpu, "_certified", stop)
    (tmp_path / "cifar_resnet20_gaussian_1.00_decided_n1000.tsv").unlink()
    undecided = cifar_cpu.run(True, tmp_path)
    found = undecided.figures["cifar_resnet20_gaussian_1.00"]
    assert found["average radius"] == page.figures["cifar_resnet20_gaussian_1.00"]["average radius"]
    assert "certified accuracy" not in found
    text = undecided.to_markdown("command")
    assert text.count("| Table 3 |") == 1
    assert text.count("| gaussian, sigma 1 |") == 2  # probabilities and average radius

    for log in tmp_path.glob("*_n200.tsv"):
        log.unlink()
    # a kill before there was a row, and within the first one
    for content in (
        "",
        (tmp_path / f"{labels[0]}_decided_n1000.tsv").read_text().rpartition("\n0\t")[0] + "\n0\t",
    ):
        (tmp_path / f"{labels[0]}_n200.tsv").write_text(content)
        assert cifar_cpu.run(True, tmp_path).figures.keys() == set(labels)
    (tmp_path / f"{labels[0]}_n200.tsv").unlink()
    stopped = cifar_cpu.run(True, tmp_path).figures
    assert sorted(stopped) == sorted(labels)
    for label, found in stopped.items():
        assert found["certified accuracy"] == page.figures[label]["certified accuracy"]
        assert "average radius" not in found


def test_radii_are_decided_before_any_is_measured(tmp_path, monkeypatch):
    logs = []

    def certified(recipe, module, data, log, n, radius):
        logs.append(log.stem.removeprefix("cifar_resnet20_"))
        assert n == (10_000 if radius is None else 100_000)

    monkeypatch.setattr(cifar_cpu, "cifar10", lambda n_train, n_test: DATA)
    monkeypatch.setattr(cifar_cpu, "train", lambda *args: None)
    monkeypatch.setattr(cifar_cpu, "_certified", certified)
    with pytest.raises(KeyboardInterrupt):  # no log, no page
        cifar_cpu.run(False, tmp_path)
    nets = ["gaussian_0.50", "gaussian_0.25", "gaussian_0.12", "gaussian_1.00"]
    nets += ["consistency_0.50", "consistency_0.25"]
    expected = [f"{net}_decided_n100000" for net in nets]
    expected += [f"{net}_n10000" for net in [*nets, "gaussian_0.50_45epochs"]]
    assert logs == expected
