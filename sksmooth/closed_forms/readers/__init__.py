"""Readers: from fitted ensembles of trees, as each library evaluates them, to arrays.

To add a library, write a file with a reader, a function that returns the `Parts` of a model, and
name its models in `READERS`.
"""

from .categories import category_steps
from .ensemble import Box, Parts, Tree, TreeEnsemble
from .registry import READERS, is_read, libraries_read, parts_of, read, read_once

__all__ = [
    "READERS",
    "Box",
    "Parts",
    "Tree",
    "TreeEnsemble",
    "category_steps",
    "is_read",
    "libraries_read",
    "parts_of",
    "read",
    "read_once",
]
