"""How the package hangs together, in figures: ``python -m benchmarks.architecture --tree PATH``.

Each tree, a checkout of the repository, is read by ``ast``; then one row is certified by sampling
in a process of its own, with the tree's package, and the functions that are entered are counted.
Figures are comparable between runs of one Python: from 3.12 on, comprehensions are no functions.
"""

import argparse
import ast
import io
import json
import os
import pathlib
import subprocess
import sys
import tokenize
from collections.abc import Iterator
from types import CodeType, FrameType
from typing import Any

_HERE = pathlib.Path(__file__).parents[1]
# what is counted, and how the page calls it
FIGURES = {
    "files": "files",
    "lines": "lines",
    "code": "lines without docstrings, comments and blank ones",
    "parts": "parts: modules and folders at the top level",
    "arrows": "import arrows between parts",
    "all_arrows": "the same, and one for each folder whose files import each other",
    "read_in_parts": "attributes of a fitted estimator read outside the estimators' files",
    "private_in_parts": "of these, private",
    "read_in_modules": "attributes of a fitted estimator read outside the module of its class",
    "private_in_modules": "of these, private",
    "entered_files": "files entered for one row, certified by sampling",
    "entered_functions": "functions entered for it, with lambdas and comprehensions",
    "depth": "deepest stack of the package's functions meanwhile",
    "frames": "frames from `certify` to the base's first counted batch, with both ends",
}
# the estimators' files before they had a folder of their own
_ESTIMATORS = {"answers", "assembly", "classifier", "meta", "nested", "training", "validation"}
_ESTIMATORS |= {"class_codes", "inner_validation", "estimators"}
_CHAIN = "chain"  # names of the frames; no figure
_N0 = 97  # draws that no other batch than the first that is counted has


def main() -> None:
    """Print a table: a line for each figure, a column for each tree."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.architecture", description=__doc__.partition("\n")[0]
    )
    parser.add_argument(
        "--tree",
        type=pathlib.Path,
        action="append",
        metavar="PATH",
        help="root of a checkout; may be repeated; the default is this one",
    )
    parser.add_argument("--row", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        print(json.dumps(_entered_for_a_row()))
        return
    trees = [path.resolve() for path in args.tree or [_HERE]]
    columns = [measure(tree) for tree in trees]
    head = ["", *(_commit(tree) for tree in trees)]
    print("|", " | ".join(head), "|")
    print("|---" + "|---:" * len(trees) + "|")
    for key, text in FIGURES.items():
        print("|", " | ".join([text, *(f"{column[key]:,}" for column in columns)]), "|")
    for tree, column in zip(trees, columns, strict=True):
        print(f"\nFrames in {_commit(tree)}: {' > '.join(column[_CHAIN])}")


def measure(tree: pathlib.Path) -> dict[str, Any]:
    """Return all figures of a tree, by the keys of `FIGURES`, and the chain of frames."""
    root = tree / "sksmooth"
    sources = {path.relative_to(root): path.read_text() for path in sorted(root.rglob("*.py"))}
    parts = {_part_of(path) for path in sources}
    arrows = {
        (_part_of(path), imported)
        for path, source in sources.items()
        for imported in _imports(path, source)
        if imported in parts
    }
    in_parts, in_modules = set(), set()
    for path, source in sources.items():
        read = set(_read_of_estimators(source))
        if path.stem != "classifier":
            in_modules |= read
        if _part_of(path) not in _ESTIMATORS:
            in_parts |= read
    return {
        "files": len(sources),
        "lines": sum(len(source.splitlines()) for source in sources.values()),
        "code": sum(len(_code_lines(source)) for source in sources.values()),
        "parts": len(parts),
        "arrows": sum(importing != imported for importing, imported in arrows),
        "all_arrows": len(arrows),
        "read_in_parts": len(in_parts),
        "private_in_parts": sum(name.startswith("_") for name in in_parts),
        "read_in_modules": len(in_modules),
        "private_in_modules": sum(name.startswith("_") for name in in_modules),
        **_run_a_row(tree),
    }


def _commit(tree: pathlib.Path) -> str:
    command = ["git", "-C", str(tree), "log", "-1", "--format=%h"]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def _part_of(path: pathlib.Path) -> str:
    return path.parts[0].removesuffix(".py")


def _imports(path: pathlib.Path, source: str) -> Iterator[str]:
    """Yield the top-level parts that a file imports, wherever in the file it does so."""
    package = ("sksmooth", *path.parts[:-1])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else ()
            module = (*base, *(node.module or "").split(".")) if node.module else base
            names = [(*module, alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [tuple(alias.name.split(".")) for alias in node.names]
        else:
            continue
        yield from (name[1] for name in names if name[0] == "sksmooth" and len(name) > 1)


def _read_of_estimators(source: str) -> Iterator[str]:
    """Yield the attributes that are read of anything called clf, the name of fitted estimators."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            owner = node.value
            if (isinstance(owner, ast.Name) and owner.id == "clf") or (
                isinstance(owner, ast.Attribute) and owner.attr == "clf"
            ):
                yield node.attr


def _code_lines(source: str) -> set[int]:
    """Return the numbers of the lines that are neither docstring nor comment nor blank."""
    lines: set[int] = set()
    empty = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in empty | {tokenize.ENDMARKER}:
            lines |= set(range(token.start[0], token.end[0] + 1))
    documented = ast.Module | ast.ClassDef | ast.FunctionDef
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node):
            lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
    return lines


def _run_a_row(tree: pathlib.Path) -> dict[str, Any]:
    command = [sys.executable, "-P", __file__, "--row"]
    environment = {**os.environ, "PYTHONPATH": str(tree)}
    out = subprocess.run(
        command, cwd=tree, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Any] = json.loads(out.stdout)
    assert figures.pop("package") == str(tree / "sksmooth")
    return figures


def _entered_for_a_row() -> dict[str, Any]:
    """Certify a row with the package that is found, and return what was entered meanwhile."""
    from sklearn import datasets
    from sklearn.neighbors import KNeighborsClassifier

    import sksmooth

    root = str(pathlib.Path(sksmooth.__file__).parent)
    asked = KNeighborsClassifier.predict.__code__
    X, y = datasets.load_iris(return_X_y=True)
    clf = sksmooth.SmoothedClassifier(KNeighborsClassifier(), sigma=0.5, random_state=0).fit(X, y)
    clf.certify(X[:1], n=1000, n0=_N0)  # loads what is loaded at first use
    entered: set[CodeType] = set()
    deepest = 0
    chain: list[str] = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        nonlocal deepest, chain
        code = frame.f_code
        if event != "call":
            return
        if code.co_filename.startswith(root):
            entered.add(code)
            deepest = max(deepest, len(_stack(frame, root)))
        elif code is asked and not chain and len(frame.f_locals["X"]) == _N0:
            chain = [code.co_qualname for code in reversed(_stack(frame, root))]

    sys.setprofile(note)
    clf.certify(X[:1], n=1000, n0=_N0)
    sys.setprofile(None)
    return {
        "package": root,
        "entered_files": len({code.co_filename for code in entered}),
        "entered_functions": len(entered),
        "depth": deepest,
        "frames": len(chain),
        _CHAIN: chain,
    }


def _stack(frame: FrameType | None, root: str) -> list[CodeType]:
    """Return the code of the package's frames from a frame outwards."""
    found = []
    while frame is not None:
        if frame.f_code.co_filename.startswith(root):
            found.append(frame.f_code)
        frame = frame.f_back
    return found


if __name__ == "__main__":
    main()
