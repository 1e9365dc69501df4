// The scenario through an unmodified ioredis. Usage: node ioredis.mjs HOST PORT PROTOCOL (2 or 3).

import { once } from 'node:events';
import { Redis } from 'ioredis';
import { run } from './scenario.mjs';

const [host, port, protocol] = process.argv.slice(2);
const options = { host, port: Number(port), protocol: Number(protocol), maxRetriesPerRequest: 3 };
// Without this mapping ioredis 6 flattens RESP3 maps to the arrays of RESP2.
if (options.protocol === 3) options.replyMapping = 'resp3';
const client = new Redis(options);
// The dropped connection is reported here too; a fault that matters fails the command that meets it.
client.on('error', () => {});
await once(client, 'ready');

// ioredis answers a pipeline with [error, answer] pairs.
function unwrap(results) {
  return results.map(([error, answer]) => {
    if (error) throw error;
    return answer;
  });
}

function queue(pipeline, commands) {
  return commands.reduce((queued, [name, ...args]) => queued.call(name, ...args), pipeline);
}

// Pairs come as a flat array, or as an object where RESP3 has a map.
function pairs(flat) {
  if (!Array.isArray(flat)) return flat;
  const got = {};
  for (let index = 0; index < flat.length; index += 2) got[flat[index]] = flat[index + 1];
  return got;
}

const entry = ([id, fields]) => ({ id, fields: pairs(fields) });

async function read(reader, places, { count, block }) {
  const options = [...(count ? ['COUNT', count] : []), ...(block === undefined ? [] : ['BLOCK', block])];
  const found = (await reader.xread(...options, 'STREAMS', ...Object.keys(places), ...Object.values(places))) ?? [];
  const feeds = Array.isArray(found) ? found : Object.entries(found);
  return Object.fromEntries(feeds.map(([feed, entries]) => [feed, entries.map(entry)]));
}

await run({
  name: 'ioredis',
  protocol: options.protocol,
  sale: `ioredis-${protocol}-sale`,
  team: `ioredis-${protocol}-team`,
  call: ([name, ...args]) => client.call(name, ...args),
  pipeline: async (commands) => unwrap(await queue(client.pipeline(), commands).exec()),
  multi: async (commands) => unwrap(await queue(client.multi(), commands).exec()),
  dropConnection: async () => {
    const ready = once(client, 'ready');
    client.disconnect(true);
    await ready;
  },
  feed: {
    read: (places, options) => read(client, places, options),
    readApart: async (places, options) => {
      const reader = client.duplicate();
      try {
        return await read(reader, places, options);
      } finally {
        reader.disconnect();
      }
    },
    range: async (feed, from, to, count) => (await client.xrange(feed, from, to, ...(count ? ['COUNT', count] : []))).map(entry),
    revRange: async (feed, count) => (await client.xrevrange(feed, '+', '-', 'COUNT', count)).map(entry),
    len: (feed) => client.xlen(feed),
    info: async (feed) => {
      const info = pairs(await client.xinfo('STREAM', feed));
      return { length: info.length, lastId: info['last-generated-id'], first: entry(info['first-entry']), last: entry(info['last-entry']) };
    },
  },
  close: () => client.quit(),
});
