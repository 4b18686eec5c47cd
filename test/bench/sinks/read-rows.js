// Reads every field of every row, as a sink that builds its own records would.
import { defineSink } from 'bee-agent/sdk';

const anything = { '~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value }) } };

export default defineSink({
  apiVersion: 1,
  type: 'read-rows',
  accepts: { events: ['rows'], metrics: false },
  options: anything,
  async open() {
    let sum = 0;
    return {
      async write(batch) {
        for (const row of batch.rows()) {
          const { pid, uid, comm, saddr, daddr, sport, dport, seq, ret } = row.data;
          sum += pid + uid + comm.length + saddr.length + daddr.length + sport + dport + seq + ret;
        }
        return { status: sum === -1 ? 'drop' : 'ok' };
      },
      async close() {},
    };
  },
});
