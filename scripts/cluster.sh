#!/usr/bin/env bash
# Three nodes on this machine, with a Redis and a PostgreSQL of their own. Ctrl-C stops all of it and leaves nothing.
#
#   scripts/cluster.sh [NODES [ARGUMENTS OF EACH NODE…]]
#
# Three nodes by default; built in release unless PLAYHOUSE names a binary.
#
# The nodes play on 8081, 8082 …, their operators' listeners are on 9081, 9082 … With PLAYHOUSE_PORT=20000 it is 20001 …
# and 21001 …
set -Eeuo pipefail
cd "$(dirname "$0")/.."

case ${1:-3} in
  -h | --help) sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//p}' "$0"; exit 0 ;;
  [1-9]) nodes=${1:-3} ;;
  *) echo "how many nodes, 1 to 9? (try --help)" >&2; exit 2 ;;
esac
shift || true
first=${PLAYHOUSE_PORT:-8080}
longest_stop=30 # seconds; a node takes twice server.drain_ms at worst
dir=$(mktemp -d)
services=() # Redis and PostgreSQL
servers=()  # the nodes

# ---------------------------------------------------------------- the end

end() { # end SIGNAL PROCESS: waits for it, and kills it if it takes too long
  kill "-$1" "$2" 2>/dev/null || return 0
  local tenths
  for ((tenths = longest_stop * 10; tenths > 0; tenths--)); do
    kill -0 "$2" 2>/dev/null || break
    sleep 0.1
  done
  if ((tenths == 0)); then
    echo "process $2 did not end in $longest_stop s: killed" >&2
    kill -KILL "$2" 2>/dev/null || true
  fi
  wait "$2" 2>/dev/null || true
}

stop() {
  local status=$? process
  trap - EXIT
  trap '' INT TERM HUP # once is enough
  [ ${#servers[@]} -eq 0 ] || echo "stopping"
  # Nodes first, each while the others and the services are there, so that they drain.
  for process in "${servers[@]}"; do end TERM "$process"; done
  for process in "${services[@]}"; do end INT "$process"; done # PostgreSQL: at once, whoever is connected
  rm -rf "$dir"
  exit "$status"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() { # fail MESSAGE [LOG]
  echo "$1" >&2
  [ -z "${2:-}" ] || tail -n 30 "$2" >&2
  exit 1
}

# ---------------------------------------------------------------- what it needs

need() { # need PROGRAM PACKAGE
  command -v "$1" >/dev/null || fail "$1 is missing: apt-get install --no-install-recommends $2 (Debian starts a service of its own of it; scripts/test.sh installs it without)"
}

need redis-server redis-server
need curl curl
need setsid util-linux
# Debian has PostgreSQL's programs outside the PATH.
bin=$({ find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null || true; } | sort -V | tail -n 1)
PATH=${bin:+$bin:}$PATH
for program in initdb postgres pg_isready; do need "$program" postgresql; done
[ "$(id -u)" -ne 0 ] || id postgres >/dev/null 2>&1 || fail "PostgreSQL refuses to run as root, and there is no user postgres: run this as another user"
playhouse=${PLAYHOUSE:-}
if [ -z "$playhouse" ]; then
  cargo build --release --locked --bin playhouse
  playhouse=${CARGO_TARGET_DIR:-target}/release/playhouse
fi
[ -x "$playhouse" ] || fail "$playhouse (PLAYHOUSE) is no program"

# ---------------------------------------------------------------- the services

as_postgres() { # PostgreSQL refuses to run as root
  if [ "$(id -u)" -eq 0 ]; then
    exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
  fi
  exec "$@"
}

listens() { (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
  local port
  while port=$((20000 + RANDOM % 10000)); listens "$port"; do :; done
  echo "$port"
}

until_up() { # until_up NAME PROCESS LOG COMMAND…
  local name=$1 process=$2 log=$3 tenths
  shift 3
  for ((tenths = 300; tenths > 0; tenths--)); do
    ! "$@" >/dev/null 2>&1 || return 0
    kill -0 "$process" 2>/dev/null || break
    sleep 0.1
  done
  fail "$name did not come up:" "$log"
}

# Each in a session of its own: Ctrl-C is for this script, which stops them in order.
redis=$(free_port)
setsid redis-server --port "$redis" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" >"$dir/redis.log" 2>&1 &
services+=($!)
until_up Redis "${services[-1]}" "$dir/redis.log" listens "$redis"

postgres=$(free_port)
[ "$(id -u)" -ne 0 ] || chown postgres "$dir"
(as_postgres initdb -A trust -U postgres -E UTF8 --locale=C -D "$dir/postgres" >"$dir/initdb.log" 2>&1) \
  || fail "initdb:" "$dir/initdb.log"
(as_postgres setsid postgres -D "$dir/postgres" -p "$postgres" -h 127.0.0.1 -k "$dir" >"$dir/postgres.log" 2>&1) &
services+=($!)
until_up PostgreSQL "${services[-1]}" "$dir/postgres.log" pg_isready -q -h 127.0.0.1 -p "$postgres"

# ---------------------------------------------------------------- the nodes

for ((n = 1; n <= nodes; n++)); do
  for port in $((first + n)) $((first + 1000 + n)); do
    ! listens "$port" || fail "something listens on port $port already"
  done
  setsid env -u PLAYHOUSE_CONFIG "$playhouse" --set "server.listen=127.0.0.1:$((first + n))" --set "admin.listen=127.0.0.1:$((first + 1000 + n))" \
    --set "node.id=node$n" --set "media.udp_port=$((47100 + n))" --set "redis.url=redis://127.0.0.1:$redis" \
    --set "database.url=postgres://postgres@127.0.0.1:$postgres/postgres" "$@" >"$dir/node$n.log" 2>&1 &
  servers+=($!)
  until_up "node $n" "${servers[-1]}" "$dir/node$n.log" curl -fsS "http://127.0.0.1:$((first + 1000 + n))/readyz"
  echo "node$n  http://127.0.0.1:$((first + n))  process ${servers[-1]}  log $dir/node$n.log"
done
echo "Redis on $redis, process ${services[0]}; PostgreSQL on $postgres, process ${services[1]}"
echo "All nodes are one cluster: a room made on one is joined on any. Try kill -9 on a node above. Ctrl-C stops all."
wait -n "${services[@]}" || true # nodes may die, these may not
fail "Redis or PostgreSQL has ended" "$dir/postgres.log"
