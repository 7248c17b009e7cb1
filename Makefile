# Each target is a thin call of plain commands that also work by hand, once PATH starts with what
# `python3 -m tools path` prints.

STACK  ?= twin
INTO   ?= build/observability/$(STACK)
PYTHON ?= python3

STATE := $(or $(filter /%,$(XDG_STATE_HOME)),$(HOME)/.local/state)/underlay

export VIRTUAL_ENV := $(CURDIR)/.venv
# Without `metadata=skip` each state file has a companion that a killed run can leave empty, and then
# the state does not load.
export PULUMI_BACKEND_URL ?= file://$(STATE)?metadata=skip
export PULUMI_SKIP_UPDATE_CHECK := 1
ifneq ($(filter twin%,$(STACK)),)
# The twin has no secrets worth a passphrase and uses no plugins that would have to be downloaded.
# Other stacks ask for theirs, and fetch theirs.
ifndef PULUMI_CONFIG_PASSPHRASE_FILE
export PULUMI_CONFIG_PASSPHRASE ?=
endif
export PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION := 1
# Whoever is not root builds it as the root of user namespaces.
RUN := $(if $(filter 0,$(shell id -u)),,python3 -m tools rootless)
# Its creations may be done again after a run that was killed.
REPEATABLE := --repeatable
endif

# The environment first, then the engine; the daemons are in sbin, which not everybody's PATH has.
HERE = PATH="$$($(PYTHON) -m tools path):$$PATH:/usr/sbin:/sbin" &&
STACK_HERE = $(HERE) pulumi stack select --create $(STACK) && \
             python3 -m tools mend --stack $(STACK) $(REPEATABLE) &&

.PHONY: up preview down doctor verify observability test lint bench lock proto tools dev state
.DEFAULT_GOAL := up

up: tools state ## the stack, then what it does
	@$(STACK_HERE) $(RUN) pulumi up --yes --skip-preview --stack $(STACK) && \
	  $(RUN) python -m verify --stack $(STACK)

preview: tools state ## what `up` would change
	@$(STACK_HERE) $(RUN) pulumi preview --diff --stack $(STACK)

down: tools state ## nothing left of the stack but its configuration
	@$(STACK_HERE) $(RUN) pulumi destroy --yes --skip-preview --stack $(STACK)

verify: tools state ## observed against planned
	@$(HERE) $(RUN) python -m verify --stack $(STACK)

observability: tools state ## targets, alert rules and a dashboard, as files
	@$(HERE) python -m observability --stack $(STACK) --into $(INTO)

doctor: tools ## what the machine lacks for the stack; nothing is begun
	@$(HERE) $(RUN) python -m doctor --stack $(STACK)

bench: dev state
	@$(HERE) $(RUN) python -m bench

test: dev
	@$(HERE) $(RUN) pytest -n 2 --dist loadgroup

lint: dev
	@$(HERE) ruff check && ruff format --check && mypy && lint-imports

# Pins and hashes for every platform and Python since 3.11; no index is named in the result. The
# runtime's pins come first and bind the others.
LOCK = uv pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
       --universal --python-version 3.11 --custom-compile-command "make lock"
lock: dev
	@$(HERE) $(LOCK) --upgrade requirements.in -o requirements.txt && \
	  $(LOCK) --upgrade requirements-libvirt.in -o requirements-libvirt.txt && \
	  $(LOCK) --upgrade requirements-dev.in -o requirements-dev.txt

# What the twin speaks to GoBGP with, from the part of its API that is used.
proto: dev
	@$(HERE) python -m grpc_tools.protoc --proto_path=. --python_out=. --pyi_out=. twin/gobgp.proto

tools: ## what `up` needs: packages, .venv, the engine
	@$(PYTHON) -m tools install $(if $(filter twin%,$(STACK)),,--libvirt)

dev: ## and what tests and linters need
	@$(PYTHON) -m tools install --dev

# Pulumi's file backend wants its folder to exist.
state:
	@mkdir -p "$(STATE)"
