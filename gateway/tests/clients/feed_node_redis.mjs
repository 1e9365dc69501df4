// Follows the feeds through node-redis in RESP3. Usage: node feed_node_redis.mjs HOST PORT OUT.

import { createClient } from 'redis';
import { follow, shardsIn } from './feed_reader.mjs';

const [host, port, out] = process.argv.slice(2);
const client = createClient({ socket: { host, port: Number(port) }, RESP: 3 });
await client.connect();
await follow({
  name: 'node-redis',
  out,
  shards: shardsIn(await client.sendCommand(['INFO', 'stampede'])),
  read: async (places) => {
    const streams = Object.entries(places).map(([key, id]) => ({ key, id }));
    const found = (await client.xRead(streams, { COUNT: 1000, BLOCK: 2000 })) ?? [];
    return Object.fromEntries(
      found.map(({ name, messages }) => [name, messages.map(({ id, message }) => ({ id, fields: message }))]),
    );
  },
});
await client.close();
