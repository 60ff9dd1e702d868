# Each target installs what it needs into .venv. CI runs the same targets (.ci/run).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
# Two workers of one thread each: threads that wait for each other spin.
PYTEST = -m pytest -n 2
ONE_THREAD = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1

.PHONY: help demo demo-torch test test-fast test-minimum test-pandas test-interpreter test-wheel test-site coverage lint docs \
	bench bench-gpu paper statistics nets baselines mutants fidelity clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

demo: $(VENV)/.plot  ## certify scikit-learn's digits, print the table, draw the curves
	$(BIN)/python -m benchmarks.demo

demo-torch: $(VENV)/.plot $(VENV)/.torch  ## the same with a small CNN through skorch
	$(BIN)/python -m benchmarks.demo --torch

test: $(VENV)/.test $(VENV)/.torch  ## the whole suite, doctests and the code of the guide included
	$(BIN)/python -c 'import sksmooth'  # pytest skips modules that it cannot import
	$(ONE_THREAD) $(BIN)/python $(PYTEST) tests sksmooth docs

test-fast: $(VENV)/.test $(VENV)/.torch  ## the tests that are not in tests/slow.txt: a minute
	$(ONE_THREAD) $(BIN)/python $(PYTEST) -m "not slow"

test-minimum: $(VENV)-minimum/.installed  ## the oldest supported versions, without torch and matplotlib
	$(ONE_THREAD) $(VENV)-minimum/bin/python $(PYTEST) tests

test-wheel: $(VENV)/.release  ## build wheel and sdist; the suite against the wheel, in an empty environment
	rm -rf dist $(VENV)-wheel
	$(BIN)/python -m build --quiet --outdir dist .
	$(BIN)/python -m twine check --strict dist/*
	$(PYTHON) -m venv $(VENV)-wheel
	$(VENV)-wheel/bin/python -m pip install --quiet dist/*.whl pytest pytest-xdist hypothesis mpmath
	mkdir -p $(VENV)-wheel/away && cp -r tests benchmarks reproduction docs *.md changelog.d \
		.ci Makefile pyproject.toml $(VENV)-wheel/away
	cd $(VENV)-wheel/away && $(ONE_THREAD) ../bin/python $(PYTEST) tests
	$(VENV)-wheel/bin/python -m pip install --quiet --force-reinstall --no-deps dist/*.tar.gz
	cd $(VENV)-wheel && bin/python -c 'import sksmooth; print(sksmooth.__version__, sksmooth.__file__)'

coverage: $(VENV)/.test $(VENV)/.torch  ## the whole suite; fails under 97 % of statements and branches
	$(ONE_THREAD) $(BIN)/python $(PYTEST) --cov --cov-report=term:skip-covered tests sksmooth docs

test-pandas: $(VENV)-minimum/.installed $(VENV)-pandas/.installed  ## data frames, with the oldest supported pandas
	$(ONE_THREAD) PYTHONPATH=$(VENV)-pandas $(VENV)-minimum/bin/python $(PYTEST) -k 'not polars' \
		tests/estimators/test_frames.py tests/estimators/test_units.py tests/estimators/test_per_feature.py \
		tests/estimators/test_coded_columns.py tests/certificate/test_for_people.py tests/closed_forms/test_pipelines.py

test-interpreter: $(VENV)/.test $(VENV)/.torch $(VENV)-interpreter/.installed  ## kernels for GPUs, in Triton's interpreter
	$(ONE_THREAD) PYTHONPATH=$(VENV)-interpreter $(BIN)/python -m pytest -m interpreter tests/backends/test_cuda_noise.py

lint: $(VENV)/.lint  ## style, spelling and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell sksmooth tests benchmarks reproduction docs changelog.d *.md
	$(BIN)/mypy

docs: $(VENV)/.docs $(VENV)/.torch  ## HTML in docs/_build/html; a warning is an error
	$(ONE_THREAD) $(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

test-site: $(VENV)/.site  ## the HTML of make docs in Chromium, if that is installed
	SKSMOOTH_SITE=docs/_build/html $(BIN)/python -m pytest tests/docs/test_site.py

bench: $(VENV)/.bench $(VENV)/.torch  ## speed and memory, side by side with others; exact forms
	$(BIN)/python -m benchmarks.speed
	$(BIN)/python -m benchmarks.speed.noise
	$(BIN)/python -m benchmarks.speed.memory
	$(BIN)/python -m benchmarks.speed.overhead
	$(BIN)/python -m benchmarks.speed.forms
	$(BIN)/python -m benchmarks.speed.boosters
	$(BIN)/python -m benchmarks.readers
	$(BIN)/python -m benchmarks.memory
	$(BIN)/python -m benchmarks.exact

statistics: $(VENV)/.bench  ## draws, bounds and tolerances, on the logs of the paper's authors
	$(BIN)/python -m reproduction.statistics

nets: $(VENV)/.bench $(VENV)/.torch  ## training objectives on small data
	$(BIN)/python -m reproduction.nets small

baselines: $(VENV)/.bench $(VENV)/.torch  ## deterministic certificates beside smoothing, on one net
	$(BIN)/python -m pip install --quiet --no-deps auto-LiRPA==0.3 appdirs  # it asks for an old torch
	$(BIN)/python -m reproduction.baselines

paper: $(VENV)/.plot $(VENV)/.torch  ## tables and figures of the paper; SKSMOOTH_DATA names the data
	$(BIN)/python -m reproduction.paper

mutants: $(VENV)/.test $(VENV)/.torch  ## put in one fault at a time: do the tests notice?
	$(ONE_THREAD) $(BIN)/python -m tests.mutants

fidelity: $(VENV)/.test $(VENV)/.torch  ## is the certified model the one that answers? 186 models x 18 states x 3 workers
	$(BIN)/python -m benchmarks.fidelity
	$(ONE_THREAD) SKSMOOTH_FIDELITY=all $(BIN)/python $(PYTEST) tests/contracts/test_limit.py

# installs nothing: it runs where there is no network, with a Python that has the extra "torch"
bench-gpu:  ## ResNet-110 and ResNet-50 at n = 100,000; needs a CUDA device
	$(if $(wildcard $(BIN)/python),$(BIN)/python,$(PYTHON)) -m benchmarks.gpu

clean:
	rm -rf $(VENV) $(VENV)-minimum $(VENV)-pandas $(VENV)-interpreter $(VENV)-wheel dist demo_output \
		docs/_build docs/_figures docs/auto_examples docs/results docs/api/generated \
		docs/api/backreferences

$(VENV)/.python:
	$(PYTHON) -m venv $(VENV)
	touch $@

# A stamp file per extra: reinstalled when pyproject.toml changes.
$(VENV)/.plot $(VENV)/.torch $(VENV)/.test $(VENV)/.docs $(VENV)/.site $(VENV)/.lint \
		$(VENV)/.bench $(VENV)/.release: $(VENV)/.%: pyproject.toml | $(VENV)/.python
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	touch $@

$(VENV)-minimum/.installed: pyproject.toml .ci/minimum.txt
	$(PYTHON) -m venv $(VENV)-minimum
	$(VENV)-minimum/bin/python -m pip install --quiet --requirement .ci/minimum.txt
	$(VENV)-minimum/bin/python -m pip install --quiet --no-deps --editable .
	touch $@

# pandas and what it needs beside numpy
$(VENV)-pandas/.installed: .ci/pandas.txt | $(VENV)-minimum/.installed
	$(VENV)-minimum/bin/python -m pip install --quiet --no-deps --upgrade --target $(VENV)-pandas --requirement .ci/pandas.txt
	touch $@

# Triton 3.9 in front of the one that torch asks for, which cannot interpret with current numpy
$(VENV)-interpreter/.installed: pyproject.toml | $(VENV)/.torch
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)-interpreter 'triton>=3.9'
	touch $@
