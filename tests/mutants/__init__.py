"""Deliberate faults, one at a time: does a test fail? ``python -m tests.mutants``."""
