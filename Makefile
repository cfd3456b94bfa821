# make notebooks   sets everything up in .venv, then runs the series (PARAMS=smoke|teach|paper), JOBS notebooks at a time, and says where to look
# make test        sets everything up in .venv, then passes the tests, JOBS files at a time
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

# The stamp is written last: a failed installation leaves none and is tried again.
$(STAMP): pyproject.toml constraints.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[notebooks,train,sweep,app,course,test]'
	touch $@
