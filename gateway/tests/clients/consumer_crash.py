"""Kills the storefront of docs/consumer again and again while a sale runs, then compares three ledgers.

Usage: consumer_crash.py HOST PORT PROTOCOL, on a server that sells nothing else.

The storefront's database, the payment provider and the server must agree on every order, every charge
and every refund, and the provider must have been asked twice for some of them: else nothing was tested.
Prints one line per check; exits 1 at the first difference and says what differed.
"""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import redis

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "docs/consumer"))
import consumer  # noqa: E402  the worked example itself, not a copy

SALE_SECONDS = 6
SALE_SECONDS_MAX = 40
KILLS_MIN = 15
# Refunds of each kind that the sale must have led to before it may end.
REFUNDS_MIN = 5
OFFERS = {
    "flash": '{"price":1990,"stock":1500}',
    "points": '{"price":{"cash":250,"points":7},"stock":500}',
    # Holds so short that the storefront is often late: the money is owed back.
    "brief": '{"price":300,"stock":500,"hold":"250ms"}',
    # Groups that mostly fail: everybody gets back what they paid.
    "team": '{"price":900,"stock":900,"settle":{"group":{"size":4,"open":"3s","leave":true}}}',
    "gift": '{"price":0,"stock":200}',
}


class Difference(Exception):
    """Two ledgers that should be equal and are not."""


class Bank:
    """A provider with a ledger of its own that outlives the storefront, and that is sometimes the last thing it calls."""

    def __init__(self, path, mortal):
        self.db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.execute("CREATE TABLE IF NOT EXISTS transfers (key TEXT PRIMARY KEY, kind TEXT, cash INTEGER, points INTEGER)")
        self.db.execute("CREATE TABLE IF NOT EXISTS calls (key TEXT)")
        self.mortal = mortal

    def charge(self, key, cash, points):
        self.move(key, "charge", cash, points)

    def refund(self, key, cash, points):
        self.move(key, "refund", cash, points)

    def move(self, key, kind, cash, points):
        self.db.execute("INSERT INTO calls VALUES (?)", (key,))
        self.db.execute("INSERT OR IGNORE INTO transfers VALUES (?, ?, ?, ?)", (key, kind, cash, points))
        # Dies with the money moved and nobody told.
        if self.mortal and random.random() < 0.002:
            os.kill(os.getpid(), signal.SIGKILL)

    def transfers(self, kind):
        rows = self.db.execute("SELECT key, cash, points FROM transfers WHERE kind = ?", (kind,))
        return {key: (cash, points) for key, cash, points in rows}

    def repeats(self):
        return self.db.execute("SELECT count(*) FROM calls").fetchone()[0] - self.db.execute(
            "SELECT count(*) FROM transfers"
        ).fetchone()[0]


def connect(host, port, protocol):
    return redis.Redis(
        host=host, port=int(port), protocol=int(protocol), decode_responses=True, socket_timeout=10
    )


def pairs(answer):
    return answer if isinstance(answer, dict) else dict(zip(answer[::2], answer[1::2]))


def storefront(folder):
    return consumer.Storefront(f"{folder}/storefront.db")


def be_the_consumer(host, port, protocol, folder):
    """The process that is killed."""
    bank = Bank(f"{folder}/bank.db", mortal=True)
    reader = consumer.Consumer(connect(host, port, protocol), storefront(folder), bank)
    print("begins", flush=True)
    reader.run()


class Crowd(threading.Thread):
    """Buys, cancels and returns until it is told to stop; never pays, that is the storefront's part."""

    def __init__(self, host, port, protocol):
        super().__init__()
        self.client = connect(host, port, protocol)
        self.is_over = threading.Event()
        self.failure = None
        # Units given back after they were paid: by a member who left, and by a winner.
        self.left = 0
        self.returned = 0

    def run(self):
        try:
            self.sell()
        except Exception as error:  # noqa: BLE001  told to the main thread, which fails
            self.failure = error

    def sell(self):
        count = 0
        names = list(OFFERS)
        while not self.is_over.is_set():
            pipe = self.client.pipeline(transaction=False)
            for _ in range(16):
                count += 1
                offer = names[count % len(names)]
                group = ["GROUP", random.choice(["NEW", "ANY"])] if offer == "team" else []
                units = ["QTY", 2] if offer == "flash" else []
                pipe.execute_command("BUY", offer, f"buyer{count}", f"r{count}", *group, *units)
                if count > 100:
                    # Some of these are held, some paid, some long over.
                    older = count - random.randrange(1, 100)
                    order = (names[older % len(names)], f"r{older}")
                    match random.randrange(8):
                        case 0:
                            pipe.execute_command("CANCEL", *order)
                        case 1:
                            pipe.execute_command("RETURN", *order)
                        case 2:
                            pipe.execute_command("RETURN", *order, "QTY", 1, "OP", "first")
            # Misuse, such as returning what is no longer there, comes back as an error among the answers.
            answers = pipe.execute(raise_on_error=False)
            for answer in answers:
                self.note({} if isinstance(answer, redis.ResponseError) else pairs(answer))
            self.is_over.wait(0.02)


    def note(self, answer):
        if answer.get("owe") and answer["status"] in ("REFUNDED", "WON"):
            if "group" in answer:
                self.left += 1
            else:
                self.returned += 1


def kill_again_and_again(arguments, crowd):
    """Returns how many died, by our hand or by the bank's."""
    deaths = 0
    begin = time.monotonic()
    while (
        time.monotonic() < begin + SALE_SECONDS
        or deaths < KILLS_MIN
        or min(crowd.left, crowd.returned) < REFUNDS_MIN
    ):
        if crowd.failure:
            raise crowd.failure
        if time.monotonic() > begin + SALE_SECONDS_MAX:
            raise Difference(f"after {SALE_SECONDS_MAX} s: {crowd.left} left, {crowd.returned} returned")
        live_and_die(arguments)
        deaths += 1
    return deaths


def live_and_die(arguments):
    """One life of the consumer; most of them get as far as working, whatever else the machine is busy with."""
    with subprocess.Popen([sys.executable, __file__, "--consumer", *arguments], stdout=subprocess.PIPE) as child:
        if random.random() < 0.9:
            child.stdout.readline()
        try:
            child.wait(random.uniform(0.0, 0.7))
        except subprocess.TimeoutExpired:
            child.kill()
        if child.wait() != -signal.SIGKILL:
            raise Difference(f"the consumer ended by itself with {child.returncode}")


def work_off(client, folder):
    """Lets a consumer that nobody kills work until it has read everything and nothing is due."""
    last = consumer.Consumer(client, storefront(folder), Bank(f"{folder}/bank.db", mortal=False))
    ends = time.monotonic() + 30
    while is_undecided(client) or last.turn(wait_ms=200) or not is_at_the_end(client, last):
        last.turn(wait_ms=200)
        if time.monotonic() > ends:
            raise Difference("the consumer has not caught up within 30 s")


def is_undecided(client):
    """Whether a hold or a group is still to end: whoever is PAID waits for a group."""
    return any(reservations(client, offer, state) for offer in OFFERS for state in ("HELD", "PAID"))


def is_at_the_end(client, reader):
    places = reader.storefront.places(reader.shards)
    ends = {shard: client.xinfo_stream(f"feed:{shard}")["last-generated-id"] for shard in places}
    return all(place in ("0", ends[shard]) for shard, place in places.items())


def reservations(client, offer, *state):
    """What the server says of each reservation of an offer: id → answer."""
    found, cursor = {}, 0
    while True:
        condition = ["STATE", state[0]] if state else []
        page = pairs(client.execute_command("RESERVATIONS", offer, *condition, "CURSOR", cursor, "COUNT", 1000))
        for answer in map(pairs, page["reservations"]):
            found[answer["id"]] = answer
        if "cursor" not in page:
            return found
        cursor = page["cursor"]


def whole_feed(client):
    """Every entry of every shard, from the first, checked to be without a gap."""
    entries = []
    for shard in range(client.info("stampede")["shards"]):
        place, number = "0", 0
        while page := consumer.feeds(client.xread({f"feed:{shard}": place}, count=1000)):
            for entry_id, fields in page[0][1]:
                number += 1
                if int(entry_id.split("-")[1]) != number:
                    raise Difference(f"feed:{shard} has {entry_id} where {number} was due")
                entries.append(consumer.Entry(shard, entry_id, fields))
                place = entry_id
    return entries


def same(what, one, other):
    if one != other:
        only = [f"{key}: {one.get(key)} / {other.get(key)}" for key in one | other if one.get(key) != other.get(key)]
        raise Difference(f"{what}, {len(only)} differ: {'; '.join(only[:5])}")


def check_refunds(client, bank, passed):
    entries = whole_feed(client)
    owed = {
        entry.ref: (entry.number("owe"), entry.number("owe_points"))
        for entry in entries
        if entry.number("owe") or entry.number("owe_points")
    }
    same("owed on the feed / refunded by the provider", owed, bank.transfers("refund"))
    reasons = {entry.fields["type"] for entry in entries if entry.ref in owed}
    if not {"owed", "refunded", "returned"} <= reasons:
        raise Difference(f"the sale owed money by {reasons} alone: nothing was tested")
    passed(f"each of {len(owed)} refunds was made once, to the cent")
    asked = {
        entry.ref: (entry.number("amount"), entry.number("points"))
        for entry in entries
        if entry.fields["type"] == "held"
    }
    charged = bank.transfers("charge")
    same("charged by the provider / asked for on the feed", charged, {ref: asked.get(ref) for ref in charged})
    references = {entry.fields.get("ref"): True for entry in entries if entry.fields["type"] in ("paid", "won", "owed")}
    lost = [ref for ref in charged if ref not in references]
    if lost:
        raise Difference(f"charged and never told to the engine: {lost[:5]}")
    passed(f"each of {len(charged)} charges was made once and reached the engine")


def check_sums(client, bank, passed):
    sums = {"paid": 0, "paid_points": 0, "owed": 0, "owed_points": 0}
    for offer in OFFERS:
        audit = pairs(client.execute_command("AUDIT", offer))
        if audit["status"] != "OK":
            raise Difference(f"AUDIT {offer}: {audit}")
        for key in sums:
            sums[key] += audit.get(key, 0)
    ledger = {}
    for kind, name in (("charge", "paid"), ("refund", "owed")):
        moved = bank.transfers(kind).values()
        ledger[name] = sum(cash for cash, _ in moved)
        ledger[f"{name}_points"] = sum(points for _, points in moved)
    same("AUDIT's sums / the provider's", sums, ledger)
    passed(f"the provider's ledger equals AUDIT: {ledger['paid']} taken, {ledger['owed']} paid back")


def check_orders(client, folder, passed):
    kept = storefront(folder).db.execute("SELECT offer, id, buyer, qty, state FROM orders")
    orders = {(offer, order): (buyer, state.upper()) for offer, order, buyer, _, state in kept}
    server = {
        (offer, order): (answer["buyer"], answer["status"])
        for offer in OFFERS
        for order, answer in reservations(client, offer).items()
    }
    same("the storefront's orders / the server's", orders, server)
    passed(f"the storefront knows {len(orders)} orders as the server does")


def main(host, port, protocol):
    label = f"consumer RESP{protocol}"

    def passed(name):
        print(f"ok {label}: {name}", flush=True)

    with tempfile.TemporaryDirectory() as folder:
        client = connect(host, port, protocol)
        for offer, terms in OFFERS.items():
            client.execute_command("OFFER", "PUT", offer, terms)
        crowd = Crowd(host, port, protocol)
        crowd.start()
        try:
            deaths = kill_again_and_again((host, port, protocol, folder), crowd)
        finally:
            crowd.is_over.set()
            crowd.join()
        work_off(client, folder)
        bank = Bank(f"{folder}/bank.db", mortal=False)
        if bank.repeats() == 0:
            raise Difference("the provider was never asked twice: no kill hit between a transfer and its mark")
        passed(f"killed {deaths} times; the provider was asked again {bank.repeats()} times and moved nothing then")
        check_refunds(client, bank, passed)
        check_sums(client, bank, passed)
        check_orders(client, folder, passed)


if __name__ == "__main__":
    if sys.argv[1] == "--consumer":
        be_the_consumer(*sys.argv[2:])
    try:
        main(*sys.argv[1:4])
    except (Difference, redis.RedisError, KeyError) as error:
        print(f"FAILED consumer RESP{sys.argv[3]}: {error!r}", file=sys.stderr)
        sys.exit(1)
