"""Copies share nothing that the original may change, and leave the program as it is."""

import functools
import pickle
import threading

import joblib
import numpy as np
import pytest
from helpers import Halfspace, blobs
from sklearn.ensemble import RandomForestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sksmooth import SmoothedClassifier
from sksmooth.sampling.copies import copy_model

X, Y = blobs(60)
X32 = X.astype(np.float32)
SETTING = {"sign": 1}


def test_a_model_is_copied_as_a_whole():
    model = make_pipeline(FunctionTransformer(), RandomForestClassifier(5, random_state=0))
    model.fit(X, Y)
    copied = copy_model(model)
    assert np.array_equal(copied.predict_proba(X), model.predict_proba(X))
    trees = [forest[-1].estimators_[0].tree_ for forest in (model, copied)]
    assert trees[0] is not trees[1]
    assert not np.shares_memory(trees[0].value, trees[1].value)


def test_local_functions_bring_their_variables():
    kept = []

    def keep(x, *, log=[]):  # noqa: B006
        kept.append(x)
        log.append(x)
        return len(kept), len(log)

    class Holder:
        pass

    holder = Holder()
    holder.keep, holder.kept, holder.twice = keep, kept, functools.partial(keep, 2)
    copied = copy_model(holder)
    assert type(copied) is Holder
    copied.keep(1)
    copied.twice()
    assert copied.kept == [1, 2]
    assert kept == []
    assert keep(3) == (1, 1)


def test_functions_that_call_themselves():
    def factorial(n):
        return n * factorial(n - 1) if n else 1

    copied = copy_model(factorial)
    assert copied(5) == 120
    assert copied.__closure__[0].cell_contents is copied


def test_the_program_stays():
    class Local(Halfspace):
        seen = []

        def predict(self, X):
            return SETTING["sign"] * super().predict(X)

    model = Local().fit(X, Y)
    model.rule_ = lambda x: SETTING["sign"] * x
    seen, predict = Local.seen, Local.predict
    copied = copy_model(model)
    assert type(copied) is Local
    assert Local.seen is seen
    assert Local.predict is predict
    assert copied.rule_ is not model.rule_
    assert copied.rule_.__globals__ is globals()
    assert copy_model(blobs) is blobs


@pytest.mark.parametrize("thing", [threading.Lock(), (i for i in range(3))])
def test_what_cannot_be_copied(thing):
    with pytest.raises(pickle.PicklingError, match="cannot pickle"):
        copy_model([thing])


class TestTorch:
    torch = pytest.importorskip("torch")
    pytest.importorskip("skorch")

    def net(self, **options):
        from nets import MLP, mlp_net

        class Local(MLP):
            def forward(self, X):
                super().forward(X)
                return self.layers[2](self.features["inner"])

        net = mlp_net(**options).fit(X32, Y)
        features = {}

        def keep(module, args, output):
            features["inner"] = output

        net.module_.__class__ = Local
        net.module_.layers[1].register_forward_hook(keep)
        net.module_.features = features
        return net

    def test_a_net_with_a_hook(self):
        net = self.net()
        copied = copy_model(net)
        assert type(copied.module_) is type(net.module_)
        expected = net.predict_proba(X32)
        before = net.module_.features["inner"]
        assert np.array_equal(copied.predict_proba(X32[:7]), expected[:7])
        assert net.module_.features["inner"] is before
        assert len(copied.module_.features["inner"]) == 7
        assert copied.infer.__self__ is copied

    def test_threads_of_a_net_with_a_hook(self):
        from sklearn.frozen import FrozenEstimator

        base = FrozenEstimator(self.net())
        clf = SmoothedClassifier(base, 0.5, n=5000, batch_size=100, random_state=0).fit(X32, Y)
        counts = clf.certify(X32[:9]).counts
        assert np.array_equal(clf.set_params(n_jobs=3).certify(X32[:9]).counts, counts)
        with joblib.parallel_config(backend="threading"):
            assert np.array_equal(clf.certify(X32[:9]).counts, counts)

    def test_tensors_share_what_they_shared(self):
        torch = self.torch
        weight = torch.nn.Parameter(torch.ones(3))
        buffer = torch.zeros(4)
        copied = copy_model({"a": weight, "b": [weight], "buffer": buffer, "view": buffer[:2]})
        assert copied["a"] is copied["b"][0]
        copied["buffer"][0] = 5.0
        assert copied["view"][0] == 5.0
        assert buffer[0] == 0.0

    def test_modules_with_a_way_of_their_own(self):
        torch = self.torch
        linear = torch.nn.Linear(3, 3)
        module = torch.nn.utils.parametrizations.spectral_norm(linear).eval()
        copied = copy_model(torch.nn.Sequential(module))
        assert torch.equal(copied(torch.ones(1, 3)), module(torch.ones(1, 3)))
        assert copied[0].parametrizations is not module.parametrizations

    def test_a_compiled_module_is_not_copied(self):
        module = self.torch.nn.Linear(3, 3)
        with pytest.raises(pickle.PicklingError, match="compiled"):
            copy_model([self.torch.compile(module)])

    @pytest.mark.parametrize("known", [False, True])
    def test_a_net_that_reads_its_batch_is_refused(self, known):
        from nets import MLP, mlp_net

        class Centres(MLP):
            def forward(self, X):
                return super().forward(X - X.mean(0))

        clf = SmoothedClassifier(mlp_net(module=Centres), n=500, random_state=0).fit(X32, Y)
        if known:
            clf.estimator_.module_.__class__ = MLP
            clf.certify(X32[:2])
            clf.estimator_.module_.__class__ = Centres
        with pytest.raises(ValueError, match="reads its batch"):
            clf.certify(X32[:2])

    def test_half_precision_is_not_refused(self):
        """Its scores tie for one noisy row in a hundred, and rounding differs with the batch."""
        from nets import mlp_net
        from sklearn.frozen import FrozenEstimator

        net = mlp_net().fit(X32, Y)
        net.module_.to(self.torch.bfloat16)
        clf = SmoothedClassifier(FrozenEstimator(net), 1.0, n=300, random_state=0).fit(X32, Y)
        for i in range(60):
            clf.predict(X32[i : i + 1])
