# Everything that is done in this repository, from a bare checkout on: each target first sets up what it needs.
# Written for GNU make 3.81 (macOS) and newer.

VENV := .venv
IN_VENV := $(VENV)/bin/python
READY := $(VENV)/.ready

# The first Python that is new enough; `make setup PYTHON=…` takes another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 10))
CANDIDATES := python3 python3.13 python3.12 python3.11 python3.10 python
PYTHON ?= $(shell for each in $(CANDIDATES); do \
	$$each -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$each && break; done)

# Tests share nothing; much of their time is the engine's, or goes on waiting: three keep two cores busy.
JOBS ?= 3

.PHONY: help setup test check demo bench clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# Asked every time, which takes a moment, as the CLI lies outside this repository and can go away.
setup: $(READY) ## make .venv with all that is needed, and get a Pulumi CLI: .tools/pulumi
	@mkdir -p .tools
	@cli=$$($(IN_VENV) tools/pulumi_cli.py) && ln -sfn "$$cli" .tools/pulumi

$(READY): pyproject.toml
	@echo "setup: Python packages into $(VENV)"
	@$(IN_VENV) -c '$(NEW_ENOUGH)' 2>/dev/null || $(MAKE) --no-print-directory venv
	@$(IN_VENV) -m pip install --quiet --upgrade 'pip>=25.1'
	@$(IN_VENV) -m pip install --quiet --editable '.[simulator]' --group dev
	@touch $@

.PHONY: venv
venv:
	@test -n "$(PYTHON)" || { echo "setup: this needs Python 3.10 or newer; none was found." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "setup: $(PYTHON) cannot make environments; on Debian or Ubuntu, apt install python3-venv." >&2; exit 1; }
	@$(PYTHON) -m venv --clear $(VENV)

test: setup ## run all tests, those with the real Pulumi engine too (ARGS="-k name" for some)
	$(IN_VENV) -m pytest -n $(JOBS) --dist worksteal $(ARGS)

check: $(READY) ## lint, formatting, types and unit tests: what to run before each commit
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(IN_VENV) -m pytest -q -n $(JOBS) tests/unit

demo: setup ## a fleet, a pull request's preview, an update, drift: in a simulated cloud
	$(IN_VENV) tools/demo.py

bench: setup ## measure requests and times, and write them down
	$(IN_VENV) -m benchmarks $(ARGS)

clean: ## remove what was made here, except the Pulumi CLI, which all checkouts share
	rm -rf $(VENV) .tools .demo .pytest_cache .mypy_cache .ruff_cache .hypothesis build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
