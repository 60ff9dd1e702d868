"""The version, in one place: the build reads it, logs record it."""

__all__ = ["__version__"]

__version__ = "0.2.0"
