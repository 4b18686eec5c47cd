import { createHash } from 'node:crypto';
import { defineSink } from 'bee-agent';
import pg from 'pg';
import { z } from 'zod';
import { schema } from './schema.js';

/** How long a batch is remembered: far beyond `queue.max_elapsed`, within which it may come again. */
const REMEMBERED = '1 day';
const CONNECT_MS = 5_000;
/** Classes of SQLSTATE that say that these rows will never be taken: their data, or a constraint on them. */
const NEVER = new Set(['22', '23', '54']);

/**
 * Events into a table of PostgreSQL. The agent delivers at least once; here each event arrives once: a batch leaves
 * its digest in the same transaction as its rows, so that one which comes again is known.
 */
export default defineSink({
  apiVersion: 1,
  type: 'postgres',
  accepts: { events: ['ndjson'], metrics: false },
  options: z.strictObject({
    /** `postgres://user:password@host:5432/database`; for the password, write `${NAME}` in probes.yaml. */
    url: z.url({ protocol: /^postgres(ql)?$/ }),
    table: z
      .string()
      .regex(/^[a-z_][a-z0-9_]{0,47}$/, 'expected a name of lower-case letters, digits and "_"')
      .default('bee_events'),
  }),

  open({ url, table }, context) {
    const pool = new pg.Pool({
      connectionString: url,
      max: 1,
      connectionTimeoutMillis: CONNECT_MS,
      application_name: `bee-agent ${context.name}`,
    });
    // A connection that breaks while nobody uses it: the next write makes another.
    pool.on('error', (error) => context.log.warn(error.message));
    // One that breaks in use fails its query too, which is where it is answered for.
    pool.on('connect', (client) => client.on('error', () => {}));
    const repeated = context.telemetry.counter('repeated_batches_total', 'Batches that had arrived already.');
    const sql = schema(table, REMEMBERED);
    let prepared = false;
    let closed = false;
    let ended;

    async function insert(client, batch) {
      if (!prepared) await client.query(sql.prepare);
      prepared = true;
      const lines = Buffer.from(batch.ndjson).toString();
      const { rows } = await client.query(sql.insert, [
        createHash('sha256').update(lines).digest(),
        // Lines end where JSON has no newline, so that they are an array but for its commas.
        `[${lines.slice(0, -1).replaceAll('\n', ',')}]`,
      ]);
      if (rows[0].stored === '0') repeated.add(1);
    }

    return {
      async write(batch, { signal }) {
        if (closed) return { status: 'closed' };
        let client;
        // A query cannot be called back: its connection is cut, and the server rolls it back.
        const cut = () => client?.connection.stream.destroy();
        try {
          client = await pool.connect();
          signal.throwIfAborted();
          signal.addEventListener('abort', cut, { once: true });
          await insert(client, batch);
          client.release();
          return { status: 'ok' };
        } catch (error) {
          // The connection may be in any state.
          client?.release(true);
          prepared = false;
          const message = [error.message || error.code, error.detail].filter(Boolean).join(': ');
          return { status: NEVER.has(error.code?.slice(0, 2)) ? 'drop' : 'retry', error: message };
        } finally {
          signal.removeEventListener('abort', cut);
        }
      },

      close() {
        closed = true;
        ended ??= pool.end();
        return ended;
      },
    };
  },
});
