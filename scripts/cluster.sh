#!/usr/bin/env bash
# Three nodes on this machine, with a Redis and a PostgreSQL of their own. Ctrl-C stops all of it and leaves nothing.
#
#   scripts/cluster.sh [NODES [ARGUMENTS OF EACH NODE…]]
#
# Three nodes by default; built in release unless PLAYHOUSE names a binary.
#
# The nodes play on 8081, 8082 …, their operators' listeners are on 9081, 9082 …
set -Eeuo pipefail
cd "$(dirname "$0")/.."

nodes=${1:-3}
shift || true
dir=$(mktemp -d)
pids=()

stop() {
  trap - EXIT INT TERM
  echo "stopping"
  for ((n = ${#pids[@]} - 1; n >= 0; n--)); do # nodes first, so that they drain
    kill -TERM "${pids[n]}" 2>/dev/null || true
    wait "${pids[n]}" 2>/dev/null || true
  done
  rm -rf "$dir"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

need() {
  command -v "$1" >/dev/null || { echo "$1 is not installed (scripts/test.sh installs it)" >&2; exit 1; }
}

as_postgres() { # PostgreSQL refuses to run as root
  if [ "$(id -u)" -eq 0 ]; then
    exec setpriv --reuid=postgres --regid=postgres --clear-groups -- "$@"
  fi
  exec "$@"
}

free_port() {
  local port
  while port=$((20000 + RANDOM % 20000)); (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do :; done
  echo "$port"
}

need redis-server
bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -n 1)
[ -n "$bin" ] || { echo "PostgreSQL is not installed (scripts/test.sh installs it)" >&2; exit 1; }
playhouse=${PLAYHOUSE:-}
if [ -z "$playhouse" ]; then
  cargo build --release --locked
  playhouse=${CARGO_TARGET_DIR:-target}/release/playhouse
fi

redis=$(free_port)
redis-server --port "$redis" --bind 127.0.0.1 --save '' --appendonly no --dir "$dir" >"$dir/redis.log" &
pids+=($!)

postgres=$(free_port)
[ "$(id -u)" -ne 0 ] || chown postgres "$dir"
(as_postgres "$bin/initdb" -A trust -U postgres -E UTF8 --locale=C -D "$dir/postgres" >"$dir/initdb.log")
(as_postgres "$bin/postgres" -D "$dir/postgres" -p "$postgres" -h 127.0.0.1 -k "$dir" >"$dir/postgres.log" 2>&1) &
pids+=($!)
until "$bin/pg_isready" -q -h 127.0.0.1 -p "$postgres"; do sleep 0.1; done

for ((n = 1; n <= nodes; n++)); do
  "$playhouse" --set "server.listen=127.0.0.1:$((8080 + n))" --set "admin.listen=127.0.0.1:$((9080 + n))" \
    --set "node.id=node$n" --set "redis.url=redis://127.0.0.1:$redis" \
    --set "database.url=postgres://postgres@127.0.0.1:$postgres/postgres" "$@" >"$dir/node$n.log" 2>&1 &
  pids+=($!)
  for ((tries = 0; ; tries++)); do
    curl -fsS "http://127.0.0.1:$((9080 + n))/readyz" >/dev/null 2>&1 && break
    if ((tries > 200)) || ! kill -0 "${pids[-1]}" 2>/dev/null; then
      echo "node $n did not come up:" >&2
      tail -n 30 "$dir/node$n.log" >&2
      exit 1
    fi
    sleep 0.1
  done
  echo "node$n  http://127.0.0.1:$((8080 + n))  process ${pids[-1]}"
done
echo "All nodes are one cluster: a room made on one is joined on any. Try kill -9 on a process above. Ctrl-C stops all."
wait -n "${pids[@]:0:2}" # Redis and PostgreSQL must live; nodes may die
