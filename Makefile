# All targets: `make help`. The two you need: `make up` and `make test`.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := help
.PHONY: help up test tools packages others browsers check lint types audit unit web integration conformance e2e browser chromium \
  chaos fuzz bench load docs pages openapi sdk compatibility diagram licences comparison version lock servers clean

help: ## Show this help
	@grep -E '^[a-z0-9]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

up: .venv/.run-installed ## Run the server on this machine until Ctrl-C
	@$(BIN)/vocafuse-server up

test: ## Run every check and every test
	@$(MAKE) --no-print-directory -j 2 tools packages
	@$(MAKE) --no-print-directory -j 2 --output-sync $(CHECKS) audit
	@$(MAKE) --no-print-directory -j 2 others browsers

tools: .venv/.dev-installed node_modules/.installed

packages: # One after the other: Debian's package manager does one thing at a time.
	@$(MAKE) --no-print-directory servers
	-@$(MAKE) --no-print-directory chromium

# The tests in a browser mostly wait, so they run beside the others, which leave them the processor when they want it.
# The longest come first, or one of them would be alone at the end.
others: .venv/.dev-installed
	nice -n 5 $(BIN)/pytest -n 3 --dist loadgroup server/tests/e2e server/tests/integration server/tests/conformance

browsers: .venv/.dev-installed node_modules/.installed chromium
	@mkdir -p build; export PYTEST_DEBUG_TEMPROOT=$$(mktemp -d); \
	  $(BIN)/pytest server/tests/browser > build/browser.log 2>&1; result=$$?; \
	  cat build/browser.log; rm -rf "$$PYTEST_DEBUG_TEMPROOT"; exit $$result

CHECKS := types unit lint web
check: tools ## The quick part: style, types, import rules, unit tests
	@$(MAKE) --no-print-directory -j 2 --output-sync $(CHECKS)

lint: .venv/.dev-installed ## Style and import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

types: .venv/.dev-installed ## Strict type check
	$(BIN)/basedpyright

audit: .venv/.dev-installed ## Known vulnerabilities of the pinned packages, where their list can be reached
	$(BIN)/python requirements/audit.py

web: node_modules/.installed ## Types and unit tests of the browser's part
	$(NODE_PATH) node_modules/.bin/tsc -p sdk/web
	$(NODE_PATH) node_modules/.bin/tsc -p console
	$(NODE_PATH) node --test sdk/web/tests/*.test.js console/tests/*.test.js

unit: .venv/.dev-installed node_modules/.installed ## Unit tests
	$(BIN)/pytest -n 2 server/tests/unit sdk/python/tests bench/tests project/tests

integration: .venv/.dev-installed ## Tests on a real embedded Postgres
	$(BIN)/pytest -n 2 --dist loadgroup server/tests/integration

conformance: .venv/.dev-installed ## One test for each promise of the API's documents
	$(BIN)/pytest -n 2 server/tests/conformance

e2e: .venv/.dev-installed ## Tests of the running server with the real model
	$(BIN)/pytest server/tests/e2e

browser: .venv/.dev-installed node_modules/.installed chromium ## Tests in a real browser, with a real voice
	$(BIN)/pytest server/tests/browser

chaos: .venv/.dev-installed ## Kill processes under load and check the books (10 minutes; CHAOS=notes,kills,seed)
	VOCAFUSE_TEST_CHAOS=$${CHAOS:-500,20,1} $(BIN)/pytest server/tests/e2e/test_chaos.py

fuzz: .venv/.dev-installed ## Hundreds of hostile files to a running server (minutes; FUZZ="--files 1000 --seed 7")
	PYTHONPATH=server/tests $(BIN)/python -m support.hostile $(FUZZ)

bench: .venv/.dev-installed ## Measure beside other programs (1-2 hours; BENCH=latency for one part)
	$(BIN)/python -m bench --into docs $(BENCH)
	$(BIN)/python -m bench.rate_limit
	$(BIN)/python -m bench.pagination
	$(BIN)/python -m bench.requests
	$(BIN)/python -m bench.console
	$(BIN)/python -m project.comparison

load: .venv/.dev-installed ## Load test of a server on loopback (25 minutes; LOAD=--short for a trial; needs wrk)
	$(BIN)/python -m bench.load --into docs $(LOAD)
	[ -n "$(LOAD)" ] || $(BIN)/python -m bench.job_queue --into docs

docs: .venv/.dev-installed ## Build the documentation's site into build/docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict
	@echo "build/docs/index.html"

pages: .venv/.dev-installed ## Show the site on 127.0.0.1:8001 while you write
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve --dev-addr 127.0.0.1:8001 --watch project

openapi: .venv/.run-installed ## Write openapi.json from the code
	$(BIN)/python -m vocafuse_server.openapi > openapi.json

sdk: .venv/.dev-installed ## Write the client library's sync half and its list of names from the async half
	$(BIN)/python sdk/python/generate.py

compatibility: .venv/.dev-installed ## Write docs/compatibility.md from the conformance suite
	PYTHONPATH=server/tests $(BIN)/python -m conformance.table > docs/compatibility.md

diagram: .venv/.dev-installed ## Draw docs/architecture.svg from the code's imports
	$(BIN)/python -m project.diagram

licences: .venv/.dev-installed ## Write docs/licences.md from what the packages say
	$(BIN)/python -m project.licences

comparison: .venv/.dev-installed ## Write README.md's figures from docs/benchmarks/engine.json
	$(BIN)/python -m project.comparison

version: .venv/.dev-installed ## Print the version, or set it everywhere: make version VERSION=1.2.3
	@$(BIN)/python -m project.version $(VERSION)

lock: .venv/.dev-installed ## Pin requirements/*.in again
	$(PYTHON) -m pip install --quiet --target .venv/lock uv
	for name in run tracing s3 dev docs node; do PYTHONPATH=.venv/lock $(PYTHON) -m uv pip compile --quiet --universal \
	  --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
	  requirements/$$name.in -o requirements/$$name.txt; done

servers: ## Install Debian's Postgres and PgBouncer for the tests, where that can be done
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! [ -x /usr/sbin/pgbouncer -a -d /usr/lib/postgresql ]; then \
	  echo "Installing Debian's postgresql and pgbouncer"; \
	  mkdir -p /etc/postgresql-common/createcluster.d; \
	  echo "create_main_cluster = false" > /etc/postgresql-common/createcluster.d/no-main.conf; \
	  { apt-get update && RUNLEVEL=1 apt-get install -y --no-install-recommends postgresql pgbouncer; } >/dev/null 2>&1 \
	  || echo "Could not be installed: the tests of a pooler are skipped, and say so"; fi

clean: ## Remove what the build made (not your data)
	rm -rf .venv node_modules .pytest_cache .ruff_cache build

# Some systems split venv's own pip off into a package; the machine's pip then does its work.
.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed; set PYTHON=python3.x")'
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; \
	  $(PYTHON) -m pip --version >/dev/null 2>&1 || { echo "pip is needed: sudo apt-get install python3-pip" >&2; exit 1; }; \
	  $(PYTHON) -m venv --without-pip .venv && $(PYTHON) -m pip --python .venv/bin/python install --quiet pip \
	  || { rm -rf .venv; exit 1; }; }

.venv/.run-installed: requirements/run.txt server/pyproject.toml sdk/python/pyproject.toml | .venv/bin/python
	@echo "Installing the server (once; a minute or two, mostly downloads)"
	@{ $(BIN)/python -m pip install --disable-pip-version-check --require-hashes -r requirements/run.txt \
	  || echo failed > .venv/.failed; } | sed -n 's/^Collecting \([^ ]*\).*/  \1/p'
	@if [ -e .venv/.failed ]; then rm .venv/.failed; exit 1; fi
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-build-isolation --no-deps -e server -e sdk/python
	@touch $@

.venv/.dev-installed: requirements/dev.txt requirements/docs.txt requirements/s3.txt .venv/.run-installed
	@echo "Installing the test tools"
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --require-hashes \
	  -r requirements/dev.txt -r requirements/docs.txt
	@rm -rf .venv/s3
	@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-compile --require-hashes --no-deps \
	  --target .venv/s3 -r requirements/s3.txt
	@touch $@

# The machine's Node.js where there is one; else it comes into .venv.
NODE_PATH := PATH="$$PATH:$(CURDIR)/$(BIN)"

node_modules/.installed: package.json package-lock.json | .venv/.dev-installed
	@command -v npm >/dev/null || { echo "Installing Node.js into .venv" && $(BIN)/python -m pip install \
	  --disable-pip-version-check --quiet --require-hashes -r requirements/node.txt; }
	@echo "Installing the checks of the browser's part"
	@$(NODE_PATH) npm ci --silent
	@touch $@

chromium:
	@command -v chromium >/dev/null && exit 0; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Debian's package chromium, for the tests in a real browser"; \
	    apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	  else echo "The tests in a real browser need chromium: sudo apt-get install chromium" >&2; exit 1; fi
