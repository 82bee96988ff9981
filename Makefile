# Every target says what it does: `make help`. CI (.ci/run) calls the same targets a person does.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
LOCKS := scripts/locks
RUN := $(VENV)/.installed-run
TEST := $(VENV)/.installed-test
DOCS := $(VENV)/.installed-docs
DEV := $(VENV)/.installed-dev
ARGS ?=
AT_ONCE ?= 3
QUICK ?= 1
CLUSTERS ?= 1

ifndef TOGETHER # of the targets that are known to get along: the others share one environment, and tests the cores
.NOTPARALLEL:
endif

.PHONY: help
help: ## show what there is
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One environment that grows by purpose: NAME is there once what scripts/locks/NAME.txt has is installed.
$(RUN): pyproject.toml $(LOCKS)/build.txt
$(TEST): $(RUN)
$(DEV): $(TEST)
$(VENV)/.installed-%: $(LOCKS)/%.txt scripts/set_up.py
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) is missing: install Python 3.11 or later" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Python 3.11 or later is needed; say make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) scripts/set_up.py $(VENV) $*
	@touch $@

.PHONY: setup
setup: $(DEV) $(DOCS) ## all that a developer needs, in .venv; the other targets set up what they need themselves

.PHONY: command
command: $(RUN) ## the command ingress-canary alone, in .venv/bin

.PHONY: demo
demo: $(RUN) ## a full rollout on the embedded cluster (ARGS="--scenario errors" for another ending)
	@$(BIN)/ingress-canary demo --until-done $(ARGS)

.PHONY: test
test: $(TEST) ## the quick tests, under three minutes
	@$(BIN)/python -m pytest -m "not slow" -n 3 $(ARGS)

.PHONY: test-clusters
test-clusters: $(DEV) ## the slow tests that start programs and whole clusters: three at a time (AT_ONCE=2 for less), because they wait
	@$(BIN)/python -m pytest -m slow -n $(AT_ONCE) --maxschedchunk=1 --durations=15 --ignore=tests/domain --ignore=tests/whatif $(ARGS)

.PHONY: test-simulations
test-simulations: $(DEV) ## the slow tests that simulate, one at a time, because each takes every core that nobody else needs
	@nice $(BIN)/python -m pytest -m slow --durations=10 tests/domain tests/whatif $(ARGS)

.PHONY: test-slow
test-slow: $(DEV) ## the slow tests: simulations take what clusters leave of the cores
	@$(MAKE) --no-print-directory --jobs=2 TOGETHER=yes test-clusters test-simulations

.PHONY: test-all
test-all: test test-slow ## every test

.PHONY: test-under-load
test-under-load: $(DEV) ## the quick tests and the clusters while two processes keep both cores busy (QUICK=10 CLUSTERS=2)
	@$(BIN)/python scripts/test_under_load.py --quick=$(QUICK) --clusters=$(CLUSTERS)

.PHONY: real
real: $(TEST) ## test against Prometheus 3, VictoriaMetrics and Kubernetes' CRD server, built once (ARGS="--only prometheus")
	@nice $(BIN)/python scripts/real/run.py $(ARGS)

.PHONY: coverage
coverage: $(TEST) ## the quick tests, and the branches of domain/ that its own tests did not reach: at least 95 % are
	@$(BIN)/python -m pytest -m "not slow" -n 3 --cov --cov-report= $(ARGS)
	@$(BIN)/python -m coverage report --fail-under=95 --skip-covered --show-missing

.PHONY: format
format: $(DEV) ## put the code in form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: check
check: $(DEV) ## form, lint, types, layers, and whether generated files are fresh
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/generate.py --check
	@$(BIN)/hadolint Dockerfile
	@$(BIN)/zizmor --offline --quiet --no-progress --persona=pedantic .github/workflows
	@$(BIN)/ingress-canary lint config/samples/*.yaml

.PHONY: lock
lock: $(DEV) ## write scripts/locks anew from pyproject.toml (ARGS=--upgrade takes newer versions)
	@$(BIN)/python scripts/lock.py $(ARGS)

.PHONY: lock-check
lock-check: $(DEV) ## whether the locks are what pyproject.toml makes, and resolve for every Python; asks the package index
	@$(BIN)/python scripts/lock.py --check

.PHONY: generate
generate: $(TEST) ## write the generated files anew: CRDs, reference, chart and its golden renders
	@$(BIN)/python scripts/generate.py
	@$(BIN)/python -m tests.chart.golden

.PHONY: image-proof
image-proof: $(RUN) ## do what the Dockerfile does, run it as a pod would, and measure its start
	@$(BIN)/python scripts/prove_image.py

.PHONY: archive
archive: $(DEV) ## the program in dist/ as an archive that needs no Python; needs binutils
	@$(BIN)/python scripts/archive/build.py $(ARGS)

.PHONY: docs
docs: $(DOCS) ## the documentation as a site, in site/; any warning fails
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict  # not --quiet, which hides warnings from --strict
	@echo "site/index.html"

.PHONY: bench
bench: $(RUN) ## what a tick costs: a large metrics page, many rollouts
	@$(BIN)/python scripts/bench_scrape.py
	@$(BIN)/python scripts/bench_engine.py

.PHONY: bench-gates
bench-gates: $(RUN) ## what judging 1,000 rollouts costs at a tick, and a simulated rollout
	@$(BIN)/python scripts/bench_gates.py

.PHONY: bench-simulate
bench-simulate: $(TEST) ## what 2,000 simulated rollouts cost in CPU, beside another checkout (ARGS="--baseline TREE")
	@$(BIN)/python scripts/bench_simulate.py $(ARGS)

.PHONY: bench-cli
bench-cli: $(TEST) ## what commands cost in CPU, beside another checkout (ARGS="--baseline TREE")
	@$(BIN)/python scripts/bench_cli.py $(ARGS)

.PHONY: profiles
profiles: $(TEST) ## the figures of docs/reference/traffic-profiles.md, measured anew (ARGS="--only cold-start" for one of them)
	@nice $(BIN)/python scripts/measure_profiles.py $(ARGS)

.PHONY: judge
judge: $(TEST) ## how well a canary is judged: writes docs/reference/judgement.md (ARGS="--runs 2000" for half an hour)
	@$(BIN)/python -m tests.judgement $(ARGS) > .judgement.md && mv .judgement.md docs/reference/judgement.md

.PHONY: campaign
campaign: $(TEST) ## a thousand faults while two daemons drive rollouts, and what never came of it (ARGS="--faults 300 --seed 2")
	@nice $(BIN)/python -m tests.campaign $(ARGS)

.PHONY: ci
ci: check docs coverage test-slow ## what CI runs

.PHONY: clean
clean: ## remove what the targets made
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage dist build site
