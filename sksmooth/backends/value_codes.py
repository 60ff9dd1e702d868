"""Numbers that stand for the values of a column, whatever dtype they are kept in."""

import datetime
import decimal
import hashlib
import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["codes_of"]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
# what else may be in a column: types whose str says all
_PLAIN = ("pandas.", "uuid.", "fractions.", "ipaddress.")


def codes_of(values: list[Any], name: Any) -> NDArray[np.float64]:
    """Return the numbers that stand for some values.

    Parameters
    ----------
    values : list
        None is missing.
    name : object
        The column's, for messages.

    Returns
    -------
    codes : ndarray of shape (n_values,)
        Numbers and truth values themselves, to the nearest float64; whole numbers from 0, below
        2**53, for everything else.

    Raises
    ------
    ValueError
        If values are of a type that has no lasting name.
    """
    if {*map(type, values)} <= {bool, int, float}:
        return np.array(values, dtype=np.float64) + 0.0
    return np.array([_code(value, name) for value in values], dtype=np.float64)


def _code(value: Any, name: Any) -> float:
    """Return the number that stands for a value, whatever dtype it is kept in."""
    if isinstance(value, bool | numbers.Real | np.bool_ | decimal.Decimal):
        return float(value) + 0.0
    if isinstance(value, str):
        return _hash("s", value)
    if isinstance(value, bytes):
        return _hash("b", value.hex())
    if isinstance(value, np.datetime64 | np.timedelta64):
        kind = "t" if isinstance(value, np.datetime64) else "d"
        unit, count = np.datetime_data(value.dtype)
        step = _NANOSECONDS.get(unit)
        if step is not None:
            return _hash(kind, str(int(value.astype(np.int64)) * count * step))
    if isinstance(value, datetime.datetime):  # those of pandas too
        zoned = value if value.tzinfo is not None else value.replace(tzinfo=datetime.UTC)
        rest = getattr(value, "nanosecond", 0)
        return _hash("t", str((zoned - _EPOCH) // _MICROSECOND * 1000 + rest))
    if isinstance(value, datetime.date):
        days = value.toordinal() - _EPOCH.toordinal()
        return _hash("t", str(days * _NANOSECONDS["D"]))
    if isinstance(value, datetime.timedelta):
        rest = getattr(value, "nanoseconds", 0)
        return _hash("d", str(value // _MICROSECOND * 1000 + rest))
    if isinstance(value, datetime.time):
        return _hash("o", value.isoformat())
    family = type(value)
    if f"{family.__module__}.".startswith(_PLAIN):
        return _hash("x", f"{family.__name__} {value}")
    raise TypeError(  # in words that scikit-learn's checks look for
        f"Column {name!r} holds values of type {family.__name__}, such as {value!r}, which cannot "
        "be compared across calls. An argument must be of text (a string), numbers, categories or "
        "dates: convert the column."
    )


_MICROSECOND = datetime.timedelta(microseconds=1)
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "D": 86400 * 10**9,
}


def _hash(kind: str, text: str) -> float:
    """Return a whole number below 2**53 for a text."""
    content = kind.encode() + text.encode("utf-8", "surrogatepass")
    digest = hashlib.blake2b(content, digest_size=8, person=b"sksmooth").digest()
    return float(int.from_bytes(digest, "little") >> 11)
