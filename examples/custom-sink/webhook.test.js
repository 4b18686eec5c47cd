// node --test examples/custom-sink/
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { sinkViolations, testSink } from 'bee-agent/sdk';
import webhook from './webhook.js';

/** An endpoint that keeps what it was sent, and answers as it is told to. */
const endpoint = { url: '', requests: [], answer: (_request, response) => response.end('taken\n') };
const taken = endpoint.answer;
const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  endpoint.requests.push({ headers: request.headers, body: Buffer.concat(chunks) });
  endpoint.answer(request, response);
});

before(async () => {
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  endpoint.url = `http://127.0.0.1:${server.address().port}/events`;
});
after(() => {
  server.closeAllConnections();
  server.close();
});

/** The endpoint takes requests and says nothing; returns how to let it go on. */
function stall() {
  endpoint.answer = () => {};
  return () => {
    endpoint.answer = taken;
    server.closeAllConnections();
  };
}

test('keeps the contract of sinks', () => testSink(webhook, { options: { url: endpoint.url }, stall }));

test('keeps it compressed and with a token, and sends the same lines', async () => {
  endpoint.requests.length = 0;
  await testSink(webhook, {
    options: { url: endpoint.url, gzip: true, token: 'secret', headers: { 'x-env': 'test' } },
  });
  for (const { headers, body } of endpoint.requests) {
    const lines = gunzipSync(body).toString().trimEnd().split('\n');
    assert.equal(lines.length, Number(headers['x-events']));
    for (const line of lines) assert.equal(JSON.parse(line).map, 'print_sample');
    assert.equal(headers.authorization, 'Bearer secret');
    assert.equal(headers['x-env'], 'test');
  }
  assert.ok(endpoint.requests.length >= 3);
});

test('keeps it without anybody there', () =>
  testSink(webhook, { options: { url: 'http://127.0.0.1:9/' }, delivers: false }));

for (const [status, outcome] of [
  [503, 'retry'],
  [429, 'retry'],
  [400, 'drop'],
  [302, 'drop'],
]) {
  test(`answers ${outcome} to HTTP ${status}, with what the endpoint said`, async () => {
    endpoint.answer = (_request, response) =>
      response.writeHead(status, { 'retry-after': '7' }).end('no room\nat all');
    const sink = await webhook.open({ url: endpoint.url, headers: {}, gzip: false }, context);
    const result = await sink.write(batch, { signal: AbortSignal.timeout(5_000) });
    endpoint.answer = taken;
    const after = outcome === 'retry' ? { after: 7_000 } : {};
    assert.deepEqual(result, { status: outcome, error: `HTTP ${status} no room`, ...after });
  });
}

test('refuses options that are none', async () => {
  const [violation] = await sinkViolations(webhook, { options: { url: 'ftp://x/', retries: 3 } });
  assert.equal(violation.rule, 'options');
  assert.match(violation.message, /url: .*retries/);
});

const batch = { ndjson: Buffer.from('{}\n'), count: 1 };
const context = { telemetry: { counter: () => ({ add() {} }) } };
