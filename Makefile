# What people and CI run. Everything lives in .venv, which is made where it is missing: by uv where that is installed,
# else by python3's own venv and pip. A stamp in it says what is installed already, so a second call starts at once.
#
#   make demo       run a recipe on the embedded model; pictures in demo-out/
#   make test       the tests, without the slow ones
#   make test-all   the slow ones too: installed packages, kills, load, other validators
#   make storm      kills at every transition, simulated power cuts, made-up requests, load: RANDOM=1000 TRIALS=20000 REQUESTS=10000 LOAD_SECONDS=60
#   make lint       ruff, mypy, pyright
#   make schema     refresh schemas/pipeline.schema.json after a change to any schema
#   make bench      what performance claims are measured with
#   make clean      remove what these made

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Tests are spread over three processes, as some wait for others; WORKERS=8 uses more, WORKERS=0 none.
WORKERS ?= 3
# Tests start the command again and again: it is compiled once, whatever the machine says.
unexport PYTHONDONTWRITEBYTECODE

# The groups of pyproject.toml, as requirements: pip reads them by itself from 25.1 only, and Debian 12 has 23.0.
group = $(BIN)/python -c 'import sys, tomllib; \
	print("\n".join(tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"][sys.argv[1]]))' $(1) > $(VENV)/$(1).txt

ifneq ($(shell command -v uv 2>/dev/null),)
make_venv = uv venv --quiet --allow-existing --python '$(if $(filter file,$(origin PYTHON)),>=3.11,$(PYTHON))' $(VENV)
install = uv pip install --quiet --python $(BIN)/python
else
make_venv = $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	"editchain needs Python 3.11 or later; name one with: make PYTHON=python3.12 ...")' && $(PYTHON) -m venv $(VENV)
install = $(BIN)/python -m pip install --quiet --disable-pip-version-check
endif

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
TRIALS ?= 20000
RANDOM ?= 1000
REQUESTS ?= 10000
LOAD_SECONDS ?= 60

.PHONY: help demo test test-all test-slow storm lint ruff mypy pyright schema bench clean

help:
	@sed -n 's/^#   //p' Makefile

$(VENV)/core.stamp: pyproject.toml
	@echo "Installing editchain into $(VENV)/ (once)"
	@$(make_venv)
	@$(install) --editable .
	@touch $@

$(VENV)/%.stamp: $(VENV)/core.stamp
	@echo "Installing what $* needs into $(VENV)/ (once)"
	@$(call group,$*)
	@$(install) --requirement $(VENV)/$*.txt
	@touch $@

demo: $(VENV)/core.stamp
	@$(BIN)/editchain run pipelines/demo.yaml --out demo-out
	@echo
	@echo "The pictures are in demo-out/; demo-out/sheet.jpg shows them all."

test: $(VENV)/test.stamp
	$(BIN)/python -m pytest -m "not slow" -n $(WORKERS) --dist worksteal

# One at a time: some measure, and some kill what they started.
test-slow: $(VENV)/test.stamp $(VENV)/slow.stamp
	$(BIN)/python -m pytest -m slow

test-all: test test-slow

# What happens to killed runs goes to benchmarks/storm.json; the rest is counted and shown.
storm: $(VENV)/test.stamp $(VENV)/slow.stamp
	$(BIN)/python -m tests.storm --random $(RANDOM)
	EDITCHAIN_TRIALS=$(TRIALS) EDITCHAIN_REQUESTS=$(REQUESTS) EDITCHAIN_LOAD_SECONDS=$(LOAD_SECONDS) \
		$(BIN)/python -m pytest -m slow -rP -n 0 \
		tests/simulation tests/server/test_openapi.py tests/server/test_load.py

lint: ruff mypy pyright

ruff: $(VENV)/lint.stamp
	$(BIN)/ruff check
	$(BIN)/ruff format --check

# What is checked imports what only the tests bring.
mypy: $(VENV)/test.stamp $(VENV)/lint.stamp
	$(BIN)/mypy

pyright: $(VENV)/test.stamp $(VENV)/lint.stamp
	$(BIN)/pyright --pythonpath $(BIN)/python

schema: $(VENV)/core.stamp
	$(BIN)/editchain schema --out schemas/pipeline.schema.json

bench: $(VENV)/test.stamp
	$(BIN)/python -m benchmarks

clean:
	rm -rf $(VENV) demo-out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find engine tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
