"""Sells one offer, fills one group and reads the feed through an unmodified redis-py.

Usage: redis_py.py HOST PORT PROTOCOL, where PROTOCOL is 2 or 3.

Prints one line per check. Exits 1 at the first difference and says what differed.
`cargo xtask test` starts the server and runs this; the same scenario runs through
every other client, so a difference here points at this client's way of speaking.
"""

import concurrent.futures
import sys
import time

import redis


class Difference(Exception):
    """What a check found in place of what it expected."""


class Sale:
    """One client, one protocol, and offers that no other run of this script touches."""

    def __init__(self, host, port, protocol):
        self.protocol = protocol
        self.client = redis.Redis(
            host=host, port=port, protocol=protocol, decode_responses=True, socket_timeout=10
        )
        # For a second connection: one that blocks on the feed.
        self.address = {"host": host, "port": port, "protocol": protocol}
        self.sale = f"redis-py-{protocol}-sale"
        self.team = f"redis-py-{protocol}-team"

    def passed(self, name):
        print(f"ok redis-py RESP{self.protocol}: {name}", flush=True)

    def pairs(self, answer):
        """A map as RESP3 sends it, or the flat array that stands for it in RESP2."""
        if self.protocol == 3:
            if not isinstance(answer, dict):
                raise Difference(f"expected a RESP3 map, got {answer!r}")
            return answer
        if not isinstance(answer, list) or len(answer) % 2:
            raise Difference(f"expected a flat array of pairs, got {answer!r}")
        return dict(zip(answer[::2], answer[1::2]))

    def holds(self, answer, **expected):
        """The answer's pairs, after checking that the expected ones are among them."""
        got = self.pairs(answer)
        if next(iter(got), None) != "status":
            raise Difference(f"the first pair is not `status`: {got}")
        for key, value in expected.items():
            if got.get(key) != value:
                raise Difference(f"expected {key} = {value!r}, got {got.get(key)!r} in {got}")
        return got

    def feeds(self, answer):
        """Feed → entries, from an answer of xread in the shape of this protocol."""
        if self.protocol == 3:
            return {feed: entries[0] for feed, entries in answer.items()}
        return dict(answer)

    def ask(self, *command, **expected):
        return self.holds(self.client.execute_command(*command), **expected)

    def fails(self, text, action):
        """The action raises redis-py's own error, and the message has the text in it."""
        try:
            answer = action()
        except redis.ResponseError as error:
            if text not in str(error):
                raise Difference(f"expected an error with {text!r}, got {error}") from error
            return
        raise Difference(f"expected an error with {text!r}, got the answer {answer!r}")


def sells(run):
    run.ask("OFFER", "PUT", run.sale, '{"price":1990,"stock":5,"limit":{"buyer":1}}', status="OK")
    run.passed("an offer is put on sale")
    now_ms = int(time.time() * 1000)
    held = run.ask(
        "BUY", run.sale, "alice", "r1", status="HELD", id="r1", qty=1, price=1990, amount=1990
    )
    if not now_ms + 840_000 < held["expires"] < now_ms + 960_000:
        raise Difference(f"expires is not about 15 minutes from now ({now_ms}): {held}")
    epoch, _, sequence = held["event"].partition("-")
    if not (epoch.isdigit() and sequence.isdigit()):
        raise Difference(f"event is not <epoch>-<seq>: {held}")
    run.passed("a BUY is held for 15 minutes and names its event")
    run.ask("PAY", run.sale, "r1", status="WON")
    run.passed("a PAY wins")
    again = run.ask("BUY", run.sale, "alice", "r1", status="WON", replayed=1)
    if again["event"] != held["event"]:
        raise Difference(f"the repeat names another event: {again} after {held}")
    run.passed("the same BUY again is a replay of the first")
    run.ask("BUY", run.sale, "bob", "r1", status="ID_CONFLICT", field="buyer")
    run.passed("another buyer with a used id is an ID_CONFLICT")


def refuses_and_raises(run):
    run.ask("BUY", run.sale, "alice", "r2", status="LIMIT")
    run.ask("BUY", "no-such-offer", "alice", "r1", status="OFFER_UNKNOWN")
    run.passed("refusals are answers, not exceptions")
    run.fails("unknown command", lambda: run.client.execute_command("NOSUCH", "x"))
    run.fails("", lambda: run.client.execute_command("BUY", run.sale))
    run.fails("", lambda: run.client.execute_command("BUY", run.sale, "bob", "r3", "QTY", 0))
    run.fails("", lambda: run.client.execute_command("CLIENT", "NO-SUCH-SUBCOMMAND"))
    if run.client.ping() is not True:
        raise Difference("PING did not answer after the errors")
    run.passed("misuse raises ResponseError and the connection stays")


def pipelines(run):
    pipe = run.client.pipeline(transaction=False)
    for index in range(1, 7):
        pipe.execute_command("BUY", run.sale, f"buyer{index}", f"p{index}")
    answers = [run.pairs(answer)["status"] for answer in pipe.execute()]
    if answers != ["HELD"] * 4 + ["SOLD_OUT"] * 2:
        raise Difference(f"six pipelined BUYs for four units: {answers}")
    run.passed("six pipelined BUYs for four units are answered in order")
    pipe = run.client.pipeline(transaction=True)
    pipe.execute_command("CANCEL", run.sale, "p1")
    pipe.execute_command("BUY", run.sale, "carol", "t1")
    pipe.execute_command("PAY", run.sale, "t1")
    answers = [run.pairs(answer)["status"] for answer in pipe.execute()]
    if answers != ["RELEASED", "HELD", "WON"]:
        raise Difference(f"CANCEL, BUY, PAY in MULTI/EXEC: {answers}")
    run.passed("the default pipeline (MULTI/EXEC) answers each command")
    pipe = run.client.pipeline(transaction=True)
    pipe.execute_command("CANCEL", run.sale, "p2")
    pipe.execute_command("NOSUCH")
    run.fails("unknown command", pipe.execute)
    run.ask("SHOW", run.sale, "p2", status="HELD")
    run.passed("a MULTI with a mistake in it changes nothing")


def fills_a_group(run):
    terms = '{"price":900,"stock":10,"settle":{"group":{"size":2,"open":"10m"}}}'
    run.ask("OFFER", "PUT", run.team, terms, status="OK")
    run.ask("BUY", run.team, "lena", "g1", "GROUP", "NEW", status="HELD", group="g1", seats_left=1)
    run.ask("BUY", run.team, "max", "g2", "GROUP", "g1", status="HELD", group="g1", seats_left=0)
    run.ask("BUY", run.team, "nora", "g3", "GROUP", "g1", status="GROUP_FULL")
    run.passed("a group of two opens, fills, and refuses the third")
    run.ask("PAY", run.team, "g1", status="PAID")
    run.ask("PAY", run.team, "g2", status="WON")
    run.ask("SHOW", run.team, "g1", status="WON", buyer="lena")
    run.passed("the last payment forms the group for both")
    group = run.pairs(run.client.execute_command("GROUP", run.team, "g1"))
    buyers = [run.pairs(member)["buyer"] for member in group["members"]]
    if buyers != ["lena", "max"]:
        raise Difference(f"the members of the group: {group}")
    run.passed("GROUP lists its members as maps")


def repeats_after_a_reconnect(run):
    first = run.ask("BUY", run.team, "olga", "g4", "GROUP", "NEW", status="HELD")
    connection_id = run.client.client_id()
    run.client.connection_pool.disconnect()
    again = run.ask("BUY", run.team, "olga", "g4", "GROUP", "NEW", status="HELD", replayed=1)
    if run.client.client_id() == connection_id:
        raise Difference("the client did not open a new connection")
    if (again["event"], again["expires"]) != (first["event"], first["expires"]):
        raise Difference(f"the repeat is another reservation: {again} after {first}")
    run.passed("after a reconnect the same id is a replay")


def reads_the_feed(run):
    held = run.ask("BUY", run.team, "rosa", "f1", "GROUP", "NEW", status="HELD")
    feeds = [f"feed:{shard}" for shard in range(run.client.info("stampede")["shards"])]
    found = {feed: run.client.xrange(feed, min=held["event"], max=held["event"]) for feed in feeds}
    mine = [feed for feed, entries in found.items() if entries and entries[0][1].get("offer") == run.team]
    if len(mine) != 1:
        raise Difference(f"the entry {held['event']} of {run.team} is on {mine}: {found}")
    feed, [(entry, fields)] = mine[0], found[mine[0]]
    expected = {"type": "held", "offer": run.team, "id": "f1", "buyer": "rosa", "group": "f1", "qty": "1"}
    expected |= {"price": "900", "amount": "900", "expires": str(held["expires"])}
    if entry != held["event"] or expected.items() - fields.items():
        raise Difference(f"xrange of {held['event']}: expected {expected}, got {entry} {fields}")
    run.passed("xrange finds the entry that an answer names")
    last = agreed_end(run, feed)
    run.passed("xlen, xinfo stream, xrange and xrevrange agree")
    whole = read_all(run, feeds)[feed]
    numbers = [int(entry.split("-")[1]) for entry, _ in whole]
    if numbers != list(range(1, len(numbers) + 1)) or last not in whole[-3:]:
        raise Difference(f"{feed} read from 0 by xread: {numbers[:5]} … {whole[-1:]}, expected up to {last}")
    run.passed("xread of every feed from 0 gives each entry once, in order")
    with concurrent.futures.ThreadPoolExecutor() as pool:
        reader = redis.Redis(**run.address, decode_responses=True, socket_timeout=10)
        waiting = pool.submit(next_sale, run, reader, feed, last[0])
        if concurrent.futures.wait([waiting], 0.05).done:
            raise Difference(f"xread with BLOCK did not wait: {waiting.result()}")
        released = run.ask("CANCEL", run.team, "f1", status="RELEASED")
        woken = waiting.result()
        reader.close()
    if (woken["type"], woken["id"], woken["by"]) != ("released", "f1", "cancel"):
        raise Difference(f"xread with BLOCK woke up with {woken} after {released}")
    run.passed("xread with BLOCK waits, and wakes with what happened")
    run.fails("place", lambda: run.client.xreadgroup("shop", "one", {feed: ">"}))
    run.passed("xreadgroup says that the reader keeps its own place")


def agreed_end(run, feed):
    """The last entry, once all ways of asking agree: counters of demand may come on the feed at any time."""
    for _ in range(10):
        info = run.client.xinfo_stream(feed)
        [first], [last], length = run.client.xrange(feed, count=1), run.client.xrevrange(feed, count=1), run.client.xlen(feed)
        told = (info["length"], info["first-entry"], info["last-entry"], info["last-generated-id"])
        if told == (length, first, last, last[0]):
            return last
    raise Difference(f"xinfo stream differs from xlen, xrange and xrevrange: {told}, {length}, {first}, {last}")


def next_sale(run, reader, feed, place):
    """The first entry behind a place that is not of the demand counters, waited for by BLOCK."""
    while True:
        for place, fields in run.feeds(reader.xread({feed: place}, block=4000)).get(feed, []):
            if fields["type"] != "demand":
                return fields


def read_all(run, feeds):
    """Every feed from the first entry on, by xread in pages of 7."""
    entries, places = {feed: [] for feed in feeds}, dict.fromkeys(feeds, "0")
    while page := run.feeds(run.client.xread(places, count=7)):
        for feed, new in page.items():
            entries[feed] += new
            places[feed] = new[-1][0]
    return entries


def balances(run):
    run.ask("POOL", "GET", run.sale, total=5, available=0, held=3, sold=2)
    run.ask("AUDIT", run.sale, status="OK")
    run.ask("AUDIT", run.team, status="OK")
    run.passed("the pool adds up and the audit is OK")
    info = run.client.info()
    if "redis_version" not in info:
        raise Difference(f"INFO has no redis_version: {sorted(info)}")
    run.passed("INFO parses")


def main():
    host, port, protocol = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    run = Sale(host, port, protocol)
    for part in (sells, refuses_and_raises, pipelines, fills_a_group, repeats_after_a_reconnect, reads_the_feed, balances):
        try:
            part(run)
        except (Difference, redis.RedisError, KeyError) as error:
            print(f"FAILED redis-py RESP{protocol}, in {part.__name__}: {error!r}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
