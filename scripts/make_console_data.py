#!/usr/bin/env python3
"""Fills a node that is thrown away after a test with what its staff look at in the console.

    make_console_data.py BASE_URL SQLITE_FILE      prints the account of a player about whom there is most to see

Events in each status, claims in each, wallets, bans, mutes, reports and dead letters. What is made can be made by the API is;
the past, and what only a fault makes, is written into the database.
"""

import json
import os
import random
import sqlite3
import sys
import time
import urllib.error
import urllib.request
import uuid

from make_staff import guest, staff

MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
NOW = int(time.time() * 1000) // MINUTE * MINUTE
DICE = random.Random(7)

# title, status, from day, to day, rewards: (kind, name, amount, stock, each)
EVENTS = [
    ("Winter tournament of the northern villages", "active", -9, 5, [("points", "gold", 50, None, 3), ("badge", "wolf of winter", 1, 40, 1)]),
    ("겨울 축제: 마피아 세 판 이기기", "active", -3, 11, [("coupon", "커피 쿠폰", 1, 12, 1)]),
    ("Newcomers' week", "inactive", -20, -6, [("item", "lantern", 2, 500, 5)]),
    ("Spring opening", "draft", 9, 30, [("points", "silver", 20, 100, 1)]),
    ("Autumn closing night", "ended", -25, -24, [("points", "copper", 5, 10, 1)]),
]


def post(base, path, token, body, key=None):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    if key:
        headers["Idempotency-Key"] = key
    request = urllib.request.Request(f"{base}/api/v1{path}", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise SystemExit(f"{path}: {error.code} {error.read().decode()}") from None


def make_events(base, admin):
    """Event, reward and status of each reward."""
    made = []
    for title, status, start, end, rewards in EVENTS:
        wish = {"title": title, "description": "Play, and be rewarded for it.", "starts_at": NOW + start * DAY, "ends_at": NOW + end * DAY}
        event = post(base, "/events", admin, wish)["event"]["id"]
        for kind, name, amount, stock, each in rewards:
            wish = {"kind": kind, "name": name, "amount": amount, "stock": stock, "per_account_limit": each}
            made.append((event, post(base, f"/events/{event}/rewards", admin, wish)["reward"]["id"], status))
        if status != "draft":
            post(base, f"/events/{event}/status", admin, {"status": "active"})
    return made


def close_events(base, admin, made):
    for event, status in {(event, status) for event, _, status in made}:
        if status in ("inactive", "ended"):
            post(base, f"/events/{event}/status", admin, {"status": "inactive"})
        if status == "ended":
            post(base, f"/events/{event}/status", admin, {"status": "ended"})


def make_claims(base, players, rewards):
    for n, (account, tokens) in enumerate(players):
        for event, reward, status in rewards:
            for again in range(3 if n == 0 else DICE.randint(0, 2)):
                if status != "draft":
                    post(base, f"/events/{event}/rewards/{reward}/claims", tokens["access_token"], {}, key=f"{reward}-{again}")


def key(text):
    return bytes.fromhex(str(text).replace("-", ""))


def v7(ms):
    return uuid.UUID(int=(ms << 80) | (7 << 76) | DICE.getrandbits(76) & ~(0xF << 76) | 1 << 63).bytes


def age(db):
    """Claims, and what came of them, as if made over the last two days; a few are under way, two were taken back."""
    claims = db.execute("SELECT claim_id FROM claims ORDER BY claim_id").fetchall()
    ages = sorted((int(DICE.triangular(0, 2 * DAY, 2 * HOUR)) for _ in claims), reverse=True)
    for (claim,), old in zip(claims, ages):
        at = NOW - old
        db.execute("UPDATE claims SET created_at = ?, updated_at = ? WHERE claim_id = ?", (at, at + 400, claim))
        db.execute("UPDATE ledger SET at = ? WHERE ref = ?", (at + 300, claim))
    some = db.execute("SELECT claim_id FROM claims WHERE status = 'granted' AND kind = 'badge' LIMIT 5").fetchall()
    for n, (claim,) in enumerate(some):
        state = ("granting", NOW + DAY) if n < 3 else ("compensated", None)
        db.execute("UPDATE claims SET status = ?, due_at = ?, reason = ? WHERE claim_id = ?", (*state, None if n < 3 else "account_banned", claim))


def duels(db, players):
    """Duels that both reported alike, and some of which staff must decide."""
    ids = [(key(account), account) for account, _ in players]
    for n in range(12):
        (a, first), (b, second) = ids[n % len(ids)], ids[(n + 1) % len(ids)]
        outcome = ["disputed", "agreed", "disputed", "unreported"][n % 4]
        reports = [{"player_id": first, "winner": first, "frames": 5400, "checksum": "9f86d081884c7d659a2feaa0c55ad015"}]
        if outcome != "unreported":
            reports.append({"player_id": second, "winner": first if outcome == "agreed" else second, "frames": 5398, "checksum": None})
        row = (v7(NOW - n * HOUR), a, b, outcome, a if outcome == "agreed" else None, json.dumps(reports), NOW - n * HOUR)
        db.execute("INSERT INTO duels (session_id, player_a, player_b, outcome, winner, reports, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?)", row)


def trouble(db, players):
    """Reports, open and closed, and dead letters."""
    log = json.dumps({"chat": [{"at": NOW, "channel": "day", "nickname": "Ann", "text": "<b>you</b> are all fools, every one of you"}], "room": []})
    ids = [key(account) for account, _ in players]
    columns = [row[1] for row in db.execute("PRAGMA table_info(reports)")]
    for n in range(9):
        closed = n % 3 == 0
        row = {
            "id": v7(NOW - n * HOUR), "room_id": uuid.uuid4().bytes, "by_account": ids[n + 1], "about": ids[0 if n < 5 else n],
            "reason": ["insults", "cheating", "아무 말 없이 나감"][n % 3], "log": log, "at": NOW - n * HOUR,
            "resolved_at": NOW if closed else None, "resolved_by": ids[1] if closed else None, "note": "warned" if closed else None,
        }
        row = {name: value for name, value in row.items() if name in columns}
        db.execute(f"INSERT INTO reports ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", tuple(row.values()))
    for n in range(6):
        error = "no schema has the fingerprint 0x5be1c0ffee: was it written by a newer version?"
        letter = (v7(NOW - n * HOUR), uuid.uuid4().bytes, ["counters", "grants"][n % 2], ["game_won", "item_granted"][n % 2], NOW - n * HOUR - 9_000, os.urandom(90), 5, error, NOW - n * HOUR)
        db.execute("INSERT INTO dead_letters (id, fact_id, consumer, kind, at, body, tries, error, died_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", letter)


def sound_letter(db, account):
    """A dead letter that is taken when it is tried again: whatever was wrong has been mended."""
    history = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "schemas", "history", "level_up")
    (form,) = os.listdir(history)
    print_of_form = int(form.removesuffix(".avsc"), 16).to_bytes(8, "little")
    fact, at = uuid.uuid4(), NOW - HOUR
    values = {"fact_id": str(fact), "at": at, "account": account, "level": 7}
    with open(os.path.join(history, form), encoding="utf-8") as schema:
        names = [field["name"] for field in json.load(schema)["fields"]]
    body = b"\xc3\x01" + print_of_form + b"".join(avro(values[name]) for name in names)
    letter = (v7(NOW - 9 * HOUR), fact.bytes, "counters", "level_up", at, body, 5, "the database was away", NOW - 9 * HOUR)
    db.execute("INSERT INTO dead_letters (id, fact_id, consumer, kind, at, body, tries, error, died_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", letter)


def avro(value):
    """A string or a whole number, as Avro writes it."""
    if isinstance(value, str):
        return avro(len(value.encode())) + value.encode()
    rest, out = value << 1 if value >= 0 else (-value << 1) - 1, b""
    while rest > 0x7F:
        out, rest = out + bytes([rest & 0x7F | 0x80]), rest >> 7
    return out + bytes([rest])


def make_showtime(base, admin, players):
    """An evening whose seats are partly sold and partly held."""
    wish = {"title": "A night of the old hands", "starts_at": NOW + 2 * DAY, "price_points": 0}
    showtime = post(base, "/showtimes", admin, wish)["showtime"]["id"]
    labels = [f"{row}{n}" for row in "ABCDEF" for n in range(1, 11)]
    seats = post(base, f"/showtimes/{showtime}/seats", admin, {"labels": labels})["items"]
    for n, (_, tokens) in enumerate(players[:14]):
        path = f"/showtimes/{showtime}/seats/{seats[n * 3]['id']}/reservations"
        held = post(base, path, tokens["access_token"], None, f"hold-{n}")["reservation"]["id"]
        if n % 3:
            post(base, f"/reservations/{held}/payment", tokens["access_token"], None, f"pay-{n}")


def main(base, database):
    _, admin = staff(base, database, "ADMIN")
    admin = admin["access_token"]
    players = [guest(base) for _ in range(24)]
    rewards = make_events(base, admin)
    make_claims(base, players, rewards)
    close_events(base, admin, rewards)
    make_showtime(base, admin, players)
    for n, (account, _) in enumerate(players[1:5]):
        ends = {} if n % 2 else {"ends_at": NOW + DAY}
        post(base, f"/admin/accounts/{account}/ban", admin, {"reason": "several accounts in one room", **ends})
    post(base, f"/admin/accounts/{players[1][0]}/unban", admin, {})
    for account, _ in players[5:9]:
        post(base, f"/admin/players/{account}/mute", admin, {"reason": "insults", "minutes": 600})
    with sqlite3.connect(database, timeout=10) as db:
        age(db)
        trouble(db, players)
        duels(db, players)
        sound_letter(db, players[0][0])
    print(players[0][0])


if __name__ == "__main__":
    main(*sys.argv[1:])
