"""Every table and figure of Cohen, Rosenfeld and Kolter (2019), arXiv:1902.02918, made anew.

``python -m reproduction.paper --list`` says what there is. Nothing is imported here: the
environment is set before numpy is loaded.
"""
