import { strict as assert } from 'node:assert';
import { test } from 'node:test';
import { sinkViolations, testSink } from 'bee-agent/sdk';
import pg from 'pg';
import sink from './sink.js';

// DATABASE_URL=postgres://… npm test: against a real PostgreSQL, in tables that are made and dropped.
const url = process.env.DATABASE_URL;
const table = `bee_test_${process.pid}`;

async function withClient(use) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

/** Makes every insert wait, as a busy database does. */
async function stall() {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`BEGIN; LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`);
  return () => client.end();
}

test('keeps the contract of sinks', { skip: url === undefined && 'DATABASE_URL is not set' }, async () => {
  try {
    await testSink(sink, { options: { url, table }, stall });
  } finally {
    await withClient((client) => client.query(`DROP TABLE IF EXISTS ${table}, ${table}_batches`));
  }
});

test('answers retry where no database is', () =>
  testSink(sink, { options: { url: 'postgres://nobody@127.0.0.1:9/none' }, delivers: false }));

test('refuses options that are none', async () => {
  const options = { url: 'http://127.0.0.1/', table: 'Robert"); DROP TABLE students;--', retries: 3 };
  const [violation] = await sinkViolations(sink, { options });
  assert.equal(violation.rule, 'options');
  assert.match(violation.message, /url: .*table: .*retries/s);
});
