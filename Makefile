# Every target says what it does: `make help`. CI (.ci/run) calls the same targets a person does.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
ARGS ?=

.PHONY: help
help: ## show what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing: install Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or later is needed; say make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "make: the venv module of $(PYTHON) is missing: apt-get install python3-venv" >&2; exit 1; }
	@# one that was left half-made is made anew; a directory that is something else is never emptied
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(if $(wildcard $(VENV)/pyvenv.cfg),--clear) $(VENV)
	@echo "setting up $(VENV): about a minute the first time"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(STAMP)

.PHONY: setup
setup: $(STAMP) ## make the virtual environment with all that is needed

.PHONY: demo
demo: $(STAMP) ## a full rollout on the embedded cluster (ARGS="--scenario errors" for another ending)
	@$(BIN)/ingress-canary demo --until-done $(ARGS)

.PHONY: test
test: $(STAMP) ## the quick tests, under three minutes
	@$(BIN)/python -m pytest -m "not slow" -n 3 $(ARGS)

.PHONY: test-slow
test-slow: $(STAMP) ## the slow tests: simulations alone, because each takes every core; whole clusters two at a time, because they wait
	@$(BIN)/python -m pytest -m slow --durations=10 tests/domain tests/whatif $(ARGS)
	@$(BIN)/python -m pytest -m slow -n 2 --durations=15 --ignore=tests/domain --ignore=tests/whatif $(ARGS)

.PHONY: test-all
test-all: test test-slow ## every test

.PHONY: coverage
coverage: $(STAMP) ## the quick tests, and the branches of domain/ that none of them reached: at least 95 % are
	@$(BIN)/python -m pytest -m "not slow" -n 3 --cov --cov-report= $(ARGS)
	@$(BIN)/python -m coverage report --include='ingress_canary/domain/*' --fail-under=95 --skip-covered --show-missing

.PHONY: format
format: $(STAMP) ## put the code in form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: check
check: $(STAMP) ## form, lint, types, layers, and whether generated files are fresh
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/generate.py --check
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/zizmor --offline --quiet --no-progress --persona=pedantic .github/workflows
	@$(BIN)/ingress-canary lint config/samples/*.yaml

.PHONY: generate
generate: $(STAMP) ## write the generated files anew: CRDs, reference, chart and its golden renders
	@$(BIN)/python scripts/generate.py
	@$(BIN)/python -m tests.chart.golden

.PHONY: image-proof
image-proof: $(STAMP) ## do what the Dockerfile does, run it as a pod would, and measure its start
	@$(BIN)/python scripts/prove_image.py

.PHONY: docs
docs: $(STAMP) ## the documentation as a site, in site/; any warning fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # not --quiet, which hides warnings from --strict
	@echo "site/index.html"

.PHONY: bench
bench: $(STAMP) ## what a tick costs: a large metrics page, many rollouts
	@$(BIN)/python scripts/bench_scrape.py
	@$(BIN)/python scripts/bench_engine.py

.PHONY: bench-gates
bench-gates: $(STAMP) ## what judging 1,000 rollouts costs at a tick, and a simulated rollout
	@$(BIN)/python scripts/bench_gates.py

.PHONY: bench-cli
bench-cli: $(STAMP) ## what commands cost in CPU, beside another checkout (ARGS="--baseline TREE")
	@$(BIN)/python scripts/bench_cli.py $(ARGS)

.PHONY: ci
ci: check docs coverage test-slow ## what CI runs

.PHONY: clean
clean: ## remove what the targets made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist build site
