"""What pytest runs here: all pages but the gallery, which runs when the documentation is built."""

import importlib.util
import os

collect_ignore_glob = ["conf.py", "_*/*", "examples/*", "auto_examples/*", "api/*"]
if importlib.util.find_spec("skorch") is None:
    collect_ignore_glob += ["guide/nets.rst", "guide/training_nets.rst", "tutorials/torch.rst"]
if importlib.util.find_spec("distributed") is None:
    collect_ignore_glob.append("guide/clusters.rst")
if "SKSMOOTH_DATA" not in os.environ or importlib.util.find_spec("pandas") is None:
    collect_ignore_glob.append("tutorials/credit_table.rst")
