/** The statements for a table, whose name must be safe to be written into SQL. */
export function schema(table, remembered) {
  return {
    prepare: `
      CREATE TABLE IF NOT EXISTS ${table} (
        time timestamptz NOT NULL, -- microseconds; all nine digits are in the event
        probe text NOT NULL,
        map text NOT NULL,
        event jsonb NOT NULL
      );
      CREATE INDEX IF NOT EXISTS ${table}_time ON ${table} (time);
      CREATE TABLE IF NOT EXISTS ${table}_batches (
        digest bytea PRIMARY KEY,
        at timestamptz NOT NULL DEFAULT now()
      );
      DELETE FROM ${table}_batches WHERE at < now() - interval '${remembered}'`,
    // One statement is one transaction: digest and rows, or neither.
    insert: `
      WITH new AS (
        INSERT INTO ${table}_batches (digest) VALUES ($1) ON CONFLICT DO NOTHING RETURNING digest
      ), stored AS (
        INSERT INTO ${table} (time, probe, map, event)
        SELECT (e->>'timestamp')::timestamptz, e->>'probe', e->>'map', e
        FROM new, jsonb_array_elements($2::jsonb) WITH ORDINALITY AS lines (e, n)
        ORDER BY n
        RETURNING 1
      )
      SELECT count(*) AS stored FROM stored`,
  };
}
