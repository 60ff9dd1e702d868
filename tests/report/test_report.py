"""The report: what its page and its JSON say, that nothing is loaded, and that no seed is in it."""

import dataclasses
import hashlib
import html
import html.parser
import json
import re
import shutil
import subprocess

import numpy as np
import pytest
from helpers import blobs
from scipy.stats import binomtest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sksmooth import CertificationReport, SmoothedClassifier, certified_accuracy_score
from sksmooth.noise import Flip
from sksmooth.report import SCHEMA
from sksmooth.report.content import radii_of_table

X, y = blobs(80)
SECRET = 8_675_309
TYPES = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
    "null": type(None),
}


def faults(value, schema, place="$"):
    """What of a value a JSON Schema does not allow; for the few keywords that ours has."""
    known = {"type", "properties", "required", "additionalProperties", "items", "enum", "const"}
    known |= {"anyOf", "minimum", "maximum", "description", "title", "$schema"}
    assert schema.keys() <= known, "a keyword that this check does not know"
    found = []
    if "type" in schema:
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        fits = [
            isinstance(value, TYPES[k]) and (k in ("boolean",) or type(value) is not bool)
            for k in kinds
        ]
        if not any(fits):
            return [f"{place} is {value!r}, not {kinds}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{place} is {value!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{place} is {value!r}")
    if "anyOf" in schema:
        options = [faults(value, option, place) for option in schema["anyOf"]]
        found += [] if [] in options else min(options, key=len)
    if type(value) in (int, float) and not (
        schema.get("minimum", value) <= value <= schema.get("maximum", value)
    ):
        found.append(f"{place} is {value}")
    if isinstance(value, list):
        for i, entry in enumerate(value):
            found += faults(entry, schema.get("items", {}), f"{place}[{i}]")
    if isinstance(value, dict):
        found += [
            f"{place} lacks {name}" for name in schema.get("required", []) if name not in value
        ]
        rest = schema.get("additionalProperties", True)
        for name, entry in value.items():
            inner = schema.get("properties", {}).get(name, rest)
            if inner is False:
                found.append(f"{place}.{name} is not known")
            elif inner is not True:
                found += faults(entry, inner, f"{place}.{name}")
    return found


class Reader(html.parser.HTMLParser):
    """Checks that tags are closed in order; keeps text, tags and what is referred to."""

    VOID = {"meta", "br", "hr", "img", "link", "input"}

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words, self.links = [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [v for k, v in attrs if k in ("src", "href", "xlink:href", "data", "action")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())  # without spaces that do not break


@pytest.fixture(scope="module")
def clf():
    base = KNeighborsClassifier()
    return SmoothedClassifier(base, sigma=0.5, n=500, random_state=SECRET).fit(X, y)


@pytest.fixture(scope="module")
def certificate(clf):
    return clf.certify(X)


@pytest.fixture(scope="module")
def report(clf):
    return CertificationReport.from_estimator(clf, X, y)


class TestContent:
    def test_numbers_are_those_of_the_scores(self, report, certificate):
        results = report.content["results"]
        table = results["accuracy"][0]["table"]
        score = certified_accuracy_score(y, certificate, radius=table["radius"])
        assert table["certified_accuracy"] == score.tolist()
        by_class = certified_accuracy_score(y, certificate, radius=table["radius"], classwise=True)
        for line in results["by_class"]:
            assert line["certified_accuracy"] == by_class[line["label"]].tolist()
            assert line["n_rows"] == (y == line["label"]).sum()
        assert results["certified"] == np.mean(~certificate.abstained)
        assert results["certified"] + results["abstained"] == pytest.approx(1)
        assert results["wrong"] == np.mean(~certificate.abstained & (certificate.labels != y))
        curve = results["accuracy"][0]["curve"]
        assert curve["radius"][0] == 0
        assert curve["certified_accuracy"][-1] == 0
        assert max(certificate.radii) in curve["radius"]
        worst = report.content["least_robust"]
        assert len(worst) == 10
        certified = np.sort(certificate.radii[~certificate.abstained])
        assert [row["radius"] for row in worst] == certified[:10].tolist()
        assert worst[0]["true_label"] == y[worst[0]["row"]]
        if worst[0]["sentence"] is not None:  # with pandas
            assert all(row["sentence"].startswith(f"row {row['row']}: ") for row in worst)

    def test_the_band_is_clopper_and_pearsons_less_false_certificates(self, report):
        table = report.content["results"]["accuracy"][0]["table"]
        for score, low, high in zip(
            table["certified_accuracy"], table["low"], table["high"], strict=True
        ):
            interval = binomtest(round(score * 80), 80).proportion_ci(0.95, "exact")
            assert low == pytest.approx(max((interval.low - 0.001) / 0.999, 0), abs=1e-12)
            assert high == pytest.approx(interval.high, abs=1e-12)

    def test_settings(self, report, clf, certificate):
        settings = report.content["settings"]
        assert settings["n"] == 500
        assert settings["sigma"] == 0.5
        assert settings["seed_sha256"] == hashlib.sha256(clf._seed).hexdigest()
        model = report.content["model"]
        assert model["type"] == "SmoothedClassifier around KNeighborsClassifier"
        other = CertificationReport.from_estimator(clf, X, y).content["model"]
        assert re.fullmatch("[0-9a-f]{32}", model["fingerprint"])
        assert other == model
        assert CertificationReport.from_predictions(y, certificate).content["model"] is None

    @pytest.mark.parametrize(
        ("top", "radii"),
        [
            (2.4, [0, 0.5, 1, 1.5, 2]),
            (1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
            (0.031, [0, 0.01, 0.02, 0.03]),
        ],
    )
    def test_round_radii(self, certificate, top, radii):
        scaled = certificate.radii * (top / certificate.radii.max())
        assert radii_of_table(dataclasses.replace(certificate, radii=scaled)).tolist() == radii

    def test_bad_arguments(self, certificate):
        with pytest.raises(ValueError, match="no rows to report"):
            CertificationReport.from_predictions(y[:0], certificate[:0])
        with pytest.raises(ValueError, match="confidence must lie"):
            CertificationReport.from_predictions(y, certificate, confidence=95)
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            CertificationReport.from_predictions(y[:3], certificate)
        with pytest.raises(TypeError, match="must be a Certificate"):
            CertificationReport.from_predictions(y, y)


def cases():
    """Reports of many kinds, made when they are asked for."""
    binary = (X > 0).astype(float)
    names = np.array(["<b>yes</b>", "no & never"])[y]

    def of(clf, Z=X, labels=y, **options):
        return CertificationReport.from_estimator(clf.fit(Z, labels), Z, labels, **options)

    def knn(**options):
        return SmoothedClassifier(KNeighborsClassifier(), n=300, random_state=SECRET, **options)

    def linear(**options):
        return SmoothedClassifier(LogisticRegression(), random_state=SECRET, **options)

    def piped():
        pipe = make_pipeline(StandardScaler(), linear())
        with pytest.warns(UserWarning, match="Radii are in the units"):
            return of(pipe)

    def decided():
        certificate = knn().fit(X, y).certify(X[:20], radius=[0.1, 0.3])
        return CertificationReport.from_predictions(y[:20], certificate)

    def nothing():
        with pytest.warns(UserWarning, match="can never decide a row"):
            certificate = knn().fit(X, y).certify(X[:5], n=5)
        return CertificationReport.from_predictions(y[:5], certificate)

    return {
        "sampled": lambda: of(knn()),
        "computed": lambda: of(linear(sigma=0.5)),
        "one class missing": lambda: CertificationReport.from_predictions(
            np.zeros(20, dtype=int), knn().fit(X, y).certify(X[y == 0][:20])
        ),
        "sigma per feature": lambda: of(linear(sigma=[0.5] + [0.0] * (X.shape[1] - 1))),
        "names": lambda: of(knn(), labels=names, title="<script>alert(1)</script> & co"),
        "changes": lambda: of(linear(noise=Flip(keep=0.9), n=300), binary),
        "unsound": lambda: of(linear(arithmetic="float", n=300)),
        "search": lambda: of(GridSearchCV(linear(), {"sigma": [0.1, 0.5]}, cv=2)),
        "pipeline": piped,
        "decided radii": decided,
        "nothing certified": nothing,
        "no single rows": lambda: CertificationReport.from_estimator(knn().fit(X, y), X, y, rows=0),
    }


@pytest.fixture(scope="module", params=cases())
def any_report(request):
    return cases()[request.param]()


class TestEveryKind:
    def test_json_is_as_the_schema_says(self, any_report, tmp_path):
        text = any_report.to_json(tmp_path / "report.json")
        assert (tmp_path / "report.json").read_text() == text
        assert json.loads(text) == any_report.content
        assert faults(json.loads(text), SCHEMA) == []

    def test_the_page_is_well_formed_and_loads_nothing(self, any_report, tmp_path):
        text = any_report.to_html(tmp_path / "report.html")
        assert (tmp_path / "report.html").read_text(encoding="utf-8") == text
        reader = Reader(text)
        assert reader.links == []
        assert not {"script", "link", "img", "iframe", "object", "embed"} & set(reader.tags)
        assert not re.search(r"https?:|//\w|url\(|@import|\bon\w+=", text)
        assert reader.tags.count("section") == reader.tags.count("h2") >= 5
        assert any_report.content["title"] in reader.text

    def test_no_seed(self, any_report):
        for text in (any_report.to_html(), any_report.to_json()):
            assert str(SECRET) not in text
            assert "random_state" not in text


def test_the_schema_check_can_fail(report):
    content = json.loads(report.to_json())
    assert faults(content, SCHEMA) == []
    content["extra"] = 1
    content["results"]["certified"] = 1.5
    del content["data"]["n_rows"]
    content["versions"]["numpy"] = 2
    assert faults(content, SCHEMA) == [
        "$.data lacks n_rows",
        "$.versions.numpy is 2, not ['string']",
        "$.results.certified is 1.5",
        "$.extra is not known",
    ]


class TestPage:
    def test_the_seed_itself_is_absent(self, report, clf, certificate):
        assert certificate.seed == clf._seed.hex()
        for text in (report.to_html(), report.to_json(), repr(report)):
            assert certificate.seed not in text
        assert report.content["settings"]["seed_sha256"] in report.to_html()

    def test_it_holds_what_is_promised(self, report):
        text = Reader(report.to_html()).text
        for what in (
            "99.9 %",
            "Certified accuracy",
            "By class",
            "least robust",
            "Version of numpy",
        ):
            assert what in text
        assert report.content["guarantee"] in text
        assert report.content["model"]["fingerprint"] in text
        for row in report.content["least_robust"]:
            assert row["sentence"] is None or row["sentence"] in text

    def test_the_curve_is_drawn_from_the_scores(self, report):
        """The path's corners, back in the units of the axes."""
        (path,) = re.findall(r'class="line" d="M([^"]*)"', report.to_html())
        corners = np.array([pair.split() for pair in path.split("L")], dtype=float)
        curve = report.content["results"]["accuracy"][0]["curve"]
        radius = (corners[:, 0] - corners[0, 0]) / np.ptp(corners[:, 0]) * curve["radius"][-1]
        share = 1 - (corners[:, 1] - 12) / (300 - 12 - 48)
        assert radius[::2] == pytest.approx(curve["radius"], abs=1e-3)
        assert share[::2] == pytest.approx(curve["certified_accuracy"], abs=1e-3)

    def test_features_with_pandas(self, clf):
        pd = pytest.importorskip("pandas")
        names = [f"f{j}" for j in range(X.shape[1])]
        frame = pd.DataFrame(X, columns=names, index=[f"person {i}" for i in range(80)])
        named = SmoothedClassifier(KNeighborsClassifier(), sigma=0.5, n=500, random_state=0).fit(
            frame, y
        )
        report = CertificationReport.from_estimator(named, frame, y)
        assert [f["feature"] for f in report.content["features"]["features"]] == names
        worst = report.content["least_robust"][0]
        assert worst["row"].startswith("person")
        assert worst["sentence"].startswith(f"row {worst['row']}: {worst['label']!r} as long as f")
        assert "One feature at a time" in Reader(report.to_html()).text


CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))),
    None,
)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium among the programs")
@pytest.mark.parametrize("width", [360, 900])
def test_in_a_browser(report, tmp_path, width):
    """Laid out in a frame of the width of a phone, and of a screen: nothing sticks out."""
    script = """
    const d = document.querySelector("iframe").contentDocument;
    const bar = d.querySelector("svg").getBoundingClientRect();
    document.title = [d.documentElement.scrollWidth, Math.round(bar.width), Math.round(bar.height),
      d.querySelectorAll("section").length, d.compatMode].join(" ");
    """
    page = tmp_path / "frame.html"
    page.write_text(
        f'<!DOCTYPE html><iframe width="{width}" height="800" style="border:0" '
        f'srcdoc="{html.escape(report.to_html())}"></iframe>'
        f"<script>onload = () => {{ {script} }}</script>",
        encoding="utf-8",
    )
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--window-size=1200,900"]
    options += [f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    out = subprocess.run([CHROMIUM, *options], capture_output=True, text=True, timeout=120)
    found = re.search("<title>(.*?)</title>", out.stdout)
    assert found, out.stderr[-2000:]
    scroll, wide, high, sections, mode = found[1].split()
    assert int(scroll) <= width
    assert 300 < int(wide) <= width
    assert int(high) > 100
    assert int(sections) == report.to_html().count("<section>")
    assert mode == "CSS1Compat"
