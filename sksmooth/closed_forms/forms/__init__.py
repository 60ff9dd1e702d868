"""The closed forms, one kind of model a file."""

from .additive import Additive
from .boxes import Boxes
from .grid import Grid, SmallGrid
from .linear import Linear
from .quadratic import Quadratic
from .soft import SoftTrees

__all__ = ["Additive", "Boxes", "Grid", "Linear", "Quadratic", "SmallGrid", "SoftTrees"]
