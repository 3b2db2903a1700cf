#!/usr/bin/env python3
"""Makes a member of the staff in the database of a node that is thrown away after a test.

    make_staff.py BASE_URL SQLITE_FILE ROLE      prints his access token
"""

import json
import sqlite3
import sys
import urllib.request


def call(base, path, body):
    request = urllib.request.Request(
        f"{base}/api/v1{path}", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def guest(base):
    """Account id and tokens of a new guest."""
    made = call(base, "/accounts/guest", {})
    return made["account"]["id"], made["tokens"]


def staff(base, database, role):
    """Account id and tokens of one who has this role."""
    account, tokens = guest(base)
    key = bytes.fromhex(account.replace("-", ""))
    with sqlite3.connect(database, timeout=10) as db:
        done = db.execute("UPDATE accounts SET role = ? WHERE account_id = ?", (role, key))
        assert done.rowcount == 1, "the account is not in the database"
    return account, call(base, "/sessions/refresh", {"refresh_token": tokens["refresh_token"]})["tokens"]


if __name__ == "__main__":
    print(staff(*sys.argv[1:])[1]["access_token"])
