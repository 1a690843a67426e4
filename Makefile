# What developers and CI run. PYTHON=... chooses the interpreter.
PYTHON ?= python

.PHONY: test lint format reference bench

test:
	$(PYTHON) -m pytest

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) docs/update_readme.py --check

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

reference:
	$(PYTHON) docs/update_readme.py

bench:
	for script in start_up decode train_step prepare encode; do \
		$(PYTHON) benchmarks/$$script.py || exit 1; done
