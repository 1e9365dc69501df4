// Follows the feeds through ioredis in RESP2, its default. Usage: node feed_ioredis.mjs HOST PORT OUT.

import { Redis } from 'ioredis';
import { follow, shardsIn } from './feed_reader.mjs';

const [host, port, out] = process.argv.slice(2);
const client = new Redis({ host, port: Number(port) });

function pairs(flat) {
  const got = {};
  for (let index = 0; index < flat.length; index += 2) got[flat[index]] = flat[index + 1];
  return got;
}

await follow({
  name: 'ioredis',
  out,
  shards: shardsIn(await client.info('stampede')),
  read: async (places) => {
    const [feeds, ids] = [Object.keys(places), Object.values(places)];
    const found = (await client.xread('COUNT', 1000, 'BLOCK', 2000, 'STREAMS', ...feeds, ...ids)) ?? [];
    return Object.fromEntries(
      found.map(([feed, entries]) => [feed, entries.map(([id, flat]) => ({ id, fields: pairs(flat) }))]),
    );
  },
});
await client.quit();
