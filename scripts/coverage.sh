#!/usr/bin/env bash
# Which lines the Rust tests run (issue: 85 % at least), and which files have the most that none does.
#
#   scripts/coverage.sh        the table, and <target>/coverage/lcov.info for an editor
#
# Built apart from everything else, with counters in it, so it takes as long as a first build. What a test kills with
# SIGKILL says nothing of what it ran: the true figure is a little higher. Needs what scripts/test.sh installs.
#
# CARGO_TARGET_DIR  where cargo builds (default: target); the coverage build is in its folder llvm-cov
# LEAST             percent of lines under which this fails (default: 85)
set -Eeuo pipefail
cd "$(dirname "$0")/.."

target=${CARGO_TARGET_DIR:-$PWD/target}
least=${LEAST:-85}
export CARGO_LLVM_COV_TARGET_DIR=$target/llvm-cov CARGO_TERM_COLOR=never
export PLAYHOUSE_SLACK=${PLAYHOUSE_SLACK:-4} # counters and one run at a time make everything slower

rustup component add llvm-tools
cargo llvm-cov --version >/dev/null 2>&1 || cargo install --locked cargo-llvm-cov

runner=(test)
! command -v cargo-nextest >/dev/null || runner=(nextest --config-file scripts/nextest.toml)
mkdir -p "$target/coverage"
cargo llvm-cov "${runner[@]}" --locked --all-features --lib --bins --tests --ignore-run-fail --no-report
# Tests and what is for tests are not counted: they would always be run.
ignore='(/tests/|_tests?\.rs|/tests\.rs|/testkit/|/rustc/|\.cargo/)'
cargo llvm-cov report --ignore-filename-regex "$ignore" --lcov --output-path "$target/coverage/lcov.info"
cargo llvm-cov report --ignore-filename-regex "$ignore" --json --summary-only --output-path "$target/coverage/summary.json"
python3 - "$target/coverage/summary.json" "$PWD/" "$least" <<'PY'
import json, sys

report, root, least = json.load(open(sys.argv[1]))["data"][0], sys.argv[2], float(sys.argv[3])
files = [(f["filename"].removeprefix(root), f["summary"]["lines"]) for f in report["files"]]
files.sort(key=lambda f: f[1]["covered"] - f[1]["count"])
print("lines that no test runs, by file:")
for name, lines in files[:40]:
    print(f"{lines['count'] - lines['covered']:6} of {lines['count']:5}  {lines['percent']:5.1f} %  {name}")
lines = report["totals"]["lines"]
print(f"{lines['percent']:.1f} % of {lines['count']} lines are run by a test (at least {least:g} wanted)")
sys.exit(lines["percent"] < least)
PY
