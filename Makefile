# rds-lifecycle: every command sets up what it needs. `make` alone lists them.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

# Chalice packages chalicelib as it lies there, so no bytecode is left in it.
export PYTHONDONTWRITEBYTECODE := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help run demo test lint hunt bench screenshots format policies deploy package undeploy token lock clean

help: ## list the commands
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(READY): requirements-dev.txt dev/find-python
	@python=$$(./dev/find-python) && echo "Setting up $(VENV) with $$($$python --version), once" \
		&& rm -rf $(VENV) && $$python -m venv $(VENV) \
		&& $(BIN)/python -m pip install --quiet --root-user-action=ignore --require-hashes -r requirements-dev.txt
	@touch $(READY)

run: $(READY) ## serve the app on http://127.0.0.1:8000 against a local AWS (PORT, LOCAL_AWS_PORT, IDLE_MINUTES, ...)
	@exec $(BIN)/python -m dev.local.serve

demo: $(READY) ## make run with a real PostgreSQL and a dashboard on http://127.0.0.1:8080 (DEMO_PORT, POSTGRES_PORT, ...)
	@exec $(BIN)/python -m dev.local.demo

test: $(READY) ## run every test
	@$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term:skip-covered $(ARGS)
	@$(BIN)/python -m dev.coverage_floors

hunt: $(READY) ## look for a broken promise: make hunt SEEDS=20000, or SEED=7 [STEPS=3,8-11] to see one run
	@$(BIN)/python -m tests.simulation.hunt $(if $(SEED),--seed '$(SEED)' --steps '$(STEPS)',--seeds '$(or $(SEEDS),1000)' --first '$(or $(FIRST),0)')

bench: $(READY) ## measure how good it is, and write docs/performance.md (TRACE=moments.csv, QUICK=1)
	@$(BIN)/python -m benchmarks $(if $(TRACE),--trace '$(TRACE)') $(if $(QUICK),--quick)

screenshots: $(READY) ## take pictures of the page in every state, into build/screenshots
	@$(BIN)/python -m tests.browser.screenshots

lint: $(READY) ## check formatting, lint, types and the directions of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@PYTHONPATH=client/src $(BIN)/lint-imports --no-cache

format: $(READY) ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

policies: $(READY) ## write the IAM policies of every stage to .chalice
	@$(BIN)/python -m dev.deploy.policies

deploy: $(READY) ## check, make the table where it is missing, chalice deploy: make deploy STAGE=prod
	@$(BIN)/python -m dev.deploy.deploy '$(STAGE)'

package: $(READY) ## write the SAM template, with table and alarms, and the zip to build/prod: make package STAGE=prod
	@$(BIN)/python -m dev.deploy.package '$(STAGE)'

undeploy: $(READY) ## remove all of a stage but its table: make undeploy STAGE=prod
	@$(BIN)/python -m dev.deploy.undeploy '$(STAGE)'

token: $(READY) ## make a token: make token NAME=dashboard ROLE=operator
	@$(BIN)/python -m dev.token --name '$(NAME)' --role '$(ROLE)'

lock: $(READY) ## pin requirements-dev.in into requirements-dev.txt
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
		requirements-dev.in -o requirements-dev.txt

clean: ## remove everything that the commands made
	@rm -rf $(VENV) .cache .coverage .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache build
