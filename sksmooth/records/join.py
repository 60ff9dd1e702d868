"""Joining the logs of parts of a data set."""

import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from .read import read_log
from .record import Record

__all__ = ["join_logs"]

# of a log's settings, what says something of its rows, which have it, too
_OF_ROWS = ("probes", "interval")


def join_logs(paths: Iterable[str | os.PathLike[str] | Record]) -> Record:
    """Join the logs of shards: the same classifier, each log with other rows.

    Rows are identified by their numbers, the column ``idx`` of a log. `certify` writes the numbers
    of a ``torch.utils.data.Subset``, or of a data frame with whole numbers as index; `write_log`
    those of such a frame, or those that you pass. Rows of an array are numbered from 0 in every
    log; give such records their numbers with ``dataclasses.replace(record, index=...)``, and pass
    the records in place of paths.

    Parameters
    ----------
    paths : iterable of str, path-like or Record
        The logs, complete, or records from `read_log`.

    Returns
    -------
    record : Record
        All rows, in the order of their numbers. `write_log` takes it as it is.

    Raises
    ------
    ValueError
        If a row is there twice; if the logs differ in the model, the noise, the seed, an argument
        of `certify` or a version; or if only some have true labels. Logs of `certify` note the
        model. Those of `write_log` do not, and other models have the same seed if they were fitted
        with the same int `random_state`: name the model in `settings`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.neighbors import NearestCentroid
    >>> from sksmooth import SmoothedClassifier
    >>> from sksmooth.records import join_logs
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> clf = SmoothedClassifier(NearestCentroid(), sigma=0.5, random_state=0).fit(X, y)
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for shard in (0, 1):  # on two machines
    ...     part = slice(shard, None, 2)
    ...     _ = clf.certify(X[part], n=500, log=folder / f"{shard}.tsv", y=y[part])
    >>> record = join_logs([folder / "0.tsv", folder / "1.tsv"])
    >>> record.index[:5], bool((record.y_true == y).all())
    (array([0, 1, 2, 3, 4]), True)
    """
    if isinstance(paths, str | os.PathLike | Record):
        raise ValueError(f"join_logs needs a sequence of logs; got {paths!r}.")
    paths = list(paths)
    if not paths:
        raise ValueError("join_logs needs a sequence of logs; got none.")
    names = [f"Record {i}" if isinstance(p, Record) else os.fspath(p) for i, p in enumerate(paths)]
    records = [p if isinstance(p, Record) else read_log(p) for p in paths]
    first = records[0]
    owner: dict[int, str] = {}
    for name, record in zip(names, records, strict=True):
        if record.certificate is None:
            raise ValueError(f"{name} has predictions, not certificates.")
        if type(record.certificate) is not type(first.certificate):
            raise ValueError(
                f"{names[0]} has a {type(first.certificate).__name__}, and {name} a "
                f"{type(record.certificate).__name__}."
            )
        if (record.y_true is None) != (first.y_true is None):
            raise ValueError(f"Of {names[0]} and {name}, only one has true labels.")
        for key in sorted(first.settings.keys() | record.settings.keys()):
            ours, theirs = first.settings.get(key), record.settings.get(key)
            if key not in _OF_ROWS and ours != theirs:
                raise ValueError(
                    f"{names[0]} and {name} are of different runs: {key} is {_shown(ours)} and "
                    f"{_shown(theirs)}."
                )
        for row in record.index.tolist():
            if row in owner:
                raise ValueError(
                    f"Row {row} is in {owner[row]} and in {name}. Logs of arrays number their rows "
                    "from 0: see join_logs for how to give them other numbers."
                )
            owner[row] = name
    whole = type(first.certificate).concatenate([record.certificate for record in records])
    index = np.concatenate([record.index for record in records])
    joined = Record(
        _joined([record.y_true for record in records]),
        _joined([record.y_pred for record in records]),
        whole,
        index,
        _joined([record.seconds for record in records]),
        {key: value for key, value in first.settings.items() if key not in _OF_ROWS},
    )
    return joined[np.argsort(index)]


def _joined(parts: list[Any]) -> Any:
    return None if any(part is None for part in parts) else np.concatenate(parts)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
