"""The HTML page of a report: one file, which loads nothing, for screens of any width and paper."""

import html
import json
from collections.abc import Iterable
from typing import Any

from ..certificate.summary import percent, rounded_down
from .drawing import curve, span

__all__ = ["page"]

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d9dee4;
  --accent: #1f5fa8; --band: #1f5fa833; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e8ec; --paper: #14171a; --faint: #3a4149;
  --accent: #7db4f0; --band: #7db4f044; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 52rem; padding: 1.5rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.2; } h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
p { max-width: 42rem; } .note { font-size: .875rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .9rem; }
caption { text-align: left; padding: .25rem 0; }
th, td { padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--faint); text-align: left;
  vertical-align: top; overflow-wrap: normal; }
.whole { white-space: nowrap; }
svg { width: 100%; height: auto; display: block; } svg text { fill: var(--ink); font-size: 12px; }
svg .grid { stroke: var(--faint); fill: none; } svg .line { stroke: var(--accent); fill: none;
  stroke-width: 2; } svg .band { fill: var(--band); } svg.bar { width: 5rem; height: .6rem;
  display: inline-block; } svg.bar .grid { fill: var(--faint); stroke: none; }
svg.bar .fill { fill: var(--accent); }
code { font-size: .875em; }
@media (max-width: 36rem) { body { padding: .75rem; } th, td { padding-right: .5rem; }
  svg text { font-size: 17px; } }
@media print { :root { --ink: #000; --paper: #fff; --faint: #bbb; --accent: #000; --band: #0002; }
  body { max-width: none; padding: 0; font-size: 10pt; } .wide { overflow: visible; }
  section, tr, svg { break-inside: avoid; } h2 { break-after: avoid; } }
"""

_MIXED = ", and changes"  # at the end of the name of mixed noise's norm

_NAMES = {
    "method": "Method",
    "form": "Computed by",
    "n": "Draws per row",
    "n0": "Draws for the selection of a class",
    "alpha": "Failure probability per row (alpha)",
    "bound": "Confidence bound",
    "tol": "Radius that may be lost",
    "asked_radii": "Radii that were decided",
    "asked_changes": "Changed columns beside them",
    "max_radius": "Largest possible radius",
    "noise": "Noise",
    "noise_label": "Its parameters",
    "sigma": "Standard deviation",
    "norm": "Norm of the radii",
    "stream": "Random bits",
    "shortcut": "Shortcut",
    "seed_sha256": "SHA-256 of the seed",
}


def page(content: dict[str, Any]) -> str:
    """Return the page for the content of a report."""
    title = html.escape(content["title"])
    sections = [
        _summary(content),
        _accuracy(content),
        _by_class(content),
        _probabilities(content),
        _features(content),
        _least_robust(content),
        _making(content),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    ).replace(" %", "\u00a0%")


def _summary(content: dict[str, Any]) -> str:
    data, results = content["data"], content["results"]
    names = data["feature_names"]
    facts = [
        ("Rows", f"{data['n_rows']}"),
        ("Certified", percent(results["certified"])),
        ("Abstained", percent(results["abstained"])),
        ("Certified with a wrong label", percent(results["wrong"])),
        ("Classes", ", ".join(f"{c['label']} ({c['n_rows']} rows)" for c in data["classes"])),
        ("Features", "without names" if names is None else ", ".join(names)),
    ]
    return _section(
        "What is certified",
        f"<p>{html.escape(content['guarantee'])}</p>",
        _facts(facts),
    )


def _accuracy(content: dict[str, Any]) -> str:
    results, norm = content["results"], content["settings"]["norm"]
    parts = []
    for each in results["accuracy"]:
        points, title = each["curve"], "Certified accuracy by radius"
        if _is_mixed(content):
            changed = _changed(each["changes"])
            title = f"{title}, {changed}"
            parts.append(f"<h3>{changed[0].upper()}{changed[1:]}</h3>")
        if len(points["radius"]) > 1 and None not in points["radius"]:
            parts.append(
                curve(
                    points["radius"],
                    points["certified_accuracy"],
                    band=(points["low"], points["high"]),
                    xlabel=f"Radius ({norm.removesuffix(_MIXED)})",
                    ylabel="Certified accuracy",
                    title=title,
                )
            )
        columns = ("radius", "certified_accuracy", "low", "high", "lower_bound", "balanced")
        rows = zip(*(each["table"][name] for name in columns), strict=True)
        parts.append(
            _table(
                [
                    "Radius",
                    "Certified accuracy",
                    "Band from",
                    "to",
                    "These rows, at least",
                    "Balanced",
                ],
                ([_number(row[0]), *(_share(v) for v in row[1:])] for row in rows),
            )
        )
    confidence = percent(results["confidence"])
    return _section(
        "Certified accuracy",
        "<p>The share of rows that are certified with the right label, at least up to a radius. "
        f"The band holds, at each radius with a confidence of {confidence}, for rows that are "
        "drawn as these were: its lower end bounds the share on which the smoothed classifier is "
        "right under every change of that size.</p>",
        *parts,
        f'<p class="note">"These rows, at least" bounds the share of these very rows, with a '
        f"probability of {percent(1 - results['rho'])} over all the noise, if no two of them are "
        'equal. "Balanced" is the mean over the classes.</p>',
    )


def _by_class(content: dict[str, Any]) -> str:
    results = content["results"]
    radii = [f"r = {_number(r)}" for r in results["accuracy"][0]["table"]["radius"]]
    rows = (
        [
            str(c["label"]),
            str(c["n_rows"]),
            _share(c["abstained"]),
            *map(_share, c["certified_accuracy"]),
        ]
        for c in results["by_class"]
    )
    number = results["accuracy"][0]["changes"]
    beside = f", {_changed(number)}" if _is_mixed(content) else ""
    return _section(
        "By class",
        f"<p>Certified accuracy of the rows of each true class, by radius{beside}.</p>",
        _table(["Class", "Rows", "Abstained", *radii], rows),
    )


def _probabilities(content: dict[str, Any]) -> str:
    found = content["results"]["quantiles"]
    head = ["Quantile", *(percent(p) for p in found["probability"])]
    rows = [
        ["Lower bound on the probability of the selected class", *map(_number, found["p_lower"])],
        ["Radius", *map(_number, found["radius"])],
    ]
    return _section(
        "Probabilities under noise and radii",
        "<p>Over all rows, with 0 for the radius of rows that are abstained on; rounded down.</p>",
        _table(head, rows),
    )


def _features(content: dict[str, Any]) -> str:
    features = content["features"]
    if features is None:
        return ""
    rows = []
    for f in features["features"]:
        bar = f'<span class="whole">{span(f["any_amount"])} {_share(f["any_amount"])}</span>'
        ends = [_limit(f[side][i]) for side in ("down", "up") for i in (0, 2)]
        exact = "exact" if f["how"] == "exact" else "from the radius"
        rows.append([html.escape(str(f["feature"])), bar, *map(html.escape, ends), exact])
    return _section(
        "One feature at a time",
        "<p>By how much a single feature of a certified row may change, all others fixed, without "
        "changing the label: the change that 95 % of the rows allow at least, and the median. "
        "<strong>Statements on two features do not hold together</strong>; joint changes are what "
        f"the radius bounds. From {features['n_rows']} rows.</p>",
        _table(
            ["Feature", "Any amount", "Down, 95 %", "median", "Up, 95 %", "median", "How"],
            rows,
            escape=False,
        ),
    )


def _least_robust(content: dict[str, Any]) -> str:
    found = content["least_robust"]
    if not found:
        return ""
    has_sentences = found[0]["sentence"] is not None
    numbers = sorted({each["changes"] for r in found for each in r["beside"]})
    head = ["Row", "Label", "True label", "Radius", *map(_changed, numbers), "p, at least"]
    rows = (
        [
            str(r["row"]),
            str(r["label"]),
            str(r["true_label"]),
            _number(r["radius"]),
            *_beside(r["beside"], numbers),
            _number(r["p_lower"]),
        ]
        + ([r["sentence"]] if has_sentences else [])
        for r in found
    )
    return _section(
        "The least robust rows",
        "<p>Of the certified rows, those with the smallest radii.</p>",
        _table([*head, "In words"] if has_sentences else head, rows),
    )


def _beside(found: list[dict[str, Any]], numbers: list[int]) -> list[str]:
    """Return the radii beside each number of changed columns."""
    radii = {each["changes"]: _number(each["radius"]) for each in found}
    return [radii.get(number, "not certified") for number in numbers]


def _is_mixed(content: dict[str, Any]) -> bool:
    """Whether radii are beside a number of changed columns."""
    norm: str = content["settings"]["norm"]
    return norm.endswith(_MIXED)


def _changed(number: int) -> str:
    return f"{number or 'no'} column{'' if number == 1 else 's'} changed"


def _making(content: dict[str, Any]) -> str:
    settings, model = content["settings"], content["model"]
    facts = [
        (name, _setting(settings[key])) for key, name in _NAMES.items() if settings[key] is not None
    ]
    if model is not None:
        facts.append(("Model", model["type"]))
        facts.append(("Fingerprint of the model", model["fingerprint"] or "none"))
    facts += [(f"Version of {name}", version) for name, version in content["versions"].items()]
    facts.append(("Made", content["created"]))
    return _section("How it was made", _facts(facts))


def _section(title: str, *parts: str) -> str:
    return f"<section>\n<h2>{title}</h2>\n" + "\n".join(filter(None, parts)) + "\n</section>"


def _facts(facts: Iterable[tuple[str, str]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>'
        for name, text in facts
    )
    return f'<div class="wide"><table><tbody>{rows}</tbody></table></div>'


def _table(head: list[str], rows: Iterable[list[str]], *, escape: bool = True) -> str:
    names = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in head)
    lines = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(cell) if escape else cell}</td>" for cell in row)
        + "</tr>"
        for row in rows
    )
    head_of_table = f"<thead><tr>{names}</tr></thead>"
    return f'<div class="wide"><table>{head_of_table}<tbody>{lines}</tbody></table></div>'


def _number(value: float | None) -> str:
    return "infinite" if value is None else rounded_down(value)


def _limit(value: float | None) -> str:
    return "any" if value is None else rounded_down(value)


def _share(value: float | None) -> str:
    return "no rows" if value is None else f"{100 * value:.1f} %"


def _setting(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
