"""What a fault is: a file of the package, what it says, what it would say, and who must object."""

from typing import NamedTuple

__all__ = ["Fault"]


class Fault(NamedTuple):
    """One change of a line, and the tests of which one must fail."""

    file: str  # in sksmooth/
    old: str  # occurs once
    new: str
    tests: str  # in tests/, separated by spaces
