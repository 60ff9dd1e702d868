"""Published experiments made again: from the root, ``python -m reproduction.<name>``."""
