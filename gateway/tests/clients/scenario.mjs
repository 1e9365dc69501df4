// The sale, the group buy and the reading of the feed that every Node client goes through.
//
// A client script passes a driver: how that library sends one command, a pipeline and a MULTI/EXEC, how
// it drops its connection, how it reads streams by its own functions, and which offers belong to this run. Nothing here knows a client library.
// Prints one line per check; ends the process with 1 at the first difference and says what differed.

import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';

const MINUTE_MS = 60_000;

// The pairs of an answer: an object as RESP3 gives it, or the flat array that stands for it in RESP2.
function pairs(driver, answer) {
  if (driver.protocol === 3) {
    assert.ok(answer !== null && typeof answer === 'object' && !Array.isArray(answer), `expected a RESP3 map, got ${show(answer)}`);
    return { ...answer };
  }
  assert.ok(Array.isArray(answer) && answer.length % 2 === 0, `expected a flat array of pairs, got ${show(answer)}`);
  const got = {};
  for (let index = 0; index < answer.length; index += 2) got[answer[index]] = answer[index + 1];
  return got;
}

function show(value) {
  return JSON.stringify(value);
}

async function sells(driver, ask, passed) {
  await ask(['OFFER', 'PUT', driver.sale, '{"price":1990,"stock":5,"limit":{"buyer":1}}'], { status: 'OK' });
  passed('an offer is put on sale');
  const nowMs = Date.now();
  const held = await ask(['BUY', driver.sale, 'alice', 'r1'], { status: 'HELD', id: 'r1', qty: 1, price: 1990, amount: 1990 });
  const holdMs = held.expires - nowMs;
  assert.ok(holdMs > 14 * MINUTE_MS && holdMs < 16 * MINUTE_MS, `expires is not about 15 minutes from now (${nowMs}): ${show(held)}`);
  assert.match(held.event, /^\d+-\d+$/, `event is not <epoch>-<seq>: ${show(held)}`);
  passed('a BUY is held for 15 minutes and names its event');
  await ask(['PAY', driver.sale, 'r1'], { status: 'WON' });
  passed('a PAY wins');
  await ask(['BUY', driver.sale, 'alice', 'r1'], { status: 'WON', replayed: 1, event: held.event });
  passed('the same BUY again is a replay of the first');
  await ask(['BUY', driver.sale, 'bob', 'r1'], { status: 'ID_CONFLICT', field: 'buyer' });
  passed('another buyer with a used id is an ID_CONFLICT');
}

async function refusesAndRejects(driver, ask, passed) {
  await ask(['BUY', driver.sale, 'alice', 'r2'], { status: 'LIMIT' });
  await ask(['BUY', 'no-such-offer', 'alice', 'r1'], { status: 'OFFER_UNKNOWN' });
  passed('refusals are answers, not exceptions');
  await assert.rejects(driver.call(['NOSUCH', 'x']), /unknown command/i);
  await assert.rejects(driver.call(['BUY', driver.sale]), /ERR/);
  await assert.rejects(driver.call(['BUY', driver.sale, 'bob', 'r3', 'QTY', '0']), /ERR/);
  await assert.rejects(driver.call(['CLIENT', 'NO-SUCH-SUBCOMMAND']), /ERR/);
  assert.equal(await driver.call(['PING']), 'PONG');
  passed('misuse rejects with the error and the connection stays');
}

async function pipelines(driver, ask, passed) {
  const statuses = (answers) => answers.map((answer) => pairs(driver, answer).status);
  const buys = [1, 2, 3, 4, 5, 6].map((index) => ['BUY', driver.sale, `buyer${index}`, `p${index}`]);
  assert.deepEqual(statuses(await driver.pipeline(buys)), ['HELD', 'HELD', 'HELD', 'HELD', 'SOLD_OUT', 'SOLD_OUT']);
  passed('six pipelined BUYs for four units are answered in order');
  const batch = [['CANCEL', driver.sale, 'p1'], ['BUY', driver.sale, 'carol', 't1'], ['PAY', driver.sale, 't1']];
  assert.deepEqual(statuses(await driver.multi(batch)), ['RELEASED', 'HELD', 'WON']);
  passed('MULTI/EXEC answers each command');
  await assert.rejects(driver.multi([['CANCEL', driver.sale, 'p2'], ['NOSUCH']]), /EXECABORT|unknown command/i);
  await ask(['SHOW', driver.sale, 'p2'], { status: 'HELD' });
  passed('a MULTI with a mistake in it changes nothing');
}

async function fillsAGroup(driver, ask, passed) {
  const terms = '{"price":900,"stock":10,"settle":{"group":{"size":2,"open":"10m"}}}';
  await ask(['OFFER', 'PUT', driver.team, terms], { status: 'OK' });
  await ask(['BUY', driver.team, 'lena', 'g1', 'GROUP', 'NEW'], { status: 'HELD', group: 'g1', seats_left: 1 });
  await ask(['BUY', driver.team, 'max', 'g2', 'GROUP', 'g1'], { status: 'HELD', group: 'g1', seats_left: 0 });
  await ask(['BUY', driver.team, 'nora', 'g3', 'GROUP', 'g1'], { status: 'GROUP_FULL' });
  passed('a group of two opens, fills, and refuses the third');
  await ask(['PAY', driver.team, 'g1'], { status: 'PAID' });
  await ask(['PAY', driver.team, 'g2'], { status: 'WON' });
  await ask(['SHOW', driver.team, 'g1'], { status: 'WON', buyer: 'lena' });
  passed('the last payment forms the group for both');
  const group = pairs(driver, await driver.call(['GROUP', driver.team, 'g1']));
  assert.deepEqual(group.members.map((member) => pairs(driver, member).buyer), ['lena', 'max'], `the members of the group: ${show(group)}`);
  passed('GROUP lists its members as maps');
}

async function repeatsAfterAReconnect(driver, ask, passed) {
  const buy = ['BUY', driver.team, 'olga', 'g4', 'GROUP', 'NEW'];
  const first = await ask(buy, { status: 'HELD' });
  const connectionId = await driver.call(['CLIENT', 'ID']);
  await driver.dropConnection();
  await ask(buy, { status: 'HELD', replayed: 1, event: first.event, expires: first.expires });
  assert.notEqual(await driver.call(['CLIENT', 'ID']), connectionId, 'the client did not open a new connection');
  passed('after a reconnect the same id is a replay');
}

// An entry's fields as an object.
function isEntry(entry, id, expected) {
  assert.equal(entry?.id, id, `another entry than ${id}: ${show(entry)}`);
  for (const [key, value] of Object.entries(expected)) assert.equal(entry.fields[key], value, `${key} of ${show(entry)}`);
}

async function readsTheFeed(driver, ask, passed) {
  const held = await ask(['BUY', driver.team, 'rosa', 'f1', 'GROUP', 'NEW'], { status: 'HELD' });
  const shards = Number(/\bshards:(\d+)/.exec(String(await driver.call(['INFO', 'stampede'])))[1]);
  const feeds = Array.from({ length: shards }, (_, shard) => `feed:${shard}`);
  const found = await Promise.all(feeds.map((feed) => driver.feed.range(feed, held.event, held.event)));
  const at = found.findIndex((entries) => entries[0]?.fields.offer === driver.team);
  assert.notEqual(at, -1, `no feed has ${held.event} of ${driver.team}: ${show(found)}`);
  const feed = feeds[at];
  const fields = { type: 'held', id: 'f1', buyer: 'rosa', group: 'f1', qty: '1', price: '900', amount: '900', expires: String(held.expires) };
  isEntry(found[at][0], held.event, fields);
  passed('XRANGE finds the entry that an answer names');
  const last = await agreedEnd(driver, feed);
  passed('XLEN, XINFO STREAM, XRANGE and XREVRANGE agree');
  const whole = await readAll(driver, feeds, feed);
  assert.deepEqual(whole.map((entry) => Number(entry.id.split('-')[1])), whole.map((_, index) => index + 1), `${feed} has a gap`);
  assert.deepEqual(whole.slice(-3).find(({ id }) => id === last.id), last);
  passed('XREAD of every feed from 0 gives each entry once, in order');
  // The reader has a connection of its own: this one goes on meanwhile.
  const waiting = nextSale(driver, feed, last.id);
  assert.equal(await Promise.race([waiting, delay(50, 'waits')]), 'waits', 'XREAD with BLOCK did not wait');
  await ask(['CANCEL', driver.team, 'f1'], { status: 'RELEASED' });
  const woken = await waiting;
  isEntry(woken, woken.id, { type: 'released', id: 'f1', by: 'cancel' });
  passed('XREAD with BLOCK waits, and wakes with what happened');
}

// The last entry, once all ways of asking agree: counters of demand may come on the feed at any time.
async function agreedEnd(driver, feed) {
  for (let attempt = 0; ; attempt += 1) {
    const info = await driver.feed.info(feed);
    const [last] = await driver.feed.revRange(feed, 1);
    const [first] = await driver.feed.range(feed, '-', '+', 1);
    const expected = { length: await driver.feed.len(feed), lastId: last.id, first, last };
    if (isDeepStrictEqual(info, expected)) return last;
    if (attempt === 10) assert.deepEqual(info, expected);
  }
}

// The first entry behind a place that is not of the demand counters, waited for by BLOCK.
async function nextSale(driver, feed, place) {
  for (let from = place; ; ) {
    const entries = (await driver.feed.readApart({ [feed]: from }, { block: 4000 }))[feed] ?? [];
    const sale = entries.find(({ fields }) => fields.type !== 'demand');
    if (sale) return sale;
    from = entries.at(-1)?.id ?? from;
  }
}

// One feed from its first entry, in pages of 7 of all feeds.
async function readAll(driver, feeds, wanted) {
  const entries = [];
  const places = Object.fromEntries(feeds.map((feed) => [feed, '0']));
  for (;;) {
    const page = Object.entries(await driver.feed.read(places, { count: 7 }));
    if (page.length === 0) return entries;
    for (const [feed, found] of page) {
      places[feed] = found.at(-1).id;
      if (feed === wanted) entries.push(...found);
    }
  }
}

async function balances(driver, ask, passed) {
  await ask(['POOL', 'GET', driver.sale], { total: 5, available: 0, held: 3, sold: 2 });
  await ask(['AUDIT', driver.sale], { status: 'OK' });
  await ask(['AUDIT', driver.team], { status: 'OK' });
  passed('the pool adds up and the audit is OK');
  assert.match(String(await driver.call(['INFO'])), /redis_version:/);
  passed('INFO names a redis_version');
}

// Runs the whole scenario with one driver and closes it.
export async function run(driver) {
  const label = `${driver.name} RESP${driver.protocol}`;
  const passed = (name) => console.log(`ok ${label}: ${name}`);
  const ask = async (command, expected) => {
    const got = pairs(driver, await driver.call(command));
    assert.equal(Object.keys(got)[0], 'status', `the first pair of ${command.join(' ')} is not status: ${show(got)}`);
    for (const [key, value] of Object.entries(expected)) {
      assert.deepEqual(got[key], value, `${command.join(' ')}: expected ${key} = ${show(value)}, got ${show(got)}`);
    }
    return got;
  };
  for (const part of [sells, refusesAndRejects, pipelines, fillsAGroup, repeatsAfterAReconnect, readsTheFeed, balances]) {
    try {
      await part(driver, ask, passed);
    } catch (error) {
      console.error(`FAILED ${label}, in ${part.name}: ${error.message}`);
      process.exit(1);
    }
  }
  await driver.close();
}
