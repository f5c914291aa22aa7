# Linux, Python 3.11 or newer and make are all that these targets need.
#   make demo   installs the service, starts it, and finds the symmetry of a small real data set
#   make test   installs the development tools and runs the fast tests
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
FAST := not services and not browser and not slow
XDIST ?= -n 2

# Two test processes share the cores: one torch thread each is faster than two that fight.
test: export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo stop serve test test-services test-browser docs bench lint format ci clean

help:
	@echo "make demo           start the service and search the shipped data set"
	@echo "make stop           stop the service that make demo left running"
	@echo "make serve          run the service in the foreground (Ctrl-C stops it)"
	@echo "make test           the fast tests: no server, no browser"
	@echo "make test-services  the tests that need PostgreSQL and Redis"
	@echo "make test-browser   the tests of the pages in Chromium"
	@echo "make docs           the documentation as a site, which the service then shows at /documentation"
	@echo "make lint           ruff, mypy and the import contracts"
	@echo "make bench          the benchmarks; they print tables and write JSON"
	@echo "make ci             everything, as continuous integration runs it"

$(VENV)/pyvenv.cfg:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer was not found; try: make $(MAKECMDGOALS) PYTHON=/path/to/python"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "The venv module is missing: on Debian and Ubuntu, apt-get install python3-venv"; exit 1; }

$(VENV)/.runtime: $(VENV)/pyvenv.cfg pyproject.toml client/pyproject.toml constraints.txt
	@echo "Installing the service into $(VENV); PyTorch is large, so the first time takes a few minutes."
	@$(PIP) -e ./client -e .
	@touch $@

$(VENV)/.dev: $(VENV)/pyvenv.cfg pyproject.toml client/pyproject.toml constraints.txt
	@echo "Installing the service and its development tools into $(VENV); the first time takes a few minutes."
	@$(PIP) -e ./client -e '.[dev,docs]'
	@touch $@ $(VENV)/.runtime

demo: $(VENV)/.runtime
	@$(BIN)/python -m app.demo

stop: $(VENV)/.runtime
	@$(BIN)/python -m app.demo --stop

serve: $(VENV)/.runtime
	@exec $(BIN)/erlangen serve

test: $(VENV)/.dev
	$(BIN)/python -m pytest $(XDIST) -m "$(FAST)"

test-services: $(VENV)/.dev
	$(BIN)/python -m pytest -m "services"

test-browser: $(VENV)/.dev
	$(BIN)/python -m pytest -m "browser"

docs: $(VENV)/.dev
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --fresh-env --quiet \
		--doctree-dir build/doctrees docs app/web/documentation
	@echo "The site is in app/web/documentation: open its index.html, or restart the service and see /documentation."

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev
	@$(BIN)/python -m benchmarks

ci:
	CI=true bash .ci/run

clean:
	rm -rf $(VENV) build app/web/documentation docs/generated *.egg-info client/build client/*.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
