# make notebooks   installs everything in .venv, runs the series, and prints where its pages are.
#                  PARAMS=smoke|teach|paper chooses the preset; JOBS notebooks run at the same time.
# make test        installs everything in .venv and runs the tests; JOBS files run at the same time.
# make lint        installs everything in .venv and runs the linter.
PYTHON ?= python3
VENV   ?= .venv
PARAMS ?= teach
JOBS   ?= 2
OUT    ?= .out/$(PARAMS)
STAMP  := $(VENV)/.stamp

.PHONY: notebooks test lint
notebooks: $(STAMP)
	$(VENV)/bin/ipe-sr notebooks --params $(PARAMS) --jobs $(JOBS) --out $(OUT)

test: $(STAMP)
	$(VENV)/bin/python -m pytest --numprocesses $(JOBS) --dist loadfile

lint: $(STAMP)
	$(VENV)/bin/ruff check .

# The stamp is written last. A failed installation leaves no stamp, so that it is tried again.
$(STAMP): Makefile pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks,train,sweep,app,course,formats,test]'
	touch $@
