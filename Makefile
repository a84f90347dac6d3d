# What a contributor runs; CI runs .ci/run. In the active environment, with requirements-dev.txt installed.
PYTHON ?= python

# What needs no training, no app, no browser and no large network, and so takes under a minute on two cores.
FAST := tests/test_text.py tests/test_layers.py tests/test_readme.py tests/test_packaging.py tests/test_formats.py \
	tests/runs tests/ui/html/test_chart.py tests/ui/html/test_curves.py tests/ui/html/test_pinned_card.py tests/data/test_batches.py tests/data/test_known.py tests/training/test_ema.py \
	tests/training/test_optimizer.py tests/workers/test_signals.py tests/workers/test_meter.py \
	tests/cli/test_runs.py tests/cli/test_progress_line.py

.PHONY: help fmt check test test-fast bench shots

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

fmt:  ## format, and fix what the linter can
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

check:  ## what must hold before a commit
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy

test:  ## all tests but the long ones
	$(PYTHON) -m pytest

test-fast:  ## the tests that take under a minute
	$(PYTHON) -m pytest $(FAST)

bench:  ## how fast a step of training is; DATA names a folder of CIFAR-10's images
	$(PYTHON) -m benchmarks.throughput $(DATA)

shots:  ## the screenshots of the docs, by Chromium; trains the tour first
	$(PYTHON) -m benchmarks.screenshots
