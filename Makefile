# The commands of this repository; `make help` lists them.
#
# Each command creates the virtual environment .venv with the installed python3 and installs the packages that it needs.
# The command installs the packages again only after a change of pyproject.toml. PYTHON=… selects another interpreter,
# VENV=… another directory.

PYTHON ?= python3
VENV ?= .venv
ARGS ?=
# Number of processes that run tests: one more than the number of processors, because many tests mostly wait.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(min(8, 1 + (os.cpu_count() or 1)))')
export ARGO ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
FLOW := examples/digits/digits.py
YAML := build/digits.yaml
GO_TESTS := tests/targets/argo/test_validation.py tests/helm/test_chart.py tests/cron/test_cron_go.py tests/cron/test_cron_advice.py
CLUSTER := PYTHONPATH=tests $(BIN)/python -m cluster

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo generate reference test test-go test-slow test-reliability coverage compat lint docs bench image cluster-up cluster-down test-cluster clean

help: ## List these commands.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.demo ## Compile the digits flow for Argo, run it here on real data and show its result.
	$(BIN)/flowc compile --target argo $(FLOW) -o $(YAML)
	$(BIN)/flowc run --local $(FLOW)
	@echo
	@echo "The result is above; the same flow for a cluster is in $(YAML)."

generate: $(VENV)/.dev ## Generate the IR's reader, writer, limits and JSON Schema after a change of the IR's classes.
	PYTHONPATH=tests $(BIN)/python -m tools.ir_shape

# Each worker of pytest imports all test files; with PYTHONDONTWRITEBYTECODE, which many images set, pytest could not
# cache their bytecode.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.dev ## Run the tests; ARGS="-k name" are options of pytest.
	@PYTHONPATH=tests $(BIN)/python -m tools.ready
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

test-go: $(VENV)/.dev ## Compare recorded answers of Argo's validator, the API server's code and the cron library with new ones; ARGS=--update-golden records the new ones.
	PYTHONPATH=tests $(BIN)/python -m tools.gobuild
	FLOWC_TEST_GO=compare $(BIN)/python -m pytest -n 2 $(GO_TESTS) $(ARGS)

test-slow: $(VENV)/.dev ## Run the tests with real sizes (gigabytes, tens of thousands of tasks) and print their measurements.
	$(BIN)/python -m pytest --slow -m slow -s -p no:randomly tests/emulator/test_sizes.py $(ARGS)

test-reliability: $(VENV)/.dev ## Kill runs at 260 random moments, simulate 6 power failures, use one store from many processes, disturb requests; FLOWC_SEED=2 selects other moments.
	$(BIN)/python -m pytest --slow -n 2 tests/reliability $(ARGS)

coverage: $(VENV)/.dev ## Measure the lines that the tests run, in all processes; ARGS="tests/runtime" are options of pytest.
	rm -rf build/coverage && mkdir -p build/coverage
	-$(BIN)/coverage run -m pytest -n $(WORKERS) $(ARGS)
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --sort=cover

compat: $(VENV)/.dev ## Run flows and commands under flowc and Metaflow and compare them; ARGS=WORD runs only the cases that contain WORD.
	PYTHONPATH=tests $(BIN)/python -m compat $(ARGS)

lint: $(VENV)/.dev ## Check style and types: ruff, mypy --strict, pyright.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/mypy bench examples/digits
	MYPYPATH=tests $(BIN)/mypy -p tools.ir_shape
	$(BIN)/pyright --pythonpath $(BIN)/python

docs: export NO_MKDOCS_2_WARNING = 1
docs: $(VENV)/.dev ## Build the documentation's site into build/site; a broken link or anchor is an error.
	$(BIN)/mkdocs build --strict --config-file docs/site/mkdocs.yml --site-dir $(CURDIR)/build/site

reference: $(VENV)/.dev ## Write docs/reference from the tables of commands, decorators, settings and errors.
	$(BIN)/python docs/reference/generate.py

bench: $(VENV)/.dev ## Measure speed relative to the fastest possible on this machine; ARGS=--peers compares with other programs.
	$(BIN)/python -m bench $(ARGS)

image: $(VENV)/.dev ## Build the image of pods, and print its size and cold start.
	$(CLUSTER) image

cluster-up: $(VENV)/.dev ## Create a Kubernetes cluster with Argo and an S3 store on this machine (25 minutes the first time); ARGO=4.0.7 selects the version.
	$(CLUSTER) up

cluster-down: $(VENV)/.dev ## Delete that cluster; the programs built for it stay in the cache.
	$(CLUSTER) down

test-cluster: $(VENV)/.dev ## Run the tests on the running cluster, on the cluster of KUBECONFIG, or on a new cluster; ARGO= selects its version, ARGS= are options of pytest.
	$(CLUSTER) test $(ARGS)

clean: ## Delete the files that these commands wrote, except .flowc, which contains your runs.
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A broken environment, or an environment without pip, is created again; a working environment is kept.
$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2])' || \
	  { echo "flowc needs Python 3.10 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(BIN)/python -m pip --version > /dev/null 2>&1 || { \
	  echo "creating the virtual environment $(VENV) with $$($(PYTHON) --version)"; \
	  $(PYTHON) -m venv --clear $(VENV) || \
	    { echo "Python's venv module is missing; on Debian: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }; }
	@touch $@

$(VENV)/.demo: pyproject.toml $(VENV)/.made
	@echo "installing flowc and the example's packages into $(VENV)"
	@$(PIP) --editable '.[examples]'
	@touch $@

$(VENV)/.dev: pyproject.toml $(VENV)/.made
	@echo "installing flowc and the tools of its developers into $(VENV); the first time takes a minute"
	@$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo
