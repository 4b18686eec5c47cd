// Takes lines and keeps nothing: what is measured is the road to a custom sink.
import { defineSink } from 'bee-agent/sdk';

const anything = { '~standard': { version: 1, vendor: 'bench', validate: (value) => ({ value }) } };

export default defineSink({
  apiVersion: 1,
  type: 'take-lines',
  accepts: { events: ['ndjson'], metrics: false },
  options: anything,
  open() {
    let bytes = 0;
    return {
      async write(batch) {
        bytes += batch.ndjson.byteLength;
        return { status: bytes < 0 ? 'drop' : 'ok' };
      },
      close() {},
    };
  },
});
