"""Checkpoints in the authors' formats and others: what fits is loaded, what does not is named."""

import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
skorch = pytest.importorskip("skorch")

from nets import MLP
from sklearn.frozen import FrozenEstimator
from torch import nn

from sksmooth import SmoothedClassifier
from sksmooth.nets import (
    CIFAR10,
    CenterLayer,
    CifarResNet,
    DnCNN,
    LeNet,
    NormalizeLayer,
    frozen_net,
    imagenet_net,
    load_checkpoint,
    make_architecture,
    read_checkpoint,
)


class Loose(nn.Module):
    """The authors' normalising layer: its constants are no buffers, so no file has them."""

    def __init__(self, mean, std=(1.0, 1.0, 1.0)):
        super().__init__()
        self.means = torch.tensor(mean)[:, None, None]
        self.sds = torch.tensor(std)[:, None, None]

    def forward(self, X):
        return (X - self.means) / self.sds


def trained(module):
    """Give all tensors values that are not the initial ones."""
    generator = torch.Generator().manual_seed(0)
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(0.1 + 0.2 * torch.rand(tensor.shape, generator=generator))
    return module.eval()


def saved(path, module, arch="cifar_resnet20", **options):
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1, momentum=0.9)
    content = {
        "epoch": 90,
        "arch": arch,
        "state_dict": module.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    torch.save(content, path, **options)
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "checkpoint.pth.tar"


IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


class TestTheAuthorsFormat:
    @pytest.mark.parametrize("zipped", [True, False], ids=["new", "before torch 1.6"])
    @pytest.mark.parametrize(
        ("normalize", "loose", "layer"),
        [
            ("standardize", Loose(*CIFAR10), NormalizeLayer),
            ("center", Loose(CIFAR10[0]), CenterLayer),
        ],
    )
    def test_both_normalising_variants(self, path, normalize, loose, layer, zipped):
        theirs = nn.Sequential(loose, trained(CifarResNet(20))).eval()
        saved(path, theirs, _use_new_zipfile_serialization=zipped)
        assert all(key.startswith("1.") for key in torch.load(path)["state_dict"])
        module = load_checkpoint(path, normalize=normalize)
        assert isinstance(module[0], layer)
        assert not module.training
        with torch.no_grad():
            assert torch.allclose(module(IMAGES), theirs(IMAGES), rtol=1e-5)

    def test_in_data_parallel(self, path):
        """ImageNet checkpoints: "1.module.conv1.weight"."""
        inner = trained(imagenet_net("resnet18", n_classes=5)[1])
        saved(path, nn.Sequential(nn.Identity(), nn.DataParallel(inner)), arch="resnet18")
        assert "1.module.conv1.weight" in torch.load(path)["state_dict"]
        module = load_checkpoint(path, normalize="standardize", n_classes=5)
        for name, tensor in inner.state_dict().items():
            assert torch.equal(module[1].state_dict()[name], tensor)

    def test_the_whole_in_data_parallel(self, path):
        theirs = trained(make_architecture("cifar_resnet20"))
        theirs[0].mean.copy_(torch.tensor([0.1, 0.2, 0.3]))
        saved(path, nn.DataParallel(theirs))
        assert "module.0.mean" in torch.load(path)["state_dict"]
        module = load_checkpoint(path, normalize="standardize")
        assert torch.equal(module[0].mean, torch.tensor([0.1, 0.2, 0.3]))  # those of the file

    def test_constants_of_another_first_layer_are_not_passed_over(self, path):
        for theirs, ours, message in [
            ("center", "standardize", r"In the module but not in the file: 0\.std"),
            ("standardize", "center", r"In the file but not in the module: 0\.std"),
        ]:
            saved(path, trained(make_architecture("cifar_resnet20", normalize=theirs)))
            with pytest.raises(ValueError, match=message):
                load_checkpoint(path, normalize=ours)

    def test_mnist_needs_no_variant(self, path):
        theirs = nn.Sequential(nn.Identity(), trained(LeNet()))
        module = load_checkpoint(saved(path, theirs, arch="lenet"))
        X = torch.rand(2, 1, 28, 28)
        assert torch.equal(module(X), theirs(X))

    def test_denoisers(self, path):
        theirs = trained(DnCNN())
        saved(path, nn.DataParallel(theirs), arch="imagenet_dncnn")
        module = load_checkpoint(path)
        assert isinstance(module, DnCNN)
        assert torch.equal(module(IMAGES), theirs(IMAGES))

    def test_files_of_before_batches_were_counted(self, path):
        state = {
            name: tensor
            for name, tensor in trained(CifarResNet(20)).state_dict().items()
            if not name.endswith("num_batches_tracked")
        }
        torch.save({"arch": "cifar_resnet20", "state_dict": state}, path)
        module = load_checkpoint(path, normalize="standardize")
        assert torch.equal(module[1].fc.weight, state["fc.weight"])

    def test_what_the_file_cannot_say_is_asked(self, path):
        saved(path, nn.Sequential(nn.Identity(), CifarResNet(20)))
        with pytest.raises(ValueError, match="does not say what the first layer .* does"):
            load_checkpoint(path)

    def test_arch_and_epoch(self, path):
        checkpoint = read_checkpoint(saved(path, CifarResNet(20)))
        assert (checkpoint.arch, checkpoint.epoch) == ("cifar_resnet20", 90)
        torch.save({"epoch": np.int64(7), "state_dict": MLP().state_dict()}, path)
        assert read_checkpoint(path).epoch == 7

    @pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning", "ignore:.*TorchScript archive")
    def test_a_module_of_torchscript(self, path):
        torch.jit.script(MLP()).save(path)
        with pytest.raises(
            ValueError, match=r"not a file of weights.*frozen_net\(torch\.jit\.load"
        ):
            read_checkpoint(path)


class TestPlainStateDicts:
    @pytest.mark.parametrize(
        "wrap",
        [
            lambda state: state,
            lambda state: {"state_dict": state},
            lambda state: {"model": state, "lr": 0.1},
            lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
            lambda state: {f"_orig_mod.{name}": tensor for name, tensor in state.items()},
            lambda state: {f"model.{name}": tensor for name, tensor in state.items()},
        ],
    )
    def test_into_a_bare_net_and_behind_a_normalising_layer(self, path, wrap):
        state = trained(MLP()).state_dict()
        torch.save(wrap(state), path)
        for module in (MLP(), nn.Sequential(NormalizeLayer([0.5, 0.5], [1.0, 1.0]), MLP())):
            load_checkpoint(path, module)
            inner = module if isinstance(module, MLP) else module[1]
            assert all(torch.equal(inner.state_dict()[name], state[name]) for name in state)

    def test_what_skorch_saves(self, path):
        net = skorch.NeuralNetClassifier(MLP).initialize()
        net.save_params(f_params=path)
        module = load_checkpoint(path, MLP())
        assert torch.equal(module.layers[0].weight, net.module_.layers[0].weight)

    def test_without_an_architecture_the_module_is_needed(self, path):
        torch.save(MLP().state_dict(), path)
        with pytest.raises(ValueError, match="does not name its architecture: pass the module"):
            load_checkpoint(path)


class TestWhatDoesNotFit:
    def test_everything_is_named_and_nothing_is_changed(self, path):
        state = trained(MLP()).state_dict()
        state["layers.9.weight"] = state.pop("layers.2.weight")
        state["layers.0.weight"] = torch.zeros(16, 5)
        torch.save(state, path)
        module = MLP()
        before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
        with pytest.raises(ValueError) as caught:
            load_checkpoint(path, module)
        message = str(caught.value)
        assert "does not fit MLP: 2 of 4 tensors do" in message
        assert "In the module but not in the file: layers.2.weight" in message
        assert "in the file but not in the module: layers.9.weight" in message
        assert "of another shape: layers.0.weight (16, 5) instead of (16, 2)" in message
        for name, tensor in module.state_dict().items():
            assert torch.equal(tensor, before[name])

    def test_another_number_of_classes(self, path):
        saved(path, nn.Sequential(nn.Identity(), CifarResNet(20, n_classes=100)))
        with pytest.raises(ValueError, match=r"fc.weight \(100, 64\) instead of \(10, 64\)"):
            load_checkpoint(path, normalize="standardize")
        module = load_checkpoint(path, normalize="standardize", n_classes=100)
        assert module(IMAGES).shape == (2, 100)

    def test_another_depth(self, path):
        saved(path, CifarResNet(20))
        with pytest.raises(ValueError, match=r"In the module but not in the file: .* and \d+ more"):
            load_checkpoint(path, CifarResNet(56))

    def test_a_normalising_layer_is_not_forgotten(self, path):
        """The weights alone would fit a bare net, which would then see other inputs."""
        saved(path, nn.Sequential(Loose(*CIFAR10), CifarResNet(20)))
        with pytest.raises(ValueError, match="had a layer in front, such as one that standardises"):
            load_checkpoint(path, CifarResNet(20))
        load_checkpoint(path, nn.Sequential(NormalizeLayer(*CIFAR10), CifarResNet(20)))

    def test_constants_in_the_file_are_not_forgotten_either(self, path):
        saved(path, make_architecture("cifar_resnet20"))
        with pytest.raises(ValueError, match=r"in the module: 0\.std"):
            load_checkpoint(path, normalize="center")
        with pytest.raises(ValueError, match=r"0\.mean, 0\.std"):
            load_checkpoint(path, nn.Sequential(nn.Identity(), CifarResNet(20)))


class Bomb:
    def __reduce__(self):
        return pytest.fail, ("code in the file was run",)


class TestSafety:
    def test_code_in_a_file_is_not_run(self, path):
        torch.save({"state_dict": MLP().state_dict(), "extra": Bomb()}, path)
        with pytest.raises(ValueError, match="which might run code"):
            read_checkpoint(path)
        path.write_bytes(pickle.dumps(Bomb(), protocol=2))
        with pytest.raises(ValueError, match="cannot be read"):
            read_checkpoint(path)

    def test_a_whole_module_is_refused(self, path):
        torch.save(MLP(), path)
        with pytest.raises(ValueError, match="save module.state_dict"):
            read_checkpoint(path)

    @pytest.mark.parametrize("content", [b"", b"not a checkpoint at all"])
    def test_files_that_are_none(self, path, content):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="cannot be read"):
            read_checkpoint(path)

    @pytest.mark.parametrize("content", [{}, {"arch": "lenet"}, [1, 2], {"state_dict": {"a": 1}}])
    def test_files_without_tensors(self, path, content):
        torch.save(content, path)
        with pytest.raises(ValueError, match="has no state dict"):
            read_checkpoint(path)

    def test_a_file_that_is_not_there(self, path):
        with pytest.raises(FileNotFoundError):
            read_checkpoint(path)


class TestReadyToCertify:
    def test_from_a_file_to_certificates(self, path):
        theirs = nn.Sequential(nn.Identity(), trained(LeNet()))
        saved(path, theirs, arch="lenet")
        X = np.random.default_rng(0).random((3, 1, 28, 28)).astype(np.float32)
        base = frozen_net(load_checkpoint(path))
        clf = SmoothedClassifier(base, sigma=0.5, n=200, random_state=0).fit(X, [0, 1, 2])
        assert clf.classes_.tolist() == list(range(10))
        net = skorch.NeuralNetClassifier(theirs, criterion=nn.CrossEntropyLoss).initialize()
        same = SmoothedClassifier(FrozenEstimator(net), sigma=0.5, n=200, random_state=0)
        assert np.array_equal(clf.certify(X).counts, same.fit(X, [0, 1, 2]).certify(X).counts)

    def test_named_classes(self):
        X = np.random.default_rng(0).random((4, 2)).astype(np.float32)
        base = frozen_net(MLP(), classes=["cat", "dog"])
        clf = SmoothedClassifier(base, n=200, random_state=0).fit(X, ["cat", "dog"] * 2)
        assert set(clf.certify(X).labels) <= {"cat", "dog", "abstain"}
