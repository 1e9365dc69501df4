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
  close: () => client.quit(),
});
