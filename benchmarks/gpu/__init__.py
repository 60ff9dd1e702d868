"""Speed of certification on a GPU, beside the net's own: ``python -m benchmarks.gpu``.

``--dry-run`` runs everything on a processor, on small inputs.
"""
