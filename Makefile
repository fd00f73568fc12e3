# make run    bare clone to served page;           ARGS="--once --port 8010"
# make keycloak  Keycloak beside make run;         ARGS="--port 8181"
# make test   tests but the long ones, three at a time; ARGS="-k ledger -x" or "-m long" (as given, one at a time)
# make check  style, types, import contracts, house rules
# make bench  measured figures;                    ARGS="..."
# make clean  removes what these made, never .bangfu/ (the data)

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin

# Where an environment forbids Python to keep what it compiled, each of a run's many processes would compile all anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run keycloak test check bench clean

# exec: signals reach the program itself, and make fails when it does. Were make killed, the launcher would end too.
run:
	@$(PYTHON) deploy/bootstrap.py
	@BANGFU_END_WITH_PARENT=1 exec $(BIN)/bangfu up $(ARGS)

keycloak:
	@$(PYTHON) deploy/bootstrap.py
	@BANGFU_END_WITH_PARENT=1 exec $(BIN)/bangfu keycloak start $(ARGS)

# In a fresh clone one process compiles the program, its libraries and the tests; else three would, each for itself.
test:
	@$(PYTHON) deploy/bootstrap.py --dev --browser
	@test -d tests/web/__pycache__ || $(BIN)/python -m pytest --collect-only -q > /dev/null || true
	@exec $(BIN)/python -m pytest $(or $(ARGS),-n 3 --no-loadscope-reorder -m "not long")

check:
	@$(PYTHON) deploy/bootstrap.py --dev
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tests.house_lint

bench:
	@$(PYTHON) deploy/bootstrap.py --dev
	@exec $(BIN)/python -m tests.bench $(ARGS)

clean:
	rm -rf .venv core/web/assets/node_modules core/web/static/vendor core/printing/vendor
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
