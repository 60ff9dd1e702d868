"""How fast `certify` draws, as a fraction of what the base alone could do, beside its peers.

``python -m benchmarks.speed`` measures speed, ``python -m benchmarks.speed.memory`` memory. Nothing
is imported here: both set the environment before numpy and torch are loaded.
"""
