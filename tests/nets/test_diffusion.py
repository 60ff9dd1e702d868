"""A diffusion model as the denoiser, with models whose answer is known in closed form."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")
from torch import nn

from sksmooth import SmoothedClassifier
from sksmooth.nets import Denoised, DiffusionDenoiser, frozen_net

KEPT = torch.linspace(0.9999, 0.98, 1000, dtype=torch.float64).cumprod(0)


class OfGaussians(nn.Module):
    """The best model of images whose values are N(m, s^2), in units of -1 to 1."""

    def __init__(self, kept, m=0.2, s=0.3, predicts="noise", form=lambda found: found):
        super().__init__()
        self.kept, self.m, self.s, self.predicts, self.form = kept, m, s, predicts, form
        self.asked = []

    def forward(self, z, t, *more):
        self.asked.append((t.tolist(), [label.tolist() for label in more]))
        kept = self.kept[t].reshape(-1, 1, 1, 1)
        # the expected clean value, given sqrt(kept) z0 + sqrt(1 - kept) e
        weight = kept.sqrt() * self.s**2 / (kept * self.s**2 + 1 - kept)
        clean = self.m + weight * (z.double() - kept.sqrt() * self.m)
        noise = (z - kept.sqrt() * clean) / (1 - kept).sqrt()
        velocity = kept.sqrt() * noise - (1 - kept).sqrt() * clean
        found = {"noise": noise, "image": clean, "velocity": velocity}[self.predicts]
        return self.form(found)


def images(n=5, channels=2):
    return torch.rand(n, channels, 4, 4, generator=torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("predicts", ["noise", "image", "velocity"])
@pytest.mark.parametrize("step", [30, 144, 700])
def test_it_is_the_expected_image(predicts, step):
    """Images and noise are Gaussian: what is expected of one, given both, is in any textbook."""
    width = ((1 - KEPT[step]) / KEPT[step]).sqrt().item()
    denoiser = DiffusionDenoiser(
        OfGaussians(KEPT, predicts=predicts), KEPT, width / 2, predicts=predicts
    )
    assert denoiser.step == step
    X = images()
    m, s, sigma = (0.2 + 1) / 2, 0.3 / 2, width / 2  # in units of 0 to 1
    expected = m + s**2 / (s**2 + sigma**2) * (X - m)
    torch.testing.assert_close(denoiser(X), expected.clamp(0, 1), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("sigma", [0.05, 0.25, 0.5, 1.0])
def test_the_step_is_the_nearest(sigma):
    unet = OfGaussians(KEPT)
    denoiser = DiffusionDenoiser(unet, KEPT.float(), sigma)
    widths = ((1 - KEPT) / KEPT).sqrt()
    assert denoiser.step == int((widths - 2 * sigma).abs().argmin())
    denoiser(images(3))
    assert unet.asked == [([denoiser.step] * 3, [])]
    other = DiffusionDenoiser(unet, KEPT.numpy(), sigma, scale=1.0, shift=0.0)
    assert other.step == int((widths - sigma).abs().argmin())


@pytest.mark.parametrize(
    "form",
    [
        lambda found: torch.cat([found, 9.0 * found], dim=1),  # guided-diffusion: a variance
        lambda found: SimpleNamespace(sample=found),  # diffusers
        lambda found: (found,),  # diffusers, return_dict=False
    ],
)
def test_forms_of_other_libraries(form):
    X = images()
    plain = DiffusionDenoiser(OfGaussians(KEPT), KEPT, 0.25)(X)
    assert torch.equal(DiffusionDenoiser(OfGaussians(KEPT, form=form), KEPT, 0.25)(X), plain)


def test_a_label_for_all_rows():
    unet = OfGaussians(KEPT)
    DiffusionDenoiser(unet, KEPT, 0.25, label=7)(images(2))
    assert unet.asked[0][1] == [[7, 7]]


def test_images_are_clipped():
    denoiser = DiffusionDenoiser(OfGaussians(KEPT, m=3.0), KEPT, 0.25)
    assert denoiser(images()).max() == 1.0
    denoiser = DiffusionDenoiser(OfGaussians(KEPT, m=-3.0), KEPT, 0.25)
    assert denoiser(images()).min() == 0.0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"alphas_cumprod": KEPT.flip(0)}, r"falling sequence of numbers in \(0, 1\]"),
        ({"alphas_cumprod": [0.5, 0.0]}, r"falling sequence of numbers in \(0, 1\]"),
        ({"alphas_cumprod": 1 - KEPT}, "falling"),
        ({"alphas_cumprod": []}, "is empty"),
        ({"alphas_cumprod": KEPT[None]}, r"got shape \(1, 1000\)"),
        ({"sigma": 1e6}, "sigma=1e\\+06 is more noise than the schedule has: it goes up to"),
        ({"sigma": 0.0}, "sigma must be a positive number; got 0.0"),
        ({"scale": -1.0}, "scale must be a positive number"),
        ({"predicts": "epsilon"}, "predicts must be one of .*'noise'.*; got 'epsilon'"),
    ],
)
def test_bad_arguments(change, message):
    arguments = {"alphas_cumprod": KEPT, "sigma": 0.25} | change
    with pytest.raises(ValueError, match=message):
        DiffusionDenoiser(OfGaussians(KEPT), **arguments)


@pytest.mark.parametrize("form", [lambda found: found[:, :1], lambda found: "no", lambda f: f[0]])
def test_models_that_return_something_else(form):
    with pytest.raises(ValueError, match="diffusion model must return a tensor of shape"):
        DiffusionDenoiser(OfGaussians(KEPT, form=form), KEPT, 0.25)(images())


def certified(sigma, smoother_sigma, **options):
    torch.manual_seed(0)
    unet = OfGaussians(KEPT.float(), form=lambda found: found.float())
    both = Denoised(
        DiffusionDenoiser(unet, KEPT, sigma), nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    )
    X = images(6, 1).float().numpy()
    clf = SmoothedClassifier(frozen_net(both), smoother_sigma, n=200, random_state=0, **options)
    return clf.fit(X, np.arange(6) % 3), X, both


def test_it_is_certified_as_what_it_is():
    """Votes are those of denoiser and classifier, asked by hand on the same draws."""
    clf, X, both = certified(0.25, 0.25)
    certificate = clf.certify(X)
    plain = SmoothedClassifier(
        frozen_net(nn.Sequential(both.denoiser, both.classifier)), 0.25, n=200, random_state=0
    ).fit(X, np.arange(6) % 3)
    assert np.array_equal(plain.certify(X).counts, certificate.counts)
    assert np.array_equal(
        clf.estimator_.predict(X), both(torch.from_numpy(X)).argmax(dim=1).numpy()
    )


def test_another_sigma_than_the_smoothers_is_warned_of():
    clf, X, _ = certified(0.25, 0.5)
    with pytest.warns(
        UserWarning, match="made for sigma=0.25, but the noise has the deviation 0.5"
    ):
        clf.certify(X[:1])
    clf.set_params(sigma=0.25)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clf.certify(X[:1])
        clf.predict(X[:1])
    clf.set_params(sigma=0.1)
    with pytest.warns(UserWarning, match="deviation 0.1. Certificates are true"):
        clf.predict(X[:1])
