"""Sells until the feed has so many events, and writes down each answer for the comparison with what readers saw.

Usage: feed_sale.py HOST PORT EVENTS OUT. `cargo xtask feed` starts it with the readers beside it.

Every unit sold is two events: held, then won. Lines of OUT: `held EVENT OFFER ID BUYER QTY PRICE AMOUNT EXPIRES` and
`won OFFER ID REF AMOUNT`, as the readers write them from the feed.
"""

import sys
import time

import redis

OFFERS = [f"feed-sale-{index}" for index in range(8)]
PIPELINE = 256
# Offers whose entries tell the readers that nothing more comes; so many that each shard has one.
ENDS = [f"end-{index}" for index in range(64)]


def main(host, port, events, out):
    client = redis.Redis(host=host, port=int(port), protocol=3, decode_responses=True)
    for offer in OFFERS:
        client.execute_command("OFFER", "PUT", offer, '{"price":1990,"stock":100000000}')
    begin = time.monotonic()
    count = 0
    with open(out, "w", encoding="ascii") as answers:
        while 2 * count < int(events):
            count = sell(client, count, answers)
    seconds = time.monotonic() - begin
    for offer in ENDS:
        client.execute_command("OFFER", "PUT", offer, '{"price":1,"stock":1}')
    print(f"sold {count} units, {2 * count} events, in {seconds:.1f} s")


def sell(client, count, answers):
    buys = [(OFFERS[index % 8], f"r{index}", f"b{index}") for index in range(count, count + PIPELINE)]
    pipe = client.pipeline(transaction=False)
    for offer, order, buyer in buys:
        pipe.execute_command("BUY", offer, buyer, order)
        pipe.execute_command("PAY", offer, order, "REF", f"pay-{order}")
    replies = pipe.execute()
    lines = []
    for (offer, order, buyer), held, won in zip(buys, replies[::2], replies[1::2]):
        if (held["status"], won["status"]) != ("HELD", "WON"):
            raise SystemExit(f"FAILED {order}: {held} {won}")
        lines.append(
            f"held {held['event']} {offer} {order} {buyer} {held['qty']} {held['price']} {held['amount']} {held['expires']}\n"
        )
        lines.append(f"won {offer} {order} pay-{order} {won['amount']}\n")
    answers.writelines(lines)
    return count + PIPELINE


if __name__ == "__main__":
    main(*sys.argv[1:5])
