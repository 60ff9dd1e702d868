"""How many draws the library saves, and what its bounds are worth: simulations and recomputations.

``python -m reproduction.statistics`` runs all of it. Nothing is imported here: the environment is
set before numpy is loaded.
"""
