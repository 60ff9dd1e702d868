"""Nets trained by an objective, architectures, checkpoints, denoisers. It imports torch."""

from .architectures import ARCHITECTURES, make_architecture
from .checkpoints import Checkpoint, load_checkpoint, read_checkpoint
from .denoised import Denoised, DenoiserMSE, DenoiserStability, DnCNN
from .diffusion import DiffusionDenoiser
from .frozen import frozen_net
from .imagenet import imagenet_names, imagenet_net
from .lenet import LeNet
from .normalize import CIFAR10, IMAGENET, CenterLayer, NormalizeLayer, normalizer
from .resnet import CifarResNet
from .skorch_net import ObjectiveNet

__all__ = [
    "ARCHITECTURES",
    "CIFAR10",
    "IMAGENET",
    "CenterLayer",
    "Checkpoint",
    "CifarResNet",
    "Denoised",
    "DenoiserMSE",
    "DenoiserStability",
    "DiffusionDenoiser",
    "DnCNN",
    "LeNet",
    "NormalizeLayer",
    "ObjectiveNet",
    "frozen_net",
    "imagenet_names",
    "imagenet_net",
    "load_checkpoint",
    "make_architecture",
    "normalizer",
    "read_checkpoint",
]
