"""The table of faults.

Each is one that somebody might make, and that would make certificates false, or a row's result
depend on something that it must not depend on. To add one, add an entry to one of the lists.
"""

from .draws import DRAWS
from .numbers import NUMBERS
from .others import OTHERS
from .readers import READERS
from .statements import STATEMENTS
from .statistics import STATISTICS

__all__ = ["FAULTS"]

FAULTS = [*STATISTICS, *DRAWS, *STATEMENTS, *NUMBERS, *READERS, *OTHERS]
