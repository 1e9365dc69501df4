// The scenario through an unmodified node-redis. Usage: node node_redis.mjs HOST PORT PROTOCOL (2 or 3).

import { createClient } from 'redis';
import { run } from './scenario.mjs';

const [host, port, protocol] = process.argv.slice(2);
const client = createClient({ socket: { host, port: Number(port) }, RESP: Number(protocol) });
// The dropped connection is reported here too; a fault that matters fails the command that meets it.
client.on('error', () => {});
await client.connect();

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
  close: () => client.close(),
});
