"""Figures in the README and the guide are those of the results that they are taken from.

A page may round; it may not drift. The results are files of `benchmarks/results` and
`reproduction/results`, which the programs there write.
"""

import decimal
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
REPRODUCED = ROOT / "reproduction" / "results"


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
    pattern = r"From ([\d.]+) to ([\d.]+) microseconds a row, ([\d,]+) to ([\d,]+) times less"
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
