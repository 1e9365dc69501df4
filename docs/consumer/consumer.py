"""A storefront that charges and refunds exactly once, whatever crashes and whenever.

It reads Stampede's feed from a place that it keeps itself, in the same database and the same
transaction as everything that it makes of the entries. docs/consumer.md explains it line by line.

    consumer.py HOST PORT storefront.db

Needs redis-py. The database is SQLite here; any database with transactions serves as well.
"""

import sqlite3
import sys
import time
from typing import NamedTuple, Protocol

import redis

ENTRIES_PER_READ = 500
EFFECTS_PER_TURN = 100

SCHEMA = """
-- The last entry of each shard's feed that was worked off.
CREATE TABLE IF NOT EXISTS places (shard INTEGER PRIMARY KEY, entry TEXT NOT NULL);

-- `qty` is what the buyer has: bought and not returned.
CREATE TABLE IF NOT EXISTS orders (
    offer TEXT NOT NULL, id TEXT NOT NULL, buyer TEXT NOT NULL, qty INTEGER NOT NULL, state TEXT NOT NULL,
    PRIMARY KEY (offer, id)
);

-- What is to be charged. `ref` is '<shard>/<entry>': the entry of the feed that asked for it.
CREATE TABLE IF NOT EXISTS charges (
    ref TEXT PRIMARY KEY, offer TEXT NOT NULL, id TEXT NOT NULL, cash INTEGER NOT NULL, points INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('due', 'started', 'done', 'void'))
);
CREATE INDEX IF NOT EXISTS charges_open ON charges (state) WHERE state IN ('due', 'started');
CREATE INDEX IF NOT EXISTS charges_of_order ON charges (offer, id);

-- What is to be paid back, keyed in the same way.
CREATE TABLE IF NOT EXISTS refunds (
    ref TEXT PRIMARY KEY, offer TEXT NOT NULL, id TEXT NOT NULL, cash INTEGER NOT NULL, points INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('due', 'done'))
);
CREATE INDEX IF NOT EXISTS refunds_open ON refunds (state) WHERE state = 'due';
"""


class Provider(Protocol):
    """Who moves the money. Both calls do nothing the second time that they see a key."""

    def charge(self, key: str, cash: int, points: int) -> None: ...

    def refund(self, key: str, cash: int, points: int) -> None: ...


class Entry(NamedTuple):
    """One entry of the feed."""

    shard: int
    id: str
    fields: dict[str, str]

    @property
    def ref(self) -> str:
        """Names the entry among all shards: the key of whatever is done because of it."""
        return f"{self.shard}/{self.id}"

    def number(self, field: str) -> int:
        return int(self.fields.get(field, 0))


class Storefront:
    """The storefront's own database: its orders, its money, and how far it has read."""

    def __init__(self, path):
        self.db = sqlite3.connect(path, isolation_level=None)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = FULL")
        self.db.executescript(SCHEMA)

    def places(self, shards):
        kept = dict(self.db.execute("SELECT shard, entry FROM places"))
        return {shard: kept.get(shard, "0") for shard in range(shards)}

    def take(self, entries):
        """Works off entries: what they lead to and the new places become durable together, or not at all."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            for entry in entries:
                self._apply(entry)
                self.db.execute(
                    "INSERT INTO places VALUES (?, ?) ON CONFLICT (shard) DO UPDATE SET entry = excluded.entry",
                    (entry.shard, entry.id),
                )
            self.db.execute("COMMIT")
        except BaseException:
            self.db.execute("ROLLBACK")
            raise

    def _apply(self, entry):
        fields = entry.fields
        order = (fields.get("offer"), fields.get("id"))
        match fields["type"]:
            case "held" | "promoted":
                self._enter(order, fields, "held")
                self._add_charge(entry, order)
            case "waiting":
                self._enter(order, fields, "waiting")
            case "paid" | "won" | "released" | "refunded" | "forfeited" as state:
                # Also the first entry of an order with nothing to pay.
                self._enter(order, fields, state)
                # Somebody else has paid it, or it is over. Too late only for what has already been started: then the
                # PAY is one too many, or late, and what it took is owed.
                self.db.execute(
                    "UPDATE charges SET state = 'void' WHERE offer = ? AND id = ? AND state = 'due'", order
                )
            case "returned":
                units = entry.number("qty")
                self.db.execute(
                    "UPDATE orders SET state = CASE qty WHEN ? THEN 'refunded' ELSE state END, qty = qty - ?"
                    " WHERE offer = ? AND id = ?",
                    (units, units, *order),
                )
        # Every type may owe something, also one that this program does not know.
        if entry.number("owe") or entry.number("owe_points"):
            self.db.execute(
                "INSERT INTO refunds VALUES (?, ?, ?, ?, ?, 'due')",
                (entry.ref, *order, entry.number("owe"), entry.number("owe_points")),
            )

    def _enter(self, order, fields, state):
        known = self.db.execute("UPDATE orders SET state = ? WHERE offer = ? AND id = ?", (state, *order))
        if known.rowcount == 0:
            values = (*order, fields["buyer"], int(fields["qty"]), state)
            self.db.execute("INSERT INTO orders VALUES (?, ?, ?, ?, ?)", values)

    def _add_charge(self, entry, order):
        money = (entry.number("amount"), entry.number("points"))
        self.db.execute("INSERT INTO charges VALUES (?, ?, ?, ?, ?, 'due')", (entry.ref, *order, *money))

    def start_charges(self):
        """The next charges, marked as started: from here on they are carried through, come what may."""
        self.db.execute(
            "UPDATE charges SET state = 'started' WHERE ref IN (SELECT ref FROM charges WHERE state = 'due' LIMIT ?)",
            (EFFECTS_PER_TURN,),
        )
        return self.db.execute("SELECT ref, offer, id, cash, points FROM charges WHERE state = 'started'").fetchall()

    def due_refunds(self):
        return self.db.execute(
            "SELECT ref, cash, points FROM refunds WHERE state = 'due' LIMIT ?", (EFFECTS_PER_TURN,)
        ).fetchall()

    def give_back(self, charges):
        """What was taken for orders that the engine no longer has. Their offers were removed."""
        self.db.executemany(
            "INSERT INTO refunds VALUES (?, ?, ?, ?, ?, 'due') ON CONFLICT (ref) DO NOTHING", charges
        )

    def finish(self, table, refs):
        self.db.execute("BEGIN IMMEDIATE")
        self.db.executemany(f"UPDATE {table} SET state = 'done' WHERE ref = ?", [(ref,) for ref in refs])
        self.db.execute("COMMIT")


class Consumer:
    """Reads the feed, charges what is held, pays back what is owed."""

    def __init__(self, client, storefront, provider):
        self.client = client
        self.storefront = storefront
        self.provider = provider
        self.shards = client.info("stampede")["shards"]

    def run(self):
        """Goes on until it is stopped. A server that is away is waited for."""
        while True:
            try:
                self.turn()
            except (redis.ConnectionError, redis.TimeoutError):
                time.sleep(0.2)
            except redis.ResponseError as error:
                # The server is there and cannot take the payment now: what was asked is asked again.
                if not str(error).startswith(("BUSY", "DISKFULL", "SHARDDOWN")):
                    raise
                time.sleep(0.2)

    def turn(self, wait_ms=1000):
        """Finishes what an earlier turn or an earlier life has left, then reads on. Says whether there was anything."""
        charges, refunds = self.storefront.start_charges(), self.storefront.due_refunds()
        self.charge(charges)
        self.refund(refunds)
        is_busy = bool(charges or refunds)
        entries = self.read(None if is_busy else wait_ms)
        self.storefront.take(entries)
        return is_busy or bool(entries)

    def charge(self, charges):
        for ref, _, _, cash, points in charges:
            self.provider.charge(ref, cash, points)
        pipe = self.client.pipeline(transaction=False)
        for ref, offer, order, cash, _ in charges:
            # The same REF again is a replay, so that it does not matter how often this is sent.
            pipe.execute_command("PAY", offer, order, "AMOUNT", cash, "REF", ref)
        unknown = []
        for charge, answer in zip(charges, pipe.execute()):
            pairs = answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2]))
            if pairs["status"] == "UNKNOWN":
                unknown.append(charge)
            elif pairs["status"] == "AMOUNT":
                raise RuntimeError(f"{charge}: money was taken that the engine does not want: {pairs}")
        # Before the charges are done: a crash in between asks again, and finds the refunds there.
        self.storefront.give_back(unknown)
        self.storefront.finish("charges", [ref for ref, *_ in charges])

    def refund(self, refunds):
        for ref, cash, points in refunds:
            self.provider.refund(ref, cash, points)
        self.storefront.finish("refunds", [ref for ref, *_ in refunds])

    def read(self, wait_ms):
        places = self.storefront.places(self.shards)
        answer = self.client.xread(
            {f"feed:{shard}": entry for shard, entry in places.items()}, count=ENTRIES_PER_READ, block=wait_ms
        )
        return [
            Entry(int(feed.removeprefix("feed:")), entry_id, fields)
            for feed, entries in feeds(answer)
            for entry_id, fields in entries
        ]


def feeds(answer):
    """The pairs of feed and entries in an answer of `xread`, which redis-py shapes by protocol."""
    if isinstance(answer, dict):
        return [(feed, entries[0]) for feed, entries in answer.items()]
    return answer


class PrintingProvider:
    """Stands where a payment provider's client goes: says what it would move, and moves nothing."""

    def charge(self, key, cash, points):
        print(f"charge {key}: {cash} and {points} points", flush=True)

    def refund(self, key, cash, points):
        print(f"refund {key}: {cash} and {points} points", flush=True)


def main():
    host, port, path = sys.argv[1:4]
    client = redis.Redis(host=host, port=int(port), decode_responses=True, socket_timeout=10)
    Consumer(client, Storefront(path), PrintingProvider()).run()


if __name__ == "__main__":
    main()
