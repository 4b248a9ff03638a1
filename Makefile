# Two commands do everything: `make run` and `make test`.

NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(or $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$name && break; done),python3)
VENV := .venv/bin
unexport PYTHONDONTWRITEBYTECODE  # with it, every process would compile the whole project anew
WORKERS ?= $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)')  # browser and services mostly wait

.PHONY: run test tests lint rules types bench messages clean

run:  ## set up, then the site with its broker and workers; PORT=8000
	@$(PYTHON) deploy/bootstrap.py run
	@exec $(VENV)/python manage.py up

test:  ## set up, then linters and all tests
	@$(PYTHON) deploy/bootstrap.py test
	@$(MAKE) --no-print-directory -j 3 rules types tests

tests:
	OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(VENV)/python -m pytest -n $(WORKERS) --dist loadfile --durations 20

lint: rules types

rules:
	$(VENV)/ruff check .
	$(VENV)/ruff format --check --quiet .
	$(VENV)/lint-imports --no-logo

types:
	$(VENV)/mypy

bench:  ## what is timed, as JSON
	@for name in scoring coverage few_images published web train timing metrics attacks; do $(VENV)/python -m bench.$$name --json; done

messages:  ## gather what annotators read into locale/ and compile it; needs GNU gettext
	for domain in django djangojs; do $(VENV)/python manage.py makemessages -d $$domain --all --no-location --no-wrap \
		--no-obsolete --ignore tests --ignore var || exit 1; done
	sed -i '/^"\(POT-Creation-Date\|Report-Msgid-Bugs-To\)/d' locale/*/LC_MESSAGES/*.po
	$(VENV)/python manage.py compilemessages --ignore .venv --ignore var

clean:  ## forget the environment; data in var/ stays
	rm -rf .venv *.egg-info .mypy_cache .ruff_cache .pytest_cache
