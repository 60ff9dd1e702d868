"""The closed forms, one kind of model a file."""

from .additive import Additive
from .boxes import Boxes
from .grid import Grid, SmallGrid
from .linear import Linear
from .quadratic import Quadratic

__all__ = ["Additive", "Boxes", "Grid", "Linear", "Quadratic", "SmallGrid"]
