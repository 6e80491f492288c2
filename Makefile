# `make help` lists what there is. Everything runs in .venv, which is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup-done
NOTEBOOKS := $(sort $(wildcard notebooks/[0-9][0-9]_*.ipynb))

export JUPYTER_PLATFORM_DIRS := 1
export TOKENIZERS_PARALLELISM := false
export HF_HUB_OFFLINE ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup reproduce test lint unit notebooks notebook-outputs benchmarks lab constraints clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(SETUP)  ## make .venv and install the project into it
$(SETUP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks,dev]'
	touch $@

reproduce: $(SETUP)  ## run the notebooks in order on the synthetic data: data, training, evaluation, figures
	$(BIN)/grisq reproduce --preset tiny

test: lint unit notebooks  ## lint, unit tests, then every notebook under nbval

lint: $(SETUP)  ## ruff: format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

unit: $(SETUP)  ## unit tests
	$(BIN)/python -m pytest tests --durations=10

notebooks: $(SETUP)  ## nbval: every notebook runs, and its outputs are those committed
	$(BIN)/python -m pytest --nbval --nbval-cell-timeout=600 $(NOTEBOOKS)

notebook-outputs: $(SETUP)  ## run the notebooks with their defaults and store the outputs that nbval compares with
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False $(NOTEBOOKS)

benchmarks: $(SETUP)  ## the tables of benchmarks/README.md, on this machine
	for script in benchmarks/*.py; do $(BIN)/python $$script || exit 1; done

lab: $(SETUP)  ## open the course in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=.

constraints: $(SETUP)  ## write down the versions that are installed now
	( grep '^#' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | sed -E 's/\+(cpu|cu[0-9]+)//' ) > constraints.new
	mv constraints.new constraints.txt

clean:  ## remove what the other targets made (not the trained runs)
	rm -rf $(VENV) data/synthetic notebooks/executed .pytest_cache .ruff_cache .hypothesis
