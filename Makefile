.PHONY: run check test unlocked size serve cluster deploy undeploy lint picture example bench verdicts leaks effect hostile fuzz pins sbom faults same schema lock clean
PYTHON ?= python3
unexport PYTHONDONTWRITEBYTECODE  # each of the many processes would compile our modules anew
BIN = .venv/bin
TESTERS = $$(( $$(getconf _NPROCESSORS_ONLN) + 2 ))  # many tests wait for a server or a worker
ALONE = OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1  # tests run side by side; what tasks use, they say themselves
PIP = $(BIN)/python -m pip install --quiet --require-hashes
LOCKED = --universal --no-strip-extras --python-version 3.11 --generate-hashes --no-annotate --no-header
PORT ?= 4200
DATA ?= ../shared/data

run: .venv/run        ## the default job: render two archives, split, measure, sanitize, evaluate
	$(BIN)/cleansplit run

check: .venv/test lint ## under a minute: lint, types, and every test that needs no server, subprocess, browser or many seconds
	$(ALONE) $(BIN)/pytest --numprocesses 2 -m "not whole"

test: .venv/test lint ## lint, type-check and test
	$(ALONE) $(BIN)/pytest --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder

unlocked:             ## the tests with the newest releases, or others: make unlocked RELEASES="prefect==3.9.1"
	$(PYTHON) -m venv --clear .venv-unlocked
	.venv-unlocked/bin/python -m pip install --quiet --editable '.[dev]' 'setuptools>=77' $(RELEASES)
	rm -rf cleansplit.egg-info  # a leftover, whose version tests would find
	.venv-unlocked/bin/python -m pip list | grep -iE '^(prefect|pyarrow|numpy|pillow|scikit-learn|datasketch) '
	$(ALONE) .venv-unlocked/bin/pytest --numprocesses $(TESTERS) --dist loadfile --no-loadscope-reorder

serve: .venv/run      ## a server, a worker and all deployments, for trying them; Ctrl-C takes everything down
	PREFECT_HOME=$${PREFECT_HOME:-$(CURDIR)/.prefect} $(BIN)/python -m flows.command.serve --port $(PORT)

cluster: .venv/test   ## the same with an object store, a Dask scheduler and two workers that share nothing else
	PREFECT_HOME=$${PREFECT_HOME:-$(CURDIR)/.prefect} $(BIN)/python -m tests.cluster.trial --port $(PORT)

deploy: .venv/run     ## work pool, deployments and automations on the server that PREFECT_API_URL names
	$(BIN)/python -m flows.command.deploy

undeploy: .venv/run   ## remove from that server what deploying and running put there; workspaces stay
	$(BIN)/python -m flows.command.undeploy

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m tests.english

size: .venv/test      ## lines and modules of each room, and which rooms import which
	$(BIN)/python -m tests.house

PEERS = .venv-peers/bin/python

bench: .venv/test .venv-peers ## every measured claim beside other tools, in one run; an hour, and 30 GB of disk
	$(BIN)/python -m tests.benchmarks.kernel --peers $(PEERS)
	$(BIN)/python -m tests.benchmarks.overlap
	$(BIN)/python -m tests.benchmarks.throughput --peers $(PEERS) --counts 3000 10000
	$(BIN)/python -m tests.benchmarks.photo_scale small
	$(BIN)/python -m tests.benchmarks.photo_scale large
	$(BIN)/python -m tests.benchmarks.notebook --rounds 3

verdicts: .venv/test  ## what is called a duplicate: judged sets, planted copies, look-alikes, ever more copies; an hour
	$(BIN)/python -m tests.benchmarks.verdicts
	$(BIN)/python -m tests.benchmarks.photos
	$(BIN)/python -m tests.benchmarks.lookalikes
	$(BIN)/python -m tests.benchmarks.mixtures
	$(BIN)/python -m tests.benchmarks.family
	$(BIN)/python -m tests.benchmarks.monotone

picture: .venv/test   ## the README's picture: the page of the quickstart's photographs
	$(BIN)/python -m tests.browser.picture

example: .venv/test   ## the output of docs/example.ipynb and the picture of docs/quickstart.md
	$(BIN)/python -m tests.browser.example

leaks: .venv/test .venv-peers  ## known leaks and who finds them, beside other tools: writes docs/leaks.md; 15 minutes
	$(BIN)/python -m tests.benchmarks.leaks --peers $(PEERS) --page docs/leaks.md

.venv-peers:
	$(PYTHON) -m venv .venv-peers
	.venv-peers/bin/pip install --quiet cleanvision imagededup faiss-cpu

effect: .venv/test    ## planted twins, and how often the intervals hold the truth
	$(BIN)/python -m tests.benchmarks.effect
	$(BIN)/python -m tests.benchmarks.coverage
	$(BIN)/python -m tests.benchmarks.classes_of_twins

hostile: .venv/test   ## rows, archives, images, the kernel, workspaces, servers and other users: what each may do, under limits
	$(BIN)/python -m tests.faults.rows
	$(BIN)/python -m tests.faults.corpora
	$(BIN)/python -m tests.faults.archives --count 2000
	$(BIN)/python -m tests.faults.images
	$(BIN)/python -m tests.faults.kernel
	$(BIN)/pytest -v tests/flows/test_links.py tests/flows/test_hostile_folder.py tests/flows/test_stolen.py \
	  tests/sources/test_download.py tests/cluster/test_strangers.py tests/browser/test_review.py

fuzz: .venv/test      ## damaged pictures, archives and run folders for five minutes; findings are kept in .fuzz
	$(BIN)/python -m tests.faults.fuzz

pins:                 ## actions and images that are not pinned by digest
	@grep -HnE '^ *(- )?(uses|image): |^(FROM|ARG PYTHON)' action.yml .github/workflows/*.yml compose*.yaml Dockerfile \
	  | grep -vE '@(sha256:)?[0-9a-f]{40}|image: cleansplit$$|FROM [$$]' || echo "all actions and images are pinned by digest"

sbom: .venv/run       ## what is installed, with licences, as CycloneDX: sbom.json
	$(BIN)/python -m pip install --quiet --target .venv/sbom cyclonedx-bom
	PYTHONPATH=.venv/sbom $(BIN)/python -m cyclonedx_py environment $(BIN)/python --output-file sbom.json

faults: .venv/test .venv-moto  ## kills, full disks, rotten files, bad servers: every fault, and the run after it
	$(BIN)/python -m tests.faults
	$(BIN)/pytest tests/cluster/faults_of_runs.py tests/cluster/faults_of_stores.py tests/operations/faults_of_installation.py \
	  tests/kernel/faults_of_processors.py
	$(BIN)/python -m tests.operations.outage
	$(BIN)/python -m tests.operations.outage --away 60 --cancel
	$(BIN)/python -m tests.operations.outage --away 600
	$(BIN)/python -m tests.operations.outage --away 10 --forget

.venv-moto:           # a second store, of the S3 protocol as Amazon speaks it
	$(PYTHON) -m venv .venv-moto
	.venv-moto/bin/pip install --quiet 'moto[s3,server]'

same: .venv/test      ## open fonts and brain scans in threads, on a cluster, in a bucket: the same files; 7 minutes
	$(BIN)/python -m tests.benchmarks.cluster --flow run --given large=$(DATA)/openfonts_large.tar.gz \
	  small=$(DATA)/openfonts_small.tar.gz validation=0
	$(BIN)/python -m tests.benchmarks.cluster --flow audit --given train=$(DATA)/mri_train.tar test=$(DATA)/mri_test.tar

schema: .venv/run     ## docs/report.schema.json, from the types of the report
	$(BIN)/python -m tests.schema > docs/report.schema.json

lock: .venv/run       ## resolve the locks anew
	printf 'setuptools>=77\n' | $(BIN)/uv pip compile pyproject.toml - $(LOCKED) --output-file requirements.lock
	printf 'setuptools>=77\n' | $(BIN)/uv pip compile pyproject.toml - $(LOCKED) --extra s3 --extra dask \
	  --constraint requirements.lock --output-file requirements-cluster.lock
	printf 'setuptools>=77\n' | $(BIN)/uv pip compile pyproject.toml - $(LOCKED) --extra dev \
	  --constraint requirements-cluster.lock --output-file requirements-dev.lock
	printf 'uv\n' | $(BIN)/uv pip compile - $(LOCKED) --output-file requirements-uv.lock

clean:
	rm -rf .venv

UV = $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python
OURS = --no-deps --no-build-isolation --editable .
# Of what a lock names; uv does it on all cores, and pip where uv can't: for an index that only pip's settings name.
install = $(UV) --require-hashes -r $(1) || $(PIP) -r $(1)

.venv/run: requirements.lock requirements-uv.lock pyproject.toml setup.py tasks/kernel.c tasks/kernel_avx2.c
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "cleansplit needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	-$(PIP) -r requirements-uv.lock
	$(call install,requirements.lock)
	$(UV) $(OURS) || $(BIN)/python -m pip install --quiet $(OURS)
	touch $@

.venv/test: requirements-dev.lock .venv/run
	$(call install,requirements-dev.lock)
	touch $@
