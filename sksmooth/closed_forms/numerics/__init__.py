"""Probabilities that closed forms are made of, with bounds that hold: tails, sums, quadratics."""

__all__: list[str] = []
