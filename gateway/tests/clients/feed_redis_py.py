"""Reads every feed to its end through redis-py while a sale runs, and writes down what it saw.

Usage: feed_redis_py.py HOST PORT OUT. Lines of OUT as in feed_sale.py; entries of other offers are passed over.
"""

import sys
import time

import redis


def main(host, port, out):
    client = redis.Redis(host=host, port=int(port), protocol=2, decode_responses=True, socket_timeout=10)
    places = {f"feed:{shard}": "0" for shard in range(client.info("stampede")["shards"])}
    numbers = dict.fromkeys(places, 0)
    ended = set()
    begin = time.monotonic()
    with open(out, "w", encoding="ascii") as seen:
        while len(ended) < len(places):
            for feed, entries in client.xread(places, count=1000, block=2000):
                places[feed] = entries[-1][0]
                for entry, fields in entries:
                    numbers[feed] += 1
                    if int(entry.partition("-")[2]) != numbers[feed]:
                        raise SystemExit(f"FAILED {feed}: {entry} where {numbers[feed]} was due")
                    line = line_of(entry, fields)
                    if line:
                        seen.write(line)
                    elif fields["type"] == "offer" and fields["offer"].startswith("end-"):
                        ended.add(feed)
    print(f"redis-py read {sum(numbers.values())} entries of {len(places)} feeds in {time.monotonic() - begin:.1f} s")


def line_of(entry, fields):
    if not fields.get("offer", "").startswith("feed-sale-"):
        return None
    match fields["type"]:
        case "held":
            names = ("offer", "id", "buyer", "qty", "price", "amount", "expires")
            return f"held {entry} {' '.join(fields[name] for name in names)}\n"
        case "won":
            return f"won {fields['offer']} {fields['id']} {fields['ref']} {fields['amount']}\n"
    return None


if __name__ == "__main__":
    main(*sys.argv[1:4])
