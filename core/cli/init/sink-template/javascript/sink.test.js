import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { sinkViolations, testSink } from 'bee-agent/sdk';
import sink from './sink.js';

/** A destination that is really there, and can be made to hang. */
const held = [];
let hanging = false;
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => (hanging ? held.push(response) : response.end()));
});
let url;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${server.address().port}/`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

const stall = () => {
  hanging = true;
  return () => {
    hanging = false;
    for (const response of held.splice(0)) response.end();
  };
};

test('keeps the contract of sinks', () => testSink(sink, { options: { url }, stall }));

test('answers retry where nobody listens', () =>
  testSink(sink, { options: { url: 'http://127.0.0.1:9/' }, delivers: false }));

test('refuses options that it does not know', async () => {
  const [violation] = await sinkViolations(sink, { options: { url, retries: 3 } });
  assert.equal(violation.rule, 'options');
});
