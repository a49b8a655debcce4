# What a developer runs; the same commands run in CI.
# A fresh machine needs python3 and make: the first command makes .venv and fills it.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/installed.stamp
CHECKED := src tests scripts examples docs README.md CHANGELOG.md CONTRIBUTING.md SECURITY.md

# Neither pip nor pyright shall ask whether it is the newest.
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help all parts demo test test-fast unit format format-check lint types layers spelling docs docs-check bench reliability soak clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(STAMP) ## run a real service, watch its traces, logs and metrics arrive
	@$(BIN)/python -m examples.demo

test: format-check lint types layers spelling docs-check unit ## everything that CI checks

all: test ## the same as test

test-fast: $(STAMP) ## the tests alone, without coverage, first failure stops
	@$(BIN)/python -m pytest -q -x

format: $(STAMP) ## rewrite the code in our format
	@$(BIN)/ruff check -q --fix-only .
	@$(BIN)/ruff format .

format-check: $(STAMP)
	@echo "== format"
	@$(BIN)/ruff format --check --quiet . || { echo "run: make format"; exit 1; }

lint: $(STAMP) ## ruff
	@echo "== lint"
	@$(BIN)/ruff check --quiet .

types: $(STAMP) ## mypy over the code, pyright over the public surface
	@echo "== types"
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/python scripts/verify_types.py

layers: $(STAMP) ## import-linter: which room may import which
	@echo "== layers"
	@report=$$($(BIN)/lint-imports --no-logo --no-cache) || { echo "$$report"; exit 1; }

spelling: $(STAMP)
	@echo "== spelling and docstrings"
	@$(BIN)/codespell $(CHECKED)
	@$(BIN)/interrogate --quiet tests

docs-check: $(STAMP)
	@echo "== generated documentation"
	@$(BIN)/python scripts/generate_config_docs.py --check

docs: $(STAMP) ## write the generated documentation anew
	@$(BIN)/python scripts/generate_config_docs.py

parts: ## install the programs of others that tests talk to, where that is possible
	@scripts/install_parts.sh

unit: $(STAMP) parts
	@echo "== tests"
	@$(BIN)/coverage erase
	@status=0; \
	$(BIN)/coverage run -m pytest -q --skipped-to build/skipped.txt || status=$$?; \
	$(BIN)/coverage combine --quiet && $(BIN)/coverage report || status=1; \
	cat build/skipped.txt; \
	exit $$status

bench: $(STAMP) ## measure against other libraries, write docs/benchmarks.md
	@$(BIN)/python -m benchmarks

reliability: $(STAMP) ## measure all faults, ours and the SDK, write docs/reliability.md (half an hour)
	@$(BIN)/python -m tests.faults

soak: $(STAMP) ## ten minutes of load and faults; SECONDS=60 for less
	@$(BIN)/python -m tests.faults.soak --seconds $(or $(SECONDS),600)

clean: ## remove what the commands above made
	rm -rf $(VENV) build dist .coverage* .mypy_cache .pytest_cache .ruff_cache .hypothesis

# Installs again only when pyproject.toml changed. --group needs a newer pip than Python 3.10 has.
$(STAMP): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
		{ echo "$(PYTHON) cannot make a virtual environment; Debian: install python3-venv"; exit 1; }
	@echo "installing into $(VENV) (once; again when pyproject.toml changes)"
	@$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'
	@$(BIN)/python -m pip install -qq --editable . --group dev
	@touch $(STAMP)
