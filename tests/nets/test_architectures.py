"""Architectures: published sizes, names of the authors' checkpoints, noise before standardising."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("skorch")

from nets import CNN
from torch import nn

from sksmooth import SmoothedClassifier
from sksmooth.nets import (
    CIFAR10,
    IMAGENET,
    CenterLayer,
    CifarResNet,
    LeNet,
    NormalizeLayer,
    frozen_net,
    imagenet_net,
    make_architecture,
    normalizer,
)
from sksmooth.nets.resnet import BasicBlock, Bottleneck


def n_parameters(module):
    return sum(p.numel() for p in module.parameters())


class TestNormalizeLayer:
    @pytest.mark.parametrize("shape", [(4,), (4, 3), (4, 3, 2), (4, 2, 2, 2)])
    def test_channels_whatever_comes_after(self, shape):
        mean, std = np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 2.0, 0.5, 0.25])
        X = np.random.default_rng(0).random((5, *shape)).astype(np.float32)
        along = (slice(None), *[None] * (len(shape) - 1))
        expected = (X - mean[along]) / std[along]
        got = NormalizeLayer(mean.tolist(), std.tolist())(torch.from_numpy(X)).numpy()
        assert np.allclose(got, expected, atol=1e-6)
        centred = CenterLayer(mean.tolist())(torch.from_numpy(X)).numpy()
        assert np.allclose(centred, X - mean[along], atol=1e-6)

    def test_as_torchvision_standardises(self):
        transforms = pytest.importorskip("torchvision.transforms")
        images = torch.rand(2, 3, 8, 8)
        expected = transforms.Normalize(*CIFAR10)(images)
        assert torch.equal(NormalizeLayer(*CIFAR10)(images), expected)

    def test_the_constants_are_buffers(self):
        layer = NormalizeLayer([0.5], [2.0])
        assert sorted(layer.state_dict()) == ["mean", "std"]
        assert not list(layer.parameters())
        assert layer.to(torch.float64).mean.dtype == torch.float64
        assert sorted(CenterLayer([0.5]).state_dict()) == ["mean"]

    def test_other_channels_are_refused_not_spread(self):
        # one constant would broadcast over three channels, and three over three pixels
        for channels in (1, 3):
            layer = NormalizeLayer([0.5] * channels, [1.0] * channels)
            with pytest.raises(ValueError, match="channels on the second axis"):
                layer(torch.zeros(2, 4 - channels, 3, 3))

    @pytest.mark.parametrize(
        ("mean", "std", "message"),
        [
            ([0.5, 0.5], [1.0], "one value per channel each; got 2 and 1"),
            ([0.5], [0.0], "std must be positive"),
            ([float("nan")], [1.0], "finite numbers"),
            (0.5, [1.0], "one for each channel"),
        ],
    )
    def test_bad_constants(self, mean, std, message):
        with pytest.raises(ValueError, match=message):
            NormalizeLayer(mean, std)

    def test_kinds(self):
        assert isinstance(normalizer("none"), nn.Identity)
        assert isinstance(normalizer("standardize", IMAGENET), NormalizeLayer)
        with pytest.raises(ValueError, match="'standardize', 'center' or 'none'; got 'both'"):
            normalizer("both")
        with pytest.raises(ValueError, match="not known"):
            normalizer("center")

    def test_the_units_of_radii_are_those_of_the_images(self, no_trials):
        """J.2: noise comes before the standardising layer, so its std there is sigma / std."""
        seen = []

        class Spy(nn.Module):
            def __init__(self):
                super().__init__()
                self.weight = nn.Parameter(torch.zeros(1))  # skorch's optimizer wants one

            def forward(self, X):
                seen.append(X.detach().clone())
                return X.flatten(1)[:, :2]

        X = np.full((1, 1, 8, 8), 0.5, dtype=np.float32)
        module = nn.Sequential(NormalizeLayer([0.5], [0.2]), Spy())
        clf = SmoothedClassifier(frozen_net(module), sigma=0.25, random_state=0)
        clf.fit(X, [0])
        seen.clear()
        clf.certify(X, n=4000)
        values = torch.cat([batch for batch in seen if len(batch) > 1]).numpy()
        assert abs(values.std() - 0.25 / 0.2) < 5 * 1.25 / np.sqrt(2 * values.size)


class TestCifarResNet:
    @pytest.mark.parametrize(
        ("depth", "millions"), [(20, 0.27), (32, 0.46), (44, 0.66), (56, 0.85), (110, 1.7)]
    )
    def test_published_sizes(self, depth, millions):
        """Table 6 of He et al. (2016), whose numbers are cut off after two digits."""
        digits = 1 if depth == 110 else 2
        n = n_parameters(CifarResNet(depth))
        assert int(n / 1e6 * 10**digits) == round(millions * 10**digits)

    @pytest.mark.parametrize(("depth", "block"), [(20, "basic"), (56, "basic"), (29, "bottleneck")])
    def test_depth_is_the_number_of_layers_on_the_longest_path(self, depth, block):
        net = CifarResNet(depth, block=block)
        layers = [
            name
            for name, part in net.named_modules()
            if isinstance(part, nn.Conv2d | nn.Linear) and "downsample" not in name
        ]
        assert len(layers) == depth

    def test_sizes_of_feature_maps(self):
        """Section 4.2: 32 x 32 with 16 channels, 16 x 16 with 32, 8 x 8 with 64."""
        net, X, shapes = CifarResNet(20), torch.zeros(1, 3, 32, 32), []
        for stage in (net.layer1, net.layer2, net.layer3):
            stage.register_forward_hook(lambda module, args, out: shapes.append(out.shape[1:]))
        net(X)
        assert shapes == [(16, 32, 32), (32, 16, 16), (64, 8, 8)]

    def test_names_and_shapes_of_the_authors_checkpoints(self):
        shapes = {name: tuple(t.shape) for name, t in CifarResNet(110).state_dict().items()}
        expected = {
            "conv1.weight": (16, 3, 3, 3),
            "bn1.running_var": (16,),
            "layer1.0.conv1.weight": (16, 16, 3, 3),
            "layer1.17.bn2.bias": (16,),
            "layer2.0.conv1.weight": (32, 16, 3, 3),
            "layer2.0.downsample.0.weight": (32, 16, 1, 1),
            "layer2.0.downsample.1.running_mean": (32,),
            "layer3.0.downsample.0.weight": (64, 32, 1, 1),
            "layer3.17.conv2.weight": (64, 64, 3, 3),
            "fc.weight": (10, 64),
            "fc.bias": (10,),
        }
        assert {name: shapes.get(name) for name in expected} == expected
        assert not any(name.startswith(("layer1.0.downsample", "layer4")) for name in shapes)
        # 1 + 3 * 36 convolutions and 2 shortcuts of a weight; as many normalisations of 5; fc of 2
        assert len(shapes) == 111 + 5 * 111 + 2

    @pytest.mark.parametrize("kind", ["BasicBlock", "Bottleneck"])
    @pytest.mark.parametrize("stride", [1, 2])
    def test_blocks_compute_what_torchvisions_do(self, kind, stride):
        resnet = pytest.importorskip("torchvision.models.resnet")
        mine = {"BasicBlock": BasicBlock, "Bottleneck": Bottleneck}[kind]
        block = mine(16, 8, stride).eval()
        theirs = getattr(resnet, kind)(16, 8, stride, downsample=block.downsample).eval()
        with torch.no_grad():
            for p in block.parameters():
                p.normal_()
        theirs.load_state_dict(block.state_dict())
        X = torch.randn(2, 16, 8, 8)
        assert torch.allclose(block(X), theirs(X), rtol=1e-4, atol=1e-4)

    def test_initial_weights_have_the_scale_of_he(self):
        weight = CifarResNet(20).layer3[1].conv2.weight  # 64 x 64 x 3 x 3
        expected = np.sqrt(2 / (9 * 64))
        assert abs(weight.std().item() / expected - 1) < 5 / np.sqrt(2 * weight.numel())

    def test_bad_arguments(self):
        with pytest.raises(ValueError, match="depth must be 6 n \\+ 2 for basic blocks"):
            CifarResNet(21)
        with pytest.raises(ValueError, match="depth must be 9 n \\+ 2"):
            CifarResNet(20 + 2, block="bottleneck")
        with pytest.raises(ValueError, match="'basic' or 'bottleneck'; got 'wide'"):
            CifarResNet(block="wide")


class TestLeNet:
    def test_names_and_shapes_of_the_consistency_checkpoints(self):
        shapes = {name: tuple(t.shape) for name, t in LeNet().state_dict().items()}
        assert shapes == {
            "conv1.weight": (20, 1, 5, 5),
            "conv1.bias": (20,),
            "conv2.weight": (50, 20, 5, 5),
            "conv2.bias": (50,),
            "fc1.weight": (500, 800),
            "fc1.bias": (500,),
            "fc2.weight": (10, 500),
            "fc2.bias": (10,),
        }


class TestByName:
    @pytest.mark.parametrize(
        ("name", "first", "shape"),
        [
            ("lenet", nn.Identity, (1, 28, 28)),
            ("cifar_resnet20", NormalizeLayer, (3, 32, 32)),
            ("resnet18", NormalizeLayer, (3, 64, 64)),
        ],
    )
    def test_the_normalising_layer_comes_first(self, name, first, shape):
        module = make_architecture(name, n_classes=7).eval()
        assert isinstance(module[0], first)
        assert module(torch.zeros(2, *shape)).shape == (2, 7)

    def test_variants(self):
        module = make_architecture("cifar_resnet20", normalize="center")
        assert isinstance(module[0], CenterLayer)
        assert torch.equal(module[0].mean, torch.tensor(CIFAR10[0]))
        assert isinstance(make_architecture("resnet18", normalize="none")[0], nn.Identity)

    def test_resnet50_has_its_published_size(self):
        assert n_parameters(imagenet_net("resnet50")) == 25_557_032  # torchvision's documentation

    def test_unknown_names(self):
        with pytest.raises(ValueError, match="no architecture 'alexnet2'; known are lenet"):
            make_architecture("alexnet2")

    def test_folding_and_other_forms_certify_the_same(self):
        """The normalising layer must not keep the net from being traced."""
        torch.manual_seed(0)
        module = nn.Sequential(NormalizeLayer([0.3], [0.5]), CNN(n_out=3))
        X = np.random.default_rng(0).random((2, 1, 8, 8)).astype(np.float32)
        clf = SmoothedClassifier(frozen_net(module), sigma=0.5, random_state=0).fit(X, [0, 1])
        counts = clf.certify(X, n=500).counts
        folded = clf.set_params(shortcuts=["fold"]).certify(X, n=500)
        assert folded.shortcut == "fold"
        assert np.abs(folded.counts - counts).max() <= 2  # rounding near ties only
