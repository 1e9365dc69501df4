// The scenario through an unmodified node-redis. Usage: node node_redis.mjs HOST PORT PROTOCOL (2 or 3).

import { createClient } from 'redis';
import { run } from './scenario.mjs';

const [host, port, protocol] = process.argv.slice(2);
const client = createClient({ socket: { host, port: Number(port) }, RESP: Number(protocol) });
// The dropped connection is reported here too; a fault that matters fails the command that meets it.
client.on('error', () => {});
await client.connect();

const entry = ({ id, message }) => ({ id, fields: { ...message } });

async function read(reader, places, { count, block }) {
  const streams = Object.entries(places).map(([key, id]) => ({ key, id }));
  const found = (await reader.xRead(streams, { COUNT: count, BLOCK: block })) ?? [];
  return Object.fromEntries(found.map(({ name, messages }) => [name, messages.map(entry)]));
}

await run({
  name: 'node-redis',
  protocol: Number(protocol),
  sale: `node-redis-${protocol}-sale`,
  team: `node-redis-${protocol}-team`,
  call: (command) => client.sendCommand(command),
  // Commands sent in one tick leave in one write: node-redis pipelines by itself.
  pipeline: (commands) => Promise.all(commands.map((command) => client.sendCommand(command))),
  multi: (commands) => commands.reduce((multi, command) => multi.addCommand(command), client.multi()).exec(),
  dropConnection: async () => {
    client.destroy();
    await client.connect();
  },
  feed: {
    read: (places, options) => read(client, places, options),
    readApart: async (places, options) => {
      const reader = await client.duplicate().connect();
      try {
        return await read(reader, places, options);
      } finally {
        reader.destroy();
      }
    },
    range: async (feed, from, to, count) => (await client.xRange(feed, from, to, count && { COUNT: count })).map(entry),
    revRange: async (feed, count) => (await client.xRevRange(feed, '+', '-', { COUNT: count })).map(entry),
    len: (feed) => client.xLen(feed),
    info: async (feed) => {
      const info = await client.xInfoStream(feed);
      return { length: info.length, lastId: info['last-generated-id'], first: entry(info['first-entry']), last: entry(info['last-entry']) };
    },
  },
  close: () => client.close(),
});
