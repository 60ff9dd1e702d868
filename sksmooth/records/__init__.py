"""Certification logs: our own, and those that the authors of the paper have published."""

from .join import join_logs
from .read import read_log
from .record import Record
from .write import write_log

__all__ = ["Record", "join_logs", "read_log", "write_log"]
