"""A report on certificates to hand over: one HTML page without references, and JSON."""

from .report import SCHEMA, CertificationReport

__all__ = ["SCHEMA", "CertificationReport"]
