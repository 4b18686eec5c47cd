// Writes images into a store until it is done or killed: store-writer.mjs FOLDER NAME COUNT BYTES
import { randomBytes } from 'node:crypto';
import { ImageStore } from '../../dist/core/oci/index.js';

const [folder, name, count, bytes] = process.argv.slice(2);
const store = new ImageStore(folder);
for (let n = 0; n < Number(count); n++) {
  await store.putProbe(`localhost/${name}:v${n}`, randomBytes(Number(bytes)));
  process.stdout.write(`${n}\n`);
}
