# Everything that a fresh machine needs: `make run` to look at it, `make test` to trust it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
CODE := main.py models backoffice admin_views migrations tests

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: $(VENV)/.run ## Start the database and the application with demo data, on http://127.0.0.1:8000/admin
	@exec $(BIN)/python main.py run

# Each has a database server of its own; with BACKOFFICE_TEST_DATABASE_URL they would share one: say 0 then.
WORKERS ?= 2

.PHONY: test
test: install browser lint ## Install what is needed, then lint and run every test, in WORKERS (2) processes
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist loadfile

.PHONY: lint
lint: install ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

.PHONY: format
format: install ## Rewrite the sources in the house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

.PHONY: install
install: $(VENV)/.dev ## Install the application and its development tools into .venv

.PHONY: browser
browser: install ## Make sure that a Chromium exists for the browser tests
	@.ci/chromium $(BIN)/playwright

.PHONY: lock
lock: ## Resolve the dependencies anew and pin them in constraints.txt
	@folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(PYTHON) -m venv "$$folder"; \
	"$$folder/bin/python" -m pip install --quiet --upgrade pip; \
	"$$folder/bin/python" -m pip install --quiet -e '.[dev]'; \
	"$$folder/bin/python" -m pip list --format freeze --exclude backoffice --exclude pip --exclude setuptools \
		| LC_ALL=C sort -f > constraints.txt
	@wc -l constraints.txt

TICKETS ?= 100000

.PHONY: benchmark
benchmark: $(VENV)/.dev ## Measure the desk on TICKETS (100000) tickets, beside bare SQL
	$(BIN)/python -m benchmarks --tickets $(TICKETS)

.PHONY: benchmark-peers
benchmark-peers: $(VENV)/.dev ## Measure TICKETS (100000) beside other admins, and write docs/performance.md
	$(BIN)/python -m benchmarks.peers --tickets $(TICKETS)

SMALL ?= 50000
LARGE ?= 5000000

.PHONY: benchmark-scale
benchmark-scale: $(VENV)/.dev ## Measure SMALL (50000) and LARGE (5000000) tickets in turns, for docs/performance.md
	$(BIN)/python -m benchmarks.scale --small $(SMALL) --large $(LARGE)

.PHONY: clean
clean: ## Remove what was built; keeps var/, where the data is
	rm -rf $(VENV) build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@.ci/venv $(PYTHON) $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt -e .
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet -c constraints.txt -e '.[dev]'
	@touch $@ $(VENV)/.run
