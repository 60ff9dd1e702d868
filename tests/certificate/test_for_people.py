"""What a certificate shows: summary, HTML, frames with their index; and when two are equal."""

import dataclasses
import html.parser
import pickle

import numpy as np
import pytest
from helpers import blobs
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sksmooth
from sksmooth import Certificate, SmoothedClassifier
from sksmooth.certificate.summary import percent, rounded_down
from sksmooth.noise import Flip

X, y = blobs(40)


@pytest.fixture(scope="module")
def sampled():
    clf = SmoothedClassifier(KNeighborsClassifier(), sigma=0.5, n=500, random_state=0).fit(X, y)
    return clf.certify(X)


@pytest.fixture(scope="module")
def computed():
    return SmoothedClassifier(LogisticRegression(), sigma=0.5, random_state=0).fit(X, y).certify(X)


class TestSummary:
    def test_it_says_what_was_done(self, sampled, computed):
        text = sampled.summary()
        assert f"certified  {(~sampled.abstained).sum()} of 40 rows" in text
        for what in ("n=500", "n0=100", "alpha=0.001", "one-sided", "sigma=0.5", "99.9 %", "L2"):
            assert what in text
        assert "for certain" not in text
        text = computed.summary()
        assert "'linear', no draws" in text
        assert "for certain" in text
        assert "alpha" not in text

    def test_numbers_are_those_of_the_certificate(self, computed):
        radii = np.sort(computed.radii)
        line = next(line for line in computed.summary().splitlines() if line.startswith("radius"))
        shown = float(line.split("median ")[1].split(",")[0])
        assert shown <= radii[19] < shown * 1.001
        assert line.endswith(f"to {rounded_down(radii[-1])}")

    def test_other_norms(self):
        binary = (X > 0).astype(float)
        clf = SmoothedClassifier(LogisticRegression(), noise=Flip(keep=0.9), random_state=0)
        text = clf.fit(binary, y).certify(binary[:5], n=500).summary()
        assert "differs from it in at most `radius` features" in text
        sigma = [0.5] * (X.shape[1] - 1) + [0.0]
        text = SmoothedClassifier(LogisticRegression(), sigma).fit(X, y).certify(X).summary()
        assert "divided by sigma feature by feature" in text
        assert "Features without noise must stay as they are." in text

    def test_unsound_noise_has_no_guarantee(self):
        clf = SmoothedClassifier(LogisticRegression(), 0.5, arithmetic="float", random_state=0)
        text = clf.fit(X, y).certify(X[:3], n=200).summary()
        assert "No guarantee" in text
        assert "for certain" not in text
        assert "99.9" not in text

    def test_decided_radii_and_nothing_certified(self, sampled):
        clf = SmoothedClassifier(KNeighborsClassifier(), 0.5, random_state=0).fit(X, y)
        assert "only the radii 0.1, 0.2" in clf.certify(X[:2], radius=[0.1, 0.2]).summary()
        assert "certified  0 of 0 rows" in sampled[:0].summary()
        none = sampled[sampled.abstained]
        assert "\nradius" not in none.summary()

    def test_html_is_well_formed_and_escaped(self, sampled):
        classes = np.array(["<b>", "&"])[: len(sampled.classes)]
        names = classes[(sampled.selected == sampled.classes[-1]).astype(int)]
        text = dataclasses.replace(sampled, classes=classes, selected=names)._repr_html_()
        assert "<b>" not in text
        open_tags = []

        class Parser(html.parser.HTMLParser):
            def handle_starttag(self, tag, attrs):
                open_tags.append(tag)

            def handle_endtag(self, tag):
                assert open_tags.pop() == tag

        Parser().feed(text)
        assert not open_tags

    def test_the_seed_is_nowhere(self, sampled):
        for text in (sampled.summary(), sampled._repr_html_(), repr(sampled), repr(sampled.run)):
            assert sampled.seed not in text

    @pytest.mark.parametrize(
        ("value", "text"),
        [(0.99996, "0.9999"), (1.0, "1"), (0.0, "0"), (1.23456, "1.234"), (np.inf, "inf")],
    )
    def test_rounded_down(self, value, text):
        assert rounded_down(value) == text

    def test_rounded_down_is_never_more(self):
        for value in np.random.default_rng(0).lognormal(0, 8, 2000):
            assert value * 0.998 < float(rounded_down(value)) <= value

    def test_percent_of_a_small_alpha(self):
        assert percent(1 - 1e-6) == "99.9999 %"
        assert percent(0.5) == "50 %"


class TestEquals:
    def test_only_the_seed_may_differ(self, sampled):
        other = dataclasses.replace(sampled, run=dataclasses.replace(sampled.run, seed="00"))
        assert sampled.equals(other)
        assert sampled.equals(pickle.loads(pickle.dumps(sampled)))

    @pytest.mark.parametrize("name", [*Certificate._PER_ROW, "classes", "feature_names"])
    def test_anything_else_counts(self, sampled, name):
        value = getattr(sampled, name)
        if name == "feature_names":
            value = ("a", "b")
        elif value.dtype.kind == "b":
            value = ~value
        elif value.dtype.kind in "iuf":
            value = value + 1 if name != "width" else np.zeros(len(sampled))
        else:
            value = np.full(value.shape, "x")
        assert not sampled.equals(dataclasses.replace(sampled, **{name: value}))

    def test_runs_count(self, sampled):
        other = dataclasses.replace(sampled, run=dataclasses.replace(sampled.run, alpha=0.01))
        assert not sampled.equals(other)
        assert not sampled.equals(sampled.radii)


class TestConcatenate:
    def test_parts_make_the_whole(self, sampled):
        parts = [sampled[:10], sampled[10:11], sampled[11:]]
        assert Certificate.concatenate(parts).equals(sampled)
        assert Certificate.concatenate(iter(parts)).equals(sampled)

    def test_other_settings_are_refused(self, sampled, computed):
        clf = SmoothedClassifier(KNeighborsClassifier(), 0.25, n=500, random_state=0).fit(X, y)
        with pytest.raises(ValueError, match="different noise cannot"):
            Certificate.concatenate([sampled, clf.certify(X[:2])])
        named = dataclasses.replace(sampled, feature_names=("a", "b"))
        with pytest.raises(ValueError, match="different feature_names"):
            Certificate.concatenate([sampled, named])

    def test_the_message_holds_no_seed(self, sampled):
        other = dataclasses.replace(sampled, run=dataclasses.replace(sampled.run, seed="00ff"))
        with pytest.raises(ValueError, match="different seed cannot be put together") as error:
            Certificate.concatenate([sampled, other])
        assert sampled.seed not in str(error.value)
        assert "00ff" not in str(error.value)


class TestFrames:
    @pytest.fixture
    def frame(self):
        pd = pytest.importorskip("pandas")
        names = [f"f{j}" for j in range(X.shape[1])]
        return pd.DataFrame(X, columns=names, index=pd.Index(range(100, 140), name="person"))

    def test_index_and_names_stay(self, frame, tmp_path):
        clf = SmoothedClassifier(LogisticRegression(), sigma=0.5, random_state=0).fit(frame, y)
        certificate = clf.certify(frame)
        assert certificate.feature_names == tuple(frame.columns)
        assert certificate.to_frame().index.equals(frame.index)
        assert certificate.to_frame().index.name == "person"
        assert list(certificate.to_frame(index=range(40)).index) == list(range(40))
        chosen = certificate[certificate.radii > np.median(certificate.radii)]
        assert chosen.to_frame()["radius"].equals(
            certificate.to_frame().loc[chosen.index, "radius"]
        )
        mask = frame["f0"] > 0
        assert certificate[mask].index.equals(frame.index[mask])
        assert certificate[[3]].index.tolist() == certificate[3].index.tolist() == [103]
        with_log = clf.certify(frame, log=tmp_path / "log.tsv")
        assert with_log.to_frame().equals(certificate.to_frame())

    def test_parts(self, frame):
        clf = SmoothedClassifier(LogisticRegression(), sigma=0.5, random_state=0).fit(frame, y)
        whole = clf.certify(frame)
        parts = [whole[:7], whole[7:]]
        assert Certificate.concatenate(parts).equals(whole)
        assert Certificate.concatenate(parts).index.name == "person"
        mixed = [parts[0], dataclasses.replace(parts[1], index=None)]
        assert Certificate.concatenate(mixed).index is None
        assert not whole.equals(dataclasses.replace(whole, index=whole.index + 1))
        unnamed = dataclasses.replace(whole, index=None)  # as of a log
        assert not whole.equals(unnamed)
        assert not unnamed.equals(whole)

    def test_behind_steps_that_hand_on_arrays(self, frame):
        clf = SmoothedClassifier(LogisticRegression(), sigma=0.5, random_state=0)
        pipe = make_pipeline(StandardScaler(), clf).fit(frame, y)
        with pytest.warns(UserWarning, match="Radii are in the units"):
            certificate = sksmooth.certify(pipe, frame)
        assert certificate.index.equals(frame.index)

    def test_arrays_and_polars_have_no_index(self, frame):
        pl = pytest.importorskip("polars")
        polars_frame = pl.DataFrame(X, schema=list(frame.columns))
        clf = SmoothedClassifier(LogisticRegression(), sigma=0.5, random_state=0)
        certificate = clf.fit(polars_frame, y).certify(polars_frame)
        assert certificate.index is None
        assert certificate.feature_names == tuple(frame.columns)
        assert clf.fit(X, y).certify(X).feature_names is None
