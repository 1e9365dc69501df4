// Reads every feed to its end while a sale runs, and writes down what it saw: the part that the Node readers share.
//
// A reader passes its name, how many shards there are, and how it reads: places → { feed: [{ id, fields }] }. Lines of
// the file as in feed_sale.py; entries of other offers are passed over.

import { closeSync, openSync, writeSync } from 'node:fs';

export async function follow({ name, shards, read, out }) {
  const places = Object.fromEntries(Array.from({ length: shards }, (_, shard) => [`feed:${shard}`, '0']));
  const numbers = Object.fromEntries(Object.keys(places).map((feed) => [feed, 0]));
  const ended = new Set();
  const file = openSync(out, 'w');
  const begin = performance.now();
  while (ended.size < shards) {
    const lines = [];
    for (const [feed, entries] of Object.entries(await read(places))) {
      places[feed] = entries.at(-1).id;
      for (const { id, fields } of entries) {
        numbers[feed] += 1;
        if (Number(id.split('-')[1]) !== numbers[feed]) throw new Error(`FAILED ${feed}: ${id} where ${numbers[feed]} was due`);
        const line = lineOf(id, fields);
        if (line) lines.push(line);
        else if (fields.type === 'offer' && fields.offer.startsWith('end-')) ended.add(feed);
      }
    }
    writeSync(file, lines.join(''));
  }
  closeSync(file);
  const total = Object.values(numbers).reduce((sum, count) => sum + count, 0);
  console.log(`${name} read ${total} entries of ${shards} feeds in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
}

function lineOf(id, fields) {
  if (!fields.offer?.startsWith('feed-sale-')) return undefined;
  const f = fields;
  if (f.type === 'held') return `held ${id} ${f.offer} ${f.id} ${f.buyer} ${f.qty} ${f.price} ${f.amount} ${f.expires}\n`;
  if (f.type === 'won') return `won ${f.offer} ${f.id} ${f.ref} ${f.amount}\n`;
  return undefined;
}

export function shardsIn(info) {
  return Number(/\bshards:(\d+)/.exec(String(info))[1]);
}
