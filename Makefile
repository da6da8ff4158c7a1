# Every command installs the packages that it needs. `make` alone lists the commands.

VENV := .venv
BIN := $(VENV)/bin
# These files record which packages the environment contains: those of `make run`, or those of the tests as well.
RUN := $(VENV)/run
DEV := $(VENV)/dev
# Node.js checks the page's scripts; nothing else needs it.
NODE := node_modules/ready

# Chalice packages every file in chalicelib, so bytecode is kept elsewhere.
export PYTHONPYCACHEPREFIX := $(CURDIR)/.cache/bytecode

.DEFAULT_GOAL := help
.PHONY: help run demo test test-unit lint fuzz bench screenshots format policies doctor deploy package undeploy token lock clean

help: ## list the commands
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

# A symbolic link to the interpreter. It counts as missing if that interpreter has been removed.
$(BIN)/python: ;

$(RUN): requirements-run.txt $(BIN)/python
	@./dev/set-up $(VENV) run

# One set after the other: with `make -j`, both would write to the environment at the same time.
$(DEV): requirements-dev.txt $(BIN)/python | $(RUN)
	@./dev/set-up $(VENV) dev

run: $(RUN) ## serve the app on http://127.0.0.1:8000 with a simulated AWS (PORT, LOCAL_AWS_PORT, IDLE_MINUTES, ...)
	@exec $(BIN)/python -m dev.local.serve

demo: $(DEV) ## make run with a real PostgreSQL, and a dashboard on http://127.0.0.1:8080 (DEMO_PORT, POSTGRES_PORT, ...)
	@exec $(BIN)/python -m dev.local.demo

test: $(DEV) ## run all tests (ARGS='-k restart': options of pytest)
	@$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term:skip-covered $(ARGS)
	@$(BIN)/python -m dev.coverage_floors

test-unit: $(DEV) ## run the fast tests: domain, adapters, service and API, without other processes
	@$(BIN)/python -m pytest -n auto $(ARGS) tests/unit tests/adapters tests/service tests/api

fuzz: $(DEV) ## run the simulation with random faults: SEEDS=20000, or SEED=7 [STEPS=3,8-11] to repeat one run
	@$(BIN)/python -m tests.simulation.fuzz $(if $(SEED),--seed '$(SEED)' --steps '$(STEPS)',--seeds '$(or $(SEEDS),1000)' --first '$(or $(FIRST),0)')

bench: $(DEV) ## run the benchmarks and write docs/performance.md (TRACE=moments.csv, QUICK=1)
	@$(BIN)/python -m benchmarks $(if $(TRACE),--trace '$(TRACE)') $(if $(QUICK),--quick)

screenshots: $(DEV) ## save screenshots of the page in every state to build/screenshots
	@$(BIN)/python -m tests.browser.screenshots

$(NODE): package.json package-lock.json
	@command -v npm >/dev/null || { echo "make lint needs Node.js (20.19 or newer) with npm. On Debian: apt-get install nodejs npm; on macOS: brew install node" >&2; exit 1; }
	@echo "Installing the JavaScript tools into node_modules, once" && npm ci --silent --ignore-scripts
	@touch $(NODE)

lint: $(DEV) $(NODE) ## check the format, ruff's and eslint's rules, types and import rules
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PYTHONPATH=client/src $(BIN)/lint-imports --no-cache
	@npm run --silent lint

format: $(DEV) $(NODE) ## format the code and apply ruff's automatic fixes
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .
	@npm run --silent format

policies: $(RUN) ## write the IAM policies of every stage to .chalice
	@$(BIN)/python -m dev.deploy.policies

doctor: $(RUN) ## check everything that can be known before deploying, and list what to fix: STAGE=prod
	@$(BIN)/python -m dev.deploy.doctor '$(STAGE)'

deploy: $(RUN) ## check the stage, create its table if it is missing, and deploy with Chalice: STAGE=prod
	@$(BIN)/python -m dev.deploy.deploy '$(STAGE)'

package: $(RUN) ## write the SAM template (with table and alarms) and the zip to build/prod: STAGE=prod
	@$(BIN)/python -m dev.deploy.package '$(STAGE)'

undeploy: $(RUN) ## delete everything of a stage except its table: STAGE=prod
	@$(BIN)/python -m dev.deploy.undeploy '$(STAGE)'

token: $(RUN) ## create an access token: NAME=dashboard ROLE=operator
	@$(BIN)/python -m dev.token --name '$(NAME)' --role '$(ROLE)'

lock: $(RUN) ## update requirements.txt, requirements-run.txt and requirements-dev.txt from their .in files
	@set -e; for set in requirements-dev requirements-run requirements; do \
		$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
			$$([ $$set = requirements-dev ] || echo --constraints requirements-dev.txt) \
			$$set.in -o $$set.txt; \
	done

clean: ## delete the virtual environment, caches and build output
	@rm -rf $(VENV) node_modules .cache .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build
