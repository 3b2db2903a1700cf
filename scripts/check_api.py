#!/usr/bin/env python3
"""Holds a running node against its own OpenAPI document with schemathesis.

    check_api.py BASE_URL SQLITE_FILE SCHEMATHESIS

No 5xx, no status that is not documented, no answer of another shape or media type. Asked by nobody, by a guest, and by
an administrator. An administrator is made in the node's database: a fresh one, that is thrown away.
"""

import os
import subprocess
import sys
import tempfile

from make_staff import guest, staff

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,"
    "response_headers_conformance,response_schema_conformance"
)
EXAMPLES = os.environ.get("API_EXAMPLES", "25")
SEED = os.environ.get("API_SEED", "1")
# What ends the sign-in that asks: left to one who is asked for nothing else.
LEAVES = r"/api/v1/(sessions(/current)?|me)$"


def settings(folder, account):
    """A real account where a player is asked for: else every answer would be 404."""
    path = os.path.join(folder, "schemathesis.toml")
    with open(path, "w", encoding="utf-8") as out:
        out.write('[[operations]]\ninclude-path-regex = "/admin/(players|accounts)/"\n')
        out.write(f'parameters = {{ id = "{account}" }}\n')
    return path


def run(schemathesis, base, name, config, token=None, options=()):
    print(f"--- asked by {name}", flush=True)
    command = [schemathesis, "--config-file", config, "run", f"{base}/openapi.json", "--checks", CHECKS]
    command += ["--max-examples", EXAMPLES, "--seed", SEED, "--phases", "examples,coverage,fuzzing", "--no-color"]
    command += ["--generation-database", "none", "--continue-on-failure", *options]
    if token:
        command += ["--header", f"Authorization: Bearer {token}"]
    return subprocess.run(command, check=False, cwd=os.path.dirname(config)).returncode  # it leaves a cache


def main():
    base, database, schemathesis = sys.argv[1], sys.argv[2], os.path.abspath(sys.argv[3])
    account, admin = staff(base, database, "ADMIN")
    token, leaving = guest(base)[1]["access_token"], guest(base)[1]["access_token"]
    with tempfile.TemporaryDirectory() as folder:
        config = settings(folder, account)
        stays = ("--exclude-path-regex", LEAVES)
        failed = [
            run(schemathesis, base, "an administrator", config, admin["access_token"], stays),
            run(schemathesis, base, "a guest", config, token, stays),
            run(schemathesis, base, "one who leaves", config, leaving, ("--include-path-regex", LEAVES)),
            run(schemathesis, base, "nobody", config),
        ]
    sys.exit(1 if any(failed) else 0)


main()
