"""Figures 2, 4, 12, 17 and 18: images with noise, as a net sees them."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .data import Images, images
from .output import Options, Result, new_figure
from .pooling import AveragePooling

__all__ = ["figure2", "figure4", "figure12", "figure17", "figure18"]

_FACTOR = 4  # as 56 and 224 pixels


def _noisy(image: NDArray[Any], sigma: float, seed: int = 0) -> NDArray[Any]:
    """Return an image with noise; only for the eye, so clipped like the paper's."""
    return np.clip(image + np.random.default_rng(seed).normal(0, sigma, image.shape), 0, 1)


def _show(ax: Any, image: NDArray[Any], title: str = "") -> None:
    picture = image.transpose(1, 2, 0)
    ax.imshow(picture[..., 0] if picture.shape[2] == 1 else picture, cmap="gray", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, fontsize="small")


def _pooled(image: NDArray[Any], factor: int) -> NDArray[Any]:
    width = image.shape[1]
    small = AveragePooling(width, factor).fit_transform(image.reshape(1, -1))
    return small.reshape(len(image), width // factor, width // factor)


def figure2(options: Options) -> Result:
    """Show an image, and noisy copies whose answers are counted."""
    from . import nets

    sigma = 0.5
    data, clf = nets.test_images(options), nets.smoothed(options, sigma)
    image, label = data.X_test[0], data.y_test[0]
    shares = clf.set_params(n_predict=1000).vote_frequencies(data.X_test[:1])[0]
    certificate = clf.certify(data.X_test[:1], n=nets.settings(options).n)
    radius = float(certificate.radii[0])
    length = float(sigma * np.sqrt(image.size))
    figure, axes = new_figure(4, size=(1.6, 1.8))
    _show(axes[0], image, "image")
    for seed, ax in enumerate(axes[1:]):
        _show(ax, _noisy(image, sigma, seed), f"sigma {sigma}")
    blocks = [
        f"The paper shows an image of ImageNet; here is one of {data.name}, and three noisy copies "
        "(clipped for the eye; the net gets them as they are).",
        f"The net gives the true class, {label}, to {shares[list(clf.classes_).index(label)]:.1%} "
        f"of 1,000 noisy copies, and the certified radius is {radius:.3f} with n = "
        f"{certificate.n:,}. A noise has a length of about {length:.1f}, so it is "
        f"{length / max(radius, 1e-9):.0f} times as long as any perturbation that g is proved "
        "robust to: the paper's remark on Figure 2.",
    ]
    numbers = {"radius": radius, "length of the noise": length, "shares": shares.tolist()}
    close = f"{data.name}; noise {length / max(radius, 1e-9):.0f} times as long as the radius"
    libraries = ("torch", "skorch", "matplotlib")
    return Result("Figure 2: an image and noisy copies", blocks, numbers, close, figure, libraries)


def _resolutions(options: Options) -> tuple[Images, list[NDArray[Any]], float]:
    data = images(options, 1)
    large = data.X_test[0]
    return data, [_pooled(large, _FACTOR), large], 0.5


def figure4(options: Options) -> Result:
    """Two resolutions of an image, clean and noisy, in a row."""
    data, pair, sigma = _resolutions(options)
    figure, axes = new_figure(4, size=(1.6, 1.8))
    for ax, image in zip(axes, [*pair, *(_noisy(i, sigma) for i in pair)], strict=True):
        _show(ax, image, f"{image.shape[1]} x {image.shape[2]}")
    return _of_resolutions("Figure 4: two resolutions, one sigma", data, pair, sigma, figure)


def figure12(options: Options) -> Result:
    """Two resolutions of an image, clean above noisy."""
    data, pair, sigma = _resolutions(options)
    figure, axes = new_figure(2, 2, size=(2, 2.1))
    for ax, image in zip(axes, [*pair, *(_noisy(i, sigma) for i in pair)], strict=True):
        _show(ax, image, f"{image.shape[1]} x {image.shape[2]}")
    return _of_resolutions(
        "Figure 12: two resolutions, clean above noisy", data, pair, sigma, figure
    )


def _of_resolutions(
    title: str, data: Images, pair: list[NDArray[Any]], sigma: float, figure: Any
) -> Result:
    widths = [image.shape[1] for image in pair]
    noise = np.random.default_rng(1).normal(0, sigma, (200, *pair[1].shape))
    left = float(np.std([_pooled(n, _FACTOR) for n in noise]))
    blocks = [
        f"The paper shows an image of ImageNet at 56 and 224 pixels; here is one of {data.name} at "
        f"{widths[0]} and {widths[1]}, the smaller one made by averages of {_FACTOR} x {_FACTOR} "
        f"pixels; sigma = {sigma}, clipped for the eye.",
        f"In the large image a class is easier to see: averaged to the small size, its noise would "
        f"have a standard deviation of {sigma / _FACTOR:g} (measured on 200 draws: {left:.4f}), "
        f"where the small image has {sigma:g}. The experiment proposition7 measures what this is "
        "worth.",
    ]
    close = f"{data.name}, the same factor of resolutions as the paper's"
    numbers = {"widths": widths, "sigma": sigma, "sigma after averaging": left}
    return Result(title, blocks, numbers, close, figure)


def _levels(name: str, data: Images) -> Result:
    """Return rows of images at the paper's levels of noise."""
    sigmas = (0.0, 0.25, 0.5, 1.0)
    figure, axes = new_figure(len(sigmas), len(data.X_test), size=(1.2, 1.25))
    for number, image in enumerate(data.X_test):
        for ax, sigma in zip(axes[number * len(sigmas) :], sigmas, strict=False):
            _show(ax, _noisy(image, sigma, number), f"sigma {sigma:.2f}" if number == 0 else "")
    clipped = {
        f"{s:g}": float(
            np.mean([np.isin(_noisy(i, s, k), (0, 1)) for k, i in enumerate(data.X_test)])
        )
        for s in sigmas
    }
    blocks = [
        f"{data.name}, with noise of the four levels of the paper; values are clipped to [0, 1], "
        "as in the paper's picture. Nets are given the noise without clipping: clipping a share of "
        + ", ".join(f"{share:.0%} (sigma {s})" for s, share in clipped.items())
        + " of the values would make another classifier. The images are other ones than the "
        "paper's.",
    ]
    close = f"{data.name}; the paper's levels of noise, other images"
    return Result(name, blocks, {"at the edges": clipped}, close, figure)


def figure17(options: Options) -> Result:
    """Images of CIFAR-10 with noise."""
    data = images(dataclasses.replace(options, data="cifar10"), 3, 1)
    return _levels("Figure 17: noisy images of CIFAR-10", data)


def figure18(options: Options) -> Result:
    """Images of ImageNet with noise."""
    data = images(dataclasses.replace(options, data="imagenet"), 3)
    return _levels("Figure 18: noisy images of ImageNet", data)
