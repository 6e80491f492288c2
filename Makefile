# `make help` lists what there is. Everything runs in .venv, which is made on first use.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.setup-done
BROWSER := $(VENV)/.browser-done
MUTANTS := $(VENV)/.mutants-done
CLUSTER := $(VENV)/.cluster-done
BOOK := $(VENV)/.book-done
AXE := tests/browser/node_modules/.package-lock.json
DEMO ?= build/demo
CHROMIUM := chromium chromium-driver fonts-liberation
NOTEBOOKS := $(sort $(wildcard notebooks/[0-9][0-9]_*.ipynb))

UNIT := PYTHONWARNDEFAULTENCODING=1 OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest tests -n auto --dist loadfile \
	--durations=10

export JUPYTER_PLATFORM_DIRS := 1
export TOKENIZERS_PARALLELISM := false
export HF_HUB_OFFLINE ?= 1

MODEL_NOTE := The trained model that the notebooks look at: the preset tiny, trained four times as long as the runs of \
the tables and on twice as many synthetic pictures, drawn from another seed than those it is measured on. It is \
here to be looked into, not to be used. Sprites in its training pictures: Twemoji, copyright Twitter, Inc. and other \
contributors, CC BY 4.0. Made again by: make model

.DEFAULT_GOAL := help
.PHONY: help setup reproduce results test test-slow test-browser test-cluster test-book chromium lint unit notebooks notebook-outputs model \
	encoders documents drawings address benchmarks mutants book slides lab constraints clean

help:  ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(SETUP)  ## make .venv and install the project into it
$(SETUP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks,dev,export]'
	touch $@

reproduce: $(SETUP)  ## run the notebooks in order on the synthetic data: data, one whole training, tables, figures
	$(BIN)/grisq reproduce --preset tiny

results: $(SETUP)  ## train everything behind the tables anew into runs/experiments (a night; the same command resumes)
	$(BIN)/grisq experiments run --all --preset tiny
	$(BIN)/grisq experiments references --preset tiny

encoders: $(SETUP)  ## pretrain the small encoders in data/models/encoders again (hours on one core; resumes)
	$(BIN)/grisq encoders

test: lint unit notebooks  ## lint, unit tests, then every notebook under nbval

lint: $(SETUP)  ## ruff: format and rules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

unit: $(SETUP)  ## unit tests, a process with one thread for each core
	$(UNIT) -m "not slow"

test-slow: $(SETUP)  ## unit tests that take half a minute each: exports of every system, a killed training, the GPU check without a GPU
	$(UNIT) -m slow

notebooks: $(SETUP)  ## nbval: every notebook runs, one on each core, and its outputs are those committed
	OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 $(BIN)/python -m pytest --nbval --nbval-cell-timeout=600 -n auto --dist loadscope $(NOTEBOOKS)

test-cluster: $(SETUP) $(CLUSTER)  ## predict and score on a Ray cluster of two workers on this machine; installs Ray
	$(BIN)/python -m pytest tests/cluster --durations=10

$(CLUSTER): $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[ray]'
	touch $@

# The web page's JavaScript programs are fetched from the npm registry, unless GRISQ_WEB_RUNTIME names a folder of them.
test-browser: $(SETUP) $(BROWSER) $(AXE) chromium  ## notebooks and the web page in a real browser; installs Debian's Chromium if missing
	$(BIN)/grisq data synthetic tiny
	$(BIN)/python -m pytest tests/browser --ignore=tests/browser/test_book.py --durations=10

test-book: book $(BROWSER) $(AXE) chromium  ## the built book: links, descriptions, nothing from the network, barriers in a real browser
	$(BIN)/python -m pytest tests/built_book tests/browser/test_book.py --durations=10

$(AXE): tests/browser/package.json tests/browser/package-lock.json
	@command -v npm > /dev/null || { echo "npm is missing: install Node.js, for the accessibility checker of the browser tests." >&2; exit 1; }
	npm ci --prefix tests/browser --silent --no-audit --no-fund

$(BROWSER): $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[browser]'
	touch $@

chromium:
	@if { command -v chromium && command -v chromedriver; } > /dev/null; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ]; then sudo=; else sudo=sudo; fi; \
	for need in apt-get $$sudo; do \
		command -v $$need > /dev/null && continue; \
		echo "Chromium is missing and there is no $$need to install it: install Debian's $(CHROMIUM) yourself." >&2; \
		exit 1; \
	done; \
	$$sudo apt-get update -q; \
	if ! apt-cache show chromium-driver > /dev/null 2>&1; then \
		echo "Chromium is missing and this system has no package chromium-driver: put chromium and chromedriver on the PATH." >&2; \
		exit 1; \
	fi; \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $(CHROMIUM)

notebook-outputs: $(SETUP)  ## run the notebooks with their defaults and store the outputs that nbval compares with
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace --ExecutePreprocessor.record_timing=False \
		--ExecutePreprocessor.store_widget_state=False $(NOTEBOOKS)

# Longer than the tables' runs, on twice as many pictures, so that there is something to look at.
model: $(SETUP)  ## train the model in data/models/tiny again (50 minutes on one core; resumes)
	$(BIN)/grisq data synthetic tiny
	$(BIN)/grisq train --preset tiny --set data=tiny-long --set train.steps=9600 --set train.eval_every=960 \
		--set train.eval_samples=1500 --set train.checkpoint_every=480 --run runs/tiny-long --keep-memory
	$(BIN)/grisq pack runs/tiny-long --data data/synthetic/tiny --out data/models/tiny --note "$(MODEL_NOTE)"

documents: $(SETUP)  ## write the numbers of the stored runs into docs/, and the tables of book/teaching.md and glossary.md
	$(BIN)/python scripts/documents.py

drawings: $(SETUP)  ## draw figures/architecture and figures/figure1_tiny, after a change of code, notebooks or sizes
	$(BIN)/python scripts/drawings.py

address: $(SETUP)  ## write the repository's address into the files that need it: make address REPOSITORY=https://github.com/...
	$(BIN)/python scripts/address.py "$(REPOSITORY)"

BENCHMARKS := scoring deformable_attention model systems reader reading scale gpu_memory paper_size prediction
benchmarks: $(SETUP)  ## the tables of benchmarks/README.md, on this machine; OPTIONS=--quick only shows that they run
	for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py $(OPTIONS) || exit 1; done

mutants: $(SETUP) $(MUTANTS)  ## does a test notice a changed operator? MODULES="data/letterbox augment" for a part; hours for all
	$(BIN)/python scripts/mutants.py $(MODULES)

$(MUTANTS): $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[mutants]'
	touch $@

book: export DEMO := $(DEMO)
book: $(SETUP) $(BOOK) $(addsuffix /index.html,$(DEMO))  ## the course as HTML in build/book, from the stored outputs; DEMO= leaves out the model
	$(BIN)/python -m sphinx -q -W --keep-going -c book -d build/book-doctrees . build/book
	@echo "Open build/book/index.html."

# The bundled model as a page. Its two JavaScript programs come from the npm registry, once.
build/demo/index.html: $(SETUP) data/models/tiny/model.safetensors $(wildcard grisq/inference/web/*.py grisq/inference/web/static/*)
	$(BIN)/grisq export --web $(@D) || { echo "For a book without the model in the browser: make book DEMO=" >&2; exit 1; }

slides: $(SETUP) $(BOOK)  ## the lectures as reveal.js pages in build/slides, from the cells with a slide type
	PYTHONPATH=book $(BIN)/python -m binding.slides build/slides

$(BOOK): $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[book]'
	touch $@

# Jupyter's own limit is 10 MB a message: a larger picture dropped into notebook 00 would close the connection.
lab: $(SETUP)  ## open the course in JupyterLab
	$(BIN)/jupyter lab --notebook-dir=. --ServerApp.tornado_settings='{"websocket_max_message_size": 268435456}'

constraints: $(SETUP) $(BROWSER) $(MUTANTS) $(CLUSTER) $(BOOK)  ## write down the versions that are installed now
	( grep '^#' constraints.txt; $(BIN)/python -m pip freeze --exclude-editable | sed -E 's/\+(cpu|cu[0-9]+)//' ) > constraints.new
	mv constraints.new constraints.txt

clean:  ## remove what the other targets made (not the trained runs)
	rm -rf $(VENV) build data/synthetic notebooks/executed tests/browser/failures tests/browser/node_modules .pytest_cache .ruff_cache .hypothesis
