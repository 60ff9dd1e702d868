"""Figures in the README and the guide are those of the results that they are taken from.

A page may round; it may not drift. The results are files of `benchmarks/results` and
`reproduction/results`, which the programs there write.
"""

import decimal
import itertools
import pathlib
import re
import statistics
from csv import reader

import pytest

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
REPRODUCED = ROOT / "reproduction" / "results"
NUMBER = r"(\d?\.\d+)"


def text(path):
    return re.sub(r"\s+", " ", (ROOT / path).read_text(encoding="utf-8"))


def table(path, corner):
    """Rows of a Markdown table as dicts by column; `corner` is the name of its first column."""
    lines = iter(path.read_text(encoding="utf-8").splitlines())
    header = next(line for line in lines if line.startswith(f"| {corner} |"))
    columns, rows = cells(header), []
    next(lines)
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(dict(zip(columns, cells(line), strict=True)))
    return rows


def cells(line):
    return [cell.strip().strip("*") for cell in line.strip().strip("|").split("|")]


def column(name, corner, of):
    return [float(re.split("[x ]", row[of].replace(",", ""))[0]) for row in table(name, corner)]


def total(task, of):
    rows = table(REPRODUCED / "statistics_decisions.md", "task")
    (row,) = (row for row in rows if row["task"].startswith(task))
    return row[of].split()[0].strip("*x").replace(",", "")


def assert_rounded(shown, measured):
    """The number on the page is the measured one, to as many places as the page has."""
    shown = decimal.Decimal(shown.replace(",", ""))
    measured = decimal.Decimal(str(measured).replace(",", ""))
    assert shown == measured.quantize(shown, decimal.ROUND_HALF_UP)


def assert_says(page, pattern, *measured):
    """The page has the pattern once, and its groups are the measured numbers, rounded."""
    (found,) = re.findall(pattern, text(page))
    for shown, number in zip([found] if isinstance(found, str) else found, measured, strict=True):
        assert_rounded(shown, number)


SPEED = {row["base"]: row for row in table(RESULTS / "speed.md", "base")}


def test_speed_in_the_readme():
    shown = table(ROOT / "README.md", "base")
    assert len(shown) == 5
    for row in shown:
        measured = SPEED[row["base"]]
        loops = (measured[f"paper's loop, batch {size}"] for size in (400, 1000))
        assert row["`certify`"] == measured["certify"]
        assert row["paper's loop"] == max(loops, key=float)
        assert row["our target"] == measured["target"]


@pytest.mark.parametrize(("page", "n"), [("comparison", 5), ("performance", 6)])
def test_speed_in_the_documentation(page, n):
    text = (ROOT / "docs" / f"{page}.rst").read_text(encoding="utf-8")
    found = 0
    for base, measured in SPEED.items():
        if f"   * - {base}\n" not in text:
            continue
        lines = text.split(f"   * - {base}\n")[1].splitlines()[:4]
        certify, loop, art, target = (line.strip(" -") for line in lines)
        loops = (measured[f"paper's loop, batch {size}"] for size in (400, 1000))
        assert [certify, loop, target] == [
            measured["certify"],
            max(loops, key=float),
            measured["target"],
        ]
        assert art == {"-": "raises"}.get(measured["ART"], measured["ART"])
        found += 1
    assert found == n


def test_noise():
    ratios = {True: [], False: []}
    for row in table(RESULTS / "speed_noise.md", "row"):
        ratios["image" in row["row"]].append(float(row["integer / numpy"]))
    images, others = ratios[True], ratios[False]
    pattern = r"takes ([\d.]+) to ([\d.]+) of the time .* for images, and ([\d.]+) to ([\d.]+) for"
    assert_says("docs/performance.rst", pattern, min(images), max(images), min(others), max(others))


def test_memory():
    (measured,) = re.findall(r"\*\*(\d+) MB\*\*", text("benchmarks/results/speed_memory.md"))
    assert_says("docs/performance.rst", r"adds (\d+) MB at n = 1,000,000", measured)
    assert_says("docs/comparison.rst", r"at n = 1,000,000: (\d+) MB", measured)


def test_draws_to_decide_a_radius():
    one, every = "one radius", "all radii"
    saving, loss = total(one, "saving (95 %)"), total(one, "mean loss (95 %)")
    path = REPRODUCED / "statistics_decisions.md"
    savings = column(path, "sigma", "saving")
    low, high = min(savings), max(savings)
    pattern = r"takes ([\d.]+) times fewer draws on average than n = 100,000, from (\d+) to (\d+)"
    assert_says(
        "docs/performance.rst", pattern + r".*? loses ([\d.]+) points", saving, low, high, loss
    )
    most = max(abs(number) for number in column(path, "sigma", "loss, pp"))
    pattern = r"([\d.]+) times fewer draws on average \((\d+) to (\d+) times .*? for ([\d.]+) "
    pattern += r"percentage points of certified accuracy on average and ([\d.]+) at most"
    assert_says("docs/guide/fewer_draws.rst", pattern, saving, low, high, loss, most)
    assert_says(
        "docs/guide/fewer_draws.rst",
        r"([\d.]+) times fewer on average",
        total(every, "saving (95 %)"),
    )
    pattern = r"takes ([\d.]+) times fewer draws on average, by a simulation"
    assert_says("docs/tutorials/torch.rst", pattern, saving)
    pattern = r"n = 100,000: ([\d,]+) on average .*? \((\d+) to (\d+) times fewer\), for ([\d.]+) "
    draws = total(one, "mean draws")
    assert_says("docs/comparison.rst", pattern, draws, low, high, loss)


def test_computed_certificates():
    rows = table(RESULTS / "exact_speed.md", "data")
    ratios = [int(row["ratio to predict"].replace(",", "")) for row in rows]
    pattern = r"from ([\d,]+) to ([\d,]+) times"
    for page in ("docs/comparison.rst", "docs/guide/exact_certificates.rst"):
        assert_says(page, pattern, min(ratios), max(ratios))
    assert_says("README.md", r"take ([\d,]+) to ([\d,]+) times less", min(ratios), max(ratios))
    us = [float(row["exact, us a row"]) for row in rows]
    pattern = r"From ([\d.]+) to ([\d.]+) microseconds a row .*?, ([\d,]+) to ([\d,]+) times less"
    assert_says("docs/performance.rst", pattern, min(us), max(us), min(ratios), max(ratios))


def test_times_on_the_decision_page():
    rows = table(RESULTS / "exact_speed.md", "data")
    us = {form: [] for form in ("linear", "boxes", "additive", "quadratic", "grid")}
    for row in rows:
        if (row["base"], row["data"]) != ("LogisticRegression", "digits"):  # ten classes
            us[row["form"]].append(float(row["exact, us a row"]))
    page = "docs/which_method.rst"
    assert_says(page, r"linear model, two classes - computed - ([\d.]+) us", *us["linear"])
    ends = min(us["boxes"]), max(us["boxes"])
    assert_says(page, r"one tree - computed - ([\d.]+) to ([\d.]+) us", *ends)
    others = us["additive"] + us["quadratic"]
    assert_says(
        page, r"discriminants; two classes - computed - (\d+) to (\d+) us", *ends_of(others)
    )
    assert_says(page, r"boosting on few features - computed - ([\d.]+) us", *us["grid"])
    draws = [float(total(task, "mean draws")) for task in ("one radius", "all radii")]
    pattern = r"about ([\d,]+) for one radius, ([\d,]+) for several"
    ((one, several),) = re.findall(pattern, text(page))
    assert [float(n.replace(",", "")) for n in (one, several)] == [round(n, -2) for n in draws]


def ends_of(values):
    return min(values), max(values)


def test_logs():
    rows = table(RESULTS / "speed_overhead.md", "base")
    percent = [100 * (float(row["log"]) - 1) for row in rows]
    pattern = r"A log adds ([\d.]+) to ([\d.]+) % .*? and ([\d.]+) % to one of"
    assert_says("docs/performance.rst", pattern, *ends_of(percent[:-1]), percent[-1])


def test_fidelity():
    pattern = (
        r"(\d+) models in (\d+) states.*?(\d+) cases.*? (\d+) sampled, (\d+) computed, (\d+) "
        r"refused, \*\*(\d+) wrong"
    )
    (measured,) = re.findall(pattern, text("benchmarks/results/fidelity.md"))
    pattern = (
        r"(\d+) models in (\d+) states.*?: (\d+) cases, of which (\d+) were sampled, (\d+) "
        r"computed, (\d+) refused and (\d+) wrong"
    )
    assert_says("docs/correctness.rst", pattern, *measured)


def test_confidence_sequences():
    """The table on the page is that of the result, and so is the count of lost rows."""
    path = REPRODUCED / "statistics_sequences.md"
    rows = table(path, "sigma")
    page = (ROOT / "docs" / "comparison.rst").read_text(encoding="utf-8")
    for row in rows:
        line = f"     - {row['certified: fixed n']}\n     - {row['certified: betting']}\n"
        line += f"     - {row['certified: looks (ours)']}\n     - {row['draws: betting']}\n"
        line += f"     - {row['draws: looks (ours)']}\n     - {row['betting : ours']}\n"
        assert f"   * - {row['sigma']}, {row['r']}\n{line}" in page
    pattern = r"of ([\d,]+): betting: \*\*(\d+)\*\*;.*?: \*\*(\d+)\*\*; looks.*?\*\*(\d+)\*\*"
    (measured,) = re.findall(pattern, text("reproduction/results/statistics_sequences.md"))
    pattern = r"Of ([\d,]+) rows .*? betting loses (\d+), .*? (\d+) and the looks (\d+)"
    assert_says("docs/comparison.rst", pattern, *measured)
    ratios = [row["betting : ours"] for row in rows]
    pattern = r"need ([\d.]+) to ([\d.]+) times fewer draws than the betting"
    assert_says("docs/comparison.rst", pattern, min(ratios), max(ratios))


def test_lenet():
    path = REPRODUCED / "nets_mnist.md"
    rows = path.read_text(encoding="utf-8").splitlines()
    found = [cells(row)[:3] for row in rows if row.startswith("| sigma ")]
    assert [name for name, _, _ in found] == ["sigma 0.25", "sigma 0.5", "sigma 1"]
    ours = [radius.split()[0] for _, radius, _ in found]
    numbers = r"(\.\d+), (\d\.\d+) and (\d\.\d+)"
    assert_says("docs/performance.rst", f"average certified radii of {numbers} at", *ours)
    assert_says(
        "docs/performance.rst",
        f"after 90 epochs, are {numbers}",
        *(theirs for _, _, theirs in found),
    )


@pytest.mark.parametrize(
    ("pair", "pattern"),
    [
        (
            "1 against 5",
            r"fives: accuracy ([\d.]+), certified at radius 1 ([\d.]+), .*? ([\d.]+)\. ",
        ),
        ("2 against 6", r"sixes: ([\d.]+), ([\d.]+) and ([\d.]+),"),
    ],
)
def test_pairs_of_digits(pair, pattern):
    (row,) = (row for row in table(RESULTS / "exact_pairs.md", "pair") if row["pair"] == pair)
    accuracy, radius = (
        row[f"{name} (theirs)"].split()[0] for name in ("accuracy", "average radius")
    )
    assert_says("docs/guide/exact_certificates.rst", pattern, accuracy, row["at 1.0"], radius)


def near(shown, measured):
    """Whether two printed numbers can be roundings of one: each is off by half its last digit.

    With as many decimals they are equal.
    """
    shown, measured = (decimal.Decimal(number.replace(",", "")) for number in (shown, measured))
    ulps = [decimal.Decimal(1).scaleb(number.as_tuple().exponent) for number in (shown, measured)]
    return shown == measured or (ulps[0] != ulps[1] and abs(shown - measured) <= sum(ulps) / 2)


def assert_near(page, pattern, *measured):
    """The page has the pattern once; its groups agree with the measured numbers."""
    (found,) = re.findall(pattern, text(page))
    found = [found] if isinstance(found, str) else found
    for shown, number in zip(found, measured, strict=True):
        assert near(shown, str(number)), (page, shown, number)


def row(path, corner, **values):
    """The one row of a table with these values in its columns."""
    (found,) = (
        row
        for row in table(path, corner)
        if all(row[key] == value for key, value in values.items())
    )
    return found


def lists(page):
    """All rows of the page's list tables, as lists of cells."""
    source = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"^   \* - .*\n(?:     .*\n)*", source, flags=re.MULTILINE)
    return [re.split(r"\n +- ", block.removeprefix("   * - ").rstrip()) for block in blocks]


def csv(page, *start):
    """Rows of the page's csv tables that begin with these cells, without them."""
    source = (ROOT / page).read_text(encoding="utf-8").splitlines()
    rows = [next(reader([line.strip()], skipinitialspace=True)) for line in source if ", " in line]
    return [row[len(start) :] for row in rows if tuple(row[: len(start)]) == start]


def test_prediction_sets():
    page, path = "docs/guide/prediction_sets.rst", RESULTS / "conformal.md"
    attacked = row(path, "sets", sets="split conformal (radius 0)")
    ends = attacked["clean coverage"], attacked["coverage under attack"]
    assert_near(page, r"coverage from ([\d.]+) to ([\d.]+) \(", *ends)
    names = {"here": "this library", "here, computed": "computed"}
    parts = path.read_text(encoding="utf-8").split("\n## ")
    shown = {cells[0]: cells[1:] for cells in lists(page) if len(cells) == 9}
    for name in ("RSCP+", "CAS", "RCP1 (one draw)", "BinCP", "here", "here, computed"):
        measured = []
        for part in parts[1:3]:  # 548 and 150 calibration rows
            (line,) = (
                line
                for line in part.splitlines()
                if line.replace("*", "").startswith(f"| {names.get(name, name)}")
                and not line.startswith("| split")
            )
            measured += [cell.split()[0] for cell in cells(line)[1:]]
        assert all(map(near, shown[name], measured)), (name, shown[name], measured)


def section(path, title):
    """Rows of the tables below a heading, as lists of cells, without the heads."""
    part = path.read_text(encoding="utf-8").split(f"\n## {title}")[1].split("\n## ")[0]
    return [cells(line) for line in part.splitlines() if line.startswith("|")]


def test_computed_for_other_libraries():
    us, ratio = {}, {}
    for name, time, _, _, times, *_ in section(RESULTS / "readers.md", "Speed")[2:]:
        us[name], ratio[name] = time, times
    page = "docs/guide/exact_certificates.rst"
    boosters = ("XGBoost", "LightGBM", "CatBoost")
    three = "([\\d,]+), ([\\d,]+) and ([\\d,]+)"
    pattern = f"CatBoost take {three} microseconds, {three} times"
    assert_near(page, pattern, *(of[name] for of in (us, ratio) for name in boosters))
    pattern = r"ExplainableBoostingClassifier takes ([\d,]+), ([\d,]+) times"
    assert_near(page, pattern, us["EBM"], ratio["EBM"])
    ends = [end for of in (us, ratio) for end in ends_of([numeral(n) for n in of.values()])]
    pattern = r"libraries: ([\d,]+) to ([\d,]+) microseconds, ([\d,]+) to ([\d,]+) times less"
    assert_near("docs/performance.rst", pattern, *ends)


def numeral(shown):
    return int(shown.replace(",", ""))


def test_boosters_that_miss_their_target():
    rows = [row for row in table(RESULTS / "boosters.md", "base") if row["noise by"] == "numba"]
    missed = [
        row["of the ceiling"].split("*")[0] for row in rows if "missed" in row["of the ceiling"]
    ]
    pattern = (
        r"Of (\d+) bases two miss .* scaler reaches ([\d.]+), and SMOTE .* regression ([\d.]+)\."
    )
    assert_near("docs/performance.rst", pattern, len(rows), *missed)
    ns = {
        loop: [
            1000 * float(row["noise"]) / 30  # columns
            for row in table(RESULTS / "boosters.md", "base")
            if row["noise by"] == loop and not row["base"].startswith("frames")
        ]
        for loop in ("numba", "numpy")
    }
    means = [round(sum(of) / len(of)) for of in ns.values()]
    pattern = r"about (\d+) ns a value in place of (\d+)"
    assert_near("docs/guide/shortcuts.rst", pattern, *means)


def test_shortcuts():
    page = "docs/guide/shortcuts.rst"
    names = ("HistGradientBoosting, d=64", "HistGradientBoosting, d=64, shortcuts=None")
    pattern = r"classifies ([\d.]+) times as many .* and ([\d.]+) times with"
    assert_near(page, pattern, *(SPEED[name]["certify"] for name in names))
    boosting = row(RESULTS / "exact_speed.md", "data", base="HistGradientBoosting, no interactions")
    ms = boosting["sampled, ms a row"], boosting["sampled through predict, ms"]
    assert_near(page, r"shortcut: (\d+) ms a row, against (\d+) ms", *ms)
    net, small = (
        [float(of[form]) for form in ("fold", "channels_last", "bfloat16", "compile")]
        for of in table(RESULTS / "speed_forms.md", "net")
    )
    ends = ends_of([round(1 / of, 3) for of in net])
    assert_near(page, r"they take from ([\d.]+) to ([\d.]+) of the net's own time", *ends)
    assert sum(of < 1 for of in small) == 3  # "slower in three of the four"


def test_nets():
    page = "docs/guide/nets.rst"
    noise = table(RESULTS / "speed_noise.md", "row")
    ratios = []
    for precision in ("float32", "float64"):
        image, fine = (
            next(
                float(of["integer, ns"])
                for of in noise
                if (of["row"], of["precision"]) == (f"{kind}, d=784", precision)
            )
            for kind in ("image", "fine")
        )
        ratios.append(round(image / fine, 3))
    assert_near(page, r"about ([\d.]+) times as long .* in float32, and ([\d.]+) times in", *ratios)
    names = ("ResNet-20, 3x32x32", "CNN, 2 convolutions, 1x28x28", "MLP 784-128-10")
    pattern = r"reaches ([\d.]+) for a ResNet-20 .*, ([\d.]+) for a CNN .* and ([\d.]+) for a dense"
    assert_near(page, pattern, *(SPEED[name]["certify"] for name in names))
    targets = (SPEED[name]["target"].split(",")[0] for name in names[1:])
    assert_near(page, r"targets of ([\d.]+) and ([\d.]+) \(", *targets)


def test_per_feature():
    shares = [
        float(of["any amount"])
        for of in table(RESULTS / "per_feature.md", "base")
        if of["form"] in ("boxes", "additive")
    ]
    percent = [round(100 * share) for share in ends_of(shares)]
    assert_near("docs/guide/showing_results.rst", r"table, (\d+) to (\d+) % of the", *percent)


def test_regression():
    (times,) = re.findall(
        r"least squares ([\d.]+), a tree of depth 5 ([\d.]+), .*? ([\d.]+) to",
        text("benchmarks/results/regression.md"),
    )
    us = [1000 * float(ms) for ms in times[:2]]
    pattern = (
        r"take (\d+) microseconds a row for a linear model, (\d+) for a tree .* and (\d+) milli"
    )
    assert_near("docs/guide/regression.rst", pattern, *us, times[2])


def test_widths_and_digits():
    page = "docs/guide/exact_certificates.rst"
    widest = {}
    for of in table(RESULTS / "exact_agreement.md", "data"):
        if of["form"] == "additive":
            widest.setdefault(of["data"], []).append(float(of["widest interval"]))
    most = (max(widest[data]) for data in ("breast cancer", "iris", "digits"))
    assert_near(
        page, r"most ([\d.]+) wide with two classes, ([\d.]+) with three and ([\d.]+)", *most
    )
    digits = row(RESULTS / "exact_digits.md", "", **{"": "exact, all test rows"})
    us = 1000 * float(digits["ms a row"])
    pattern = r"average radius ([\d.]+) at sigma 0.25, (\d+) microseconds"
    assert_near(page, pattern, digits["average radius"], us)
    counts = re.findall(r"(\d+) cells\.", text("benchmarks/results/exact_agreement.md"))
    assert_near("docs/correctness.rst", r"(\d+) combinations of data and base", *counts)
    counts = re.findall(r"(\d+) models, \d+ computed", text("benchmarks/results/readers.md"))
    assert_near("docs/correctness.rst", r"\*\*(\d+) tree models", *counts)


def test_tolerances_and_the_bound_for_the_runner_up():
    page = "docs/guide/fewer_draws.rst"
    savings = column(REPRODUCED / "statistics_tolerance.md", "n0", "saving")
    pattern = r"(\d) to (\d) times fewer, for tolerances from"
    assert_near(page, pattern, *(round(end) for end in ends_of(savings)))
    shown = {of[0]: of[1:] for of in lists(page)}
    for line in ("one-sided, n = 100,000", "two-sided, n = 1,000", "two-sided, n = 100,000"):
        name = line.replace(" = ", "=").replace("1,000", "1000", line.endswith(" 1,000"))
        for cell, sigma in zip(shown[line], ("0.25", "0.5", "1.0"), strict=True):
            (of,) = (
                of
                for of in section(REPRODUCED / "statistics_two_sided.md", f"sigma {sigma}")
                if of[0] == name
            )
            assert all(map(near, cell.split("; "), (of[1], of[3]))), (line, sigma)


def test_noises_on_mnist():
    guide, found, head = "docs/guide/other_noises.rst", {}, []
    path = REPRODUCED / "nets_mnist_noises.md"
    for line in map(cells, path.read_text(encoding="utf-8").splitlines()):
        head = line if line[0] == "" else head
        found[line[0]] = dict(zip(head, line, strict=False))
    share = r"(0\.\d+)"
    l1 = f"accuracy is {share}, under ``Uniform`` {share} and under ``Laplace`` {share}"
    assert_near(guide, l1, *(found[name]["at 0.9"] for name in ("splitting", "uniform", "Laplace")))
    l0 = f"{share} at one changed pixel, {share} at four and {share} at seven"
    assert_near(guide, l0, *(found["flip"][f"at {k}"] for k in (1, 4, 7)))
    lee = rf"\(2019\) have {share}, {share} and {share}\."
    assert_near(guide, lee, *(found["Lee et al."][f"at {k}"] for k in (1, 4, 7)))
    assert_near(guide, r"median number of changed pixels is (\d+)\.", found["drop"]["median"])


def test_trainings():
    page = "docs/guide/training_nets.rst"
    three, small = r"([\d.]+), ([\d.]+) and ([\d.]+)", r"(\.\d+), (\.\d+) and (\.\d+)"
    rows = [
        cells(line)
        for line in (REPRODUCED / "nets_mnist.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| sigma ")
    ]
    radii, errors = zip(*(of[1].split(" ± ") for of in rows), strict=True)
    pattern = f"certified radius {three} at sigma .* are {three} \\(Jeong"
    assert_near(page, pattern, *radii, *(of[2] for of in rows))
    assert_near(page, f"standard errors of {small} from", *errors)
    names = ("Gaussian", "stability", "Consistency", "SmoothAdv", "SmoothMix", "MACER")
    everything = text(page)
    moons, digits = everything.split("Average radii on two moons")[1].split("on digits")[:2]
    for part, corner in ((moons, "two moons"), (digits, "digits")):
        lines = section(REPRODUCED / "nets_small.md", corner)
        for name in names:
            (shown,) = re.findall(rf"{name} (\d?\.\d+)", part)
            (radius,) = (of[1] for of in lines if of[0] == name.lower())
            assert near(shown, radius.split()[0]), (corner, name)
    found = {}
    for title in ("The authors' schedule", "One cycle"):
        for name, mean, *_ in section(REPRODUCED / "nets_objectives.md", title):
            found.setdefault((title, name), mean.split(" ± "))
    order = ("gaussian", "stability", "macer", "consistency")
    pattern = "radius {0} for Gaussian .*, {0} for stability .*, {0} for MACER, {0} for Consistency"
    pattern += r" .* images of {0}, {0} and {0}, with .* up to {0}\)\. MACER"
    pattern = pattern.replace("{0}", NUMBER)
    gaps = [found["The authors' schedule", f"{a} < {b}"] for a, b in itertools.pairwise(order)]
    means = (found["The authors' schedule", name][0] for name in order)
    error = max(float(error) for _, error in gaps)
    assert_near(page, pattern, *means, *(gap.removeprefix("+") for gap, _ in gaps), error)
    pattern = "SmoothAdv has {0} .* SmoothMix {0} .*, as much as Consistency, {0} "
    pattern = pattern.replace("{0}", NUMBER)
    names = ("smoothadv", "smoothmix", "consistency")
    assert_near(page, pattern, *(found["One cycle", name][0] for name in names))

    path, differences = REPRODUCED / "nets_cifar_cpu.md", []
    for (ours, *of), (_, *paper) in itertools.pairwise(section(path, "Certified accuracy")[2:]):
        if not ours.startswith("gaussian"):
            continue
        (shown,) = csv(page, ours.split(" sigma ")[1].removeprefix("0"))
        measured = zip(filter(None, paper[:7]), filter(None, of[:7]), strict=True)
        for cell, pair in zip(filter(None, shown), measured, strict=True):
            assert all(itertools.starmap(near, zip(cell.split(" / "), pair, strict=True))), cell
            differences.append(float(pair[1]) - float(pair[0]))
    pattern = r"these (\d+) cells ours is lower by (\.\d+) on average, and by (\.\d+) at most"
    lower = (f"{-x:.3f}" for x in (statistics.mean(differences), min(differences)))
    assert_near(page, pattern, len(differences), *lower)
    blocks = path.read_text(encoding="utf-8").split("(second) on the same images, sigma ")[1:]
    assert len(blocks) == 2
    p = {}
    for block in blocks:
        sigma = block.split(" ")[0].removeprefix("0")
        found = re.findall(r"at radius \S+: \S+ to (\S+), (\S+) \[", block)
        for name, measured in zip(
            ("Consistency", "less Gaussian"), zip(*found, strict=True), strict=True
        ):
            (shown,) = csv(page, f"{name} {sigma}")
            shown = filter(None, shown)
            assert all(itertools.starmap(near, zip(shown, measured, strict=True))), (name, sigma)
        p[sigma] = dict(re.findall(r"at radius (\S+): .* p = (\S+)", block))
    pattern = r"p = (\.\d+) at sigma 0\.25, (\.\d+) at 0\.5\) and gains"
    assert_near(page, pattern, p[".25"]["0"], p[".5"]["0"])
    assert_near(page, r"at sigma 0\.5 it is (\.\d+) at \.5, and below", p[".5"]["0.5"])
    for sigma, at_least, below in ((".25", 0.5, 1e-4), (".5", 0.75, 1e-5)):
        large = [float(each) for r, each in p[sigma].items() if float(r) >= at_least]
        assert large
        assert max(large) < below
    for title, ours, more, theirs, _ in section(path, "Average certified radius")[2:]:
        name, sigma, epochs = re.fullmatch(
            r"(\w+), sigma 0?(\S+?)(?:, (\d+) epochs)?", title
        ).groups()
        (shown,) = csv(page, epochs or "30", f"{name.capitalize()} {sigma}")
        measured = [*ours.split(" ± "), more, theirs]
        assert all(itertools.starmap(near, zip(shown, measured, strict=True))), title
    lines = (REPRODUCED / "nets_denoisers.md").read_text(encoding="utf-8").splitlines()
    denoisers = {cells(line)[1]: cells(line)[2:] for line in lines if line.startswith("| 1 |")}
    assert len(denoisers) == 4
    for name, measured in denoisers.items():
        (shown,) = csv(page, name)
        assert all(map(near, shown, measured)), name


def test_the_paper():
    page, folder = "docs/paper.rst", REPRODUCED / "paper"
    for of, here in zip(
        (".12", ".25", ".50", "1.00"), table(folder / "table3.md", ""), strict=True
    ):
        (shown,) = csv(page, of)[:1]
        pairs = zip((cell.split(" / ")[1] for cell in shown), list(here.values())[1:], strict=True)
        assert all(near(*pair) for pair in pairs), of
    logs = [list(of.values())[2:] for of in table(folder / "table4.md", "n") if "450" in of[""]]
    shown = csv(page, "", "logs")
    for cells_, (right, _, wrong, _, abstained) in zip(shown, logs, strict=True):
        assert all(map(near, cells_, (right, wrong, abstained)))
    for cells_, here in zip(csv(page, "", "MNIST"), table(folder / "table2.md", ""), strict=True):
        assert all(map(near, cells_, list(here.values())[1:]))
    attacked = table(folder / "tightness.md", "sigma")[:3]  # the fourth is the paper's
    for sigma, here in zip((".25", ".50", "1.00"), attacked, strict=True):
        (shown,) = csv(page, f"MNIST, sigma {sigma}")
        measured = [cell.rstrip("%") for cell in list(here.values())[1:]]
        assert all(map(near, (cell.rstrip(" %") for cell in shown), measured)), sigma
    for width, here in zip(
        ("7", "14", "28"), table(folder / "proposition7.md", "width"), strict=True
    ):
        (shown,) = csv(page, width)
        assert all(map(near, shown, list(here.values())[1:]))
