# The only entry point. `make` alone prints what there is.
PYTHON ?= python3
BIN := .venv/bin
PY := $(BIN)/python
PIP := $(PY) -m pip install --quiet --disable-pip-version-check
CONSTRAINTS ?= constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help html pdf epub zip new-chapter test check serve experiments bench lint format linkcheck lock clean

help: ## print this table
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

# -- Set-up: one stamp per dependency group, renewed when its inputs change ----------
.venv/pip: | need-python
	@$(PYTHON) -m venv .venv
	@$(PIP) "pip>=25.1"
	@touch $@

.venv/book .venv/test .venv/dev: .venv/%: .venv/pip pyproject.toml $(CONSTRAINTS)
	@echo "Installing the packages of the group '$*' (first time only) ..."
	@$(PIP) --group $* --constraint $(CONSTRAINTS)
	@touch $@

.PHONY: need-python need-tex
need-tex: need-python
	@$(PYTHON) -m tools.latex
need-python:
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) not found: install Python 3.11, 3.12 or 3.13" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "Python's venv module is missing (Debian: apt install python3-venv)" >&2; exit 1; }

# -- Read ------------------------------------------------------------------------------
html: .venv/book ## build the book as HTML (FRESH=1: from nothing)
	@$(PY) -m tools.build html $(if $(FRESH),--fresh)

pdf: | need-tex .venv/book ## build the book as PDF (needs TeX: says what to install)
	@$(PY) -m tools.build pdf $(if $(FRESH),--fresh)

epub: .venv/book ## build the book as EPUB
	@$(PY) -m tools.build epub

zip: html ## pack the HTML book into one file that opens offline
	@$(PY) -m tools.pack

serve: .venv/dev ## serve the book on 127.0.0.1 and rebuild it as you write (PORT=8000)
	@$(PY) -m tools.serve $(if $(PORT),--port $(PORT))

# -- Write -----------------------------------------------------------------------------
# PART, SLUG and TITLE reach the program through the environment, whatever they contain.
new-chapter: .venv/test ## start a chapter: PART=generative SLUG=diffusion TITLE=扩散模型
	@$(PY) -m tools.scaffold
	@$(PY) -m tools.rerun --only $(PART)/$(SLUG)

# -- Verify ----------------------------------------------------------------------------
test: .venv/test html ## run the whole suite (ARGS="-k gumbel" for a part of it)
	@$(PY) -m pytest $(if $(ARGS),$(ARGS),--contract --cov --cov-report=term -n auto --dist worksteal)

experiments: .venv/test ## run what is stale (ALL=1, ONLY=generative/vae, VERIFY=1)
	@$(PY) -m tools.rerun $(if $(ALL),--all) $(if $(ONLY),--only $(ONLY)) $(if $(VERIFY),--verify)

lint: .venv/dev ## check the style of the code and of the workflows
	@$(PY) -m ruff check . && $(PY) -m ruff format --check .
	@$(PY) -m codespell_lib docs/*.md docs/*/*.md docs/_ext snippets tests tools README.md
	@$(BIN)/zizmor --offline --quiet --pedantic .github

format: .venv/dev ## mend the style of the code
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

ifdef CHAPTER
check: .venv/dev ## everything that CI runs (CHAPTER=generative/vae: one chapter, quickly)
	@$(PY) -m tools.chapter_check $(CHAPTER) $(if $(SHIP),--ship)
else
check: lint test
	@$(PY) -m tools.rerun --verify
endif

bench: .venv/test html ## measure what reading costs, beside stock MathJax (needs npm)
	@$(PY) -m bench.reading $(ARGS)

linkcheck: .venv/book ## try the links to other sites (needs the network)
	@$(PY) -m sphinx -b linkcheck -q docs build/linkcheck

lock: .venv/dev ## write the installed versions into constraints.txt
	@$(PY) -m tools.lock

clean: ## remove what was built (the environment .venv stays)
	rm -rf build .pytest_cache .ruff_cache .hypothesis .coverage
