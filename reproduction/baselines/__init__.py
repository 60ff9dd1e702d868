"""Deterministic certificates beside randomized smoothing, on one small net: Figures 7 and 13.

Two of the libraries do not go into an extra: auto-LiRPA 0.3, the newest on PyPI, asks for
torch < 1.13 and still runs on today's with `lirpa.load`; see there.
"""
