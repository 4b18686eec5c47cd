import { move } from 'piscina';
import { MapReader } from '../kernel/index.js';
import { ChangeFilter } from './changes.js';
import { MapForms } from './map-forms.js';
import { OpenRing, wallClock } from './open-ring.js';
import { sumPerCpu } from './per-cpu.js';
import type { RecordSet } from './plan.js';
import type {
  DoneResult,
  DrainResult,
  DrainTask,
  FailedResult,
  MapRead,
  OpenMapTask,
  OpenRingTask,
  ReadMapsTask,
  ReadResult,
  ReadsResult,
  SkipResult,
  SkipTask,
  TailResult,
  TailTask,
  Task,
  UnknownResult,
} from './tasks.js';
import { TABLE_RECORDS } from './worker-limits.js';

interface OpenMap {
  readonly reader: MapReader;
  readonly form: MapForms;
  readonly changes?: ChangeFilter;
  readonly plain: (bytes: ArrayBuffer, count: number) => ArrayBuffer;
}

/** ms after which no further map is read in one go: rings that share this worker take turns. */
const READS_MS = 10;

const rings = new Map<number, OpenRing>();
const maps = new Map<number, OpenMap>();
const table = { offsets: new Uint32Array(TABLE_RECORDS), lengths: new Uint32Array(TABLE_RECORDS) };

export default function handle(task: Task): unknown {
  switch (task.kind) {
    case 'drain':
      return drain(task);
    case 'read-maps':
      return readMaps(task);
    case 'open-ring':
      return openRing(task);
    case 'open-map':
      return openMap(task);
    case 'skip':
      return skip(task);
    case 'tail':
      return tail(task);
    case 'close':
      return close(task.id);
  }
}

function openRing(task: OpenRingTask): DoneResult {
  close(task.id);
  rings.set(task.id, new OpenRing(task.fd, task.plan, task.tail));
  return { status: 'done' };
}

function openMap(task: OpenMapTask): DoneResult {
  close(task.id);
  const form = new MapForms(task.plan, task.tail);
  const reader = new MapReader(task.fd);
  const plain =
    reader.valuesPerKey > 1
      ? sumPerCpu(task.plan.record, reader.keySize, reader.valueSize, reader.valuesPerKey)
      : (bytes: ArrayBuffer) => bytes;
  maps.set(task.id, { reader, form, plain, ...(task.changes ? { changes: new ChangeFilter() } : {}) });
  return { status: 'done' };
}

function close(id: number): DoneResult {
  rings.get(id)?.close();
  rings.delete(id);
  maps.get(id)?.reader.close();
  maps.delete(id);
  return { status: 'done' };
}

function drain(task: DrainTask): DrainResult | UnknownResult {
  const ring = rings.get(task.id);
  if (!ring) return { status: 'unknown' };
  const result = ring.drain(task, table);
  return transferred(result, [result]);
}

function skip(task: SkipTask): SkipResult | UnknownResult {
  const ring = rings.get(task.id);
  if (!ring) return { status: 'unknown' };
  return { status: 'skipped', next: ring.after(task.from) };
}

function readMaps({ reads }: ReadMapsTask): ReadsResult {
  const results: (ReadResult | UnknownResult | FailedResult)[] = [];
  const begun = performance.now();
  for (const read of reads) {
    try {
      results.push(readMap(read));
    } catch (error) {
      results.push({ status: 'failed', error });
    }
    if (performance.now() - begun > READS_MS) break;
  }
  const read = results.filter((result) => result.status === 'read');
  return transferred<ReadsResult>({ status: 'reads', results }, read);
}

function readMap(task: MapRead): ReadResult | UnknownResult {
  const map = maps.get(task.id);
  if (!map) return { status: 'unknown' };
  const { bytes, count, truncated } = map.reader.read({ maxEntries: task.maxEntries });
  const time = wallClock();
  const memory = map.plain(bytes, count);
  const stride = ((map.reader.keySize + 7) & ~7) + ((map.reader.valueSize + 7) & ~7);
  let records = entries(memory, count, stride, map.form.plan.record.size);
  if (map.changes) records = map.changes.changed(records, map.form.renderer, task.clock, time);
  const output = map.form.decode(records, task.clock, time);
  const { clock, follow } = task;
  const followed = map.form.follow(records, output, { at: 0, clock, time, follow });
  map.changes?.keep();
  return { status: 'read', entries: count, truncated, time, output, ...(followed ? { followed } : {}) };
}

function entries(memory: ArrayBuffer, count: number, stride: number, size: number): RecordSet {
  const starts = new Uint32Array(count);
  for (let i = 0; i < count; i++) starts[i] = i * stride;
  return { memory, offsets: starts, lengths: new Uint32Array(count).fill(size), count, shortest: size };
}

function tail(task: TailTask): TailResult | UnknownResult {
  const form = rings.get(task.id)?.form ?? maps.get(task.id)?.form;
  if (!form) return { status: 'unknown' };
  const { ndjson, count } = form.tail?.render(form.renderer, task.limit, task.others) ?? {
    ndjson: new Uint8Array(0),
    count: 0,
  };
  return { status: 'tail', ndjson, count };
}

/** Hand the big buffers of `results`, which are in `whole`, over instead of copying them. */
function transferred<T>(whole: T, results: readonly (DrainResult | ReadResult)[]): T {
  const buffers = new Set<ArrayBuffer>();
  for (const result of results) addBuffers(result, buffers);
  return move(new TransferList(whole, [...buffers]) as never) as unknown as T;
}

function addBuffers({ output, followed }: DrainResult | ReadResult, buffers: Set<ArrayBuffer>): void {
  const add = (view: ArrayBufferView | undefined): void => {
    // An empty view, too, may be of a large buffer, which would be copied.
    if (view?.buffer instanceof ArrayBuffer && view.buffer.byteLength > 0) buffers.add(view.buffer);
  };
  add(output.ndjson);
  add(output.lineEnds);
  add(followed?.ndjson);
  add(followed?.lineEnds);
  if (output.columns) {
    add(output.columns.timestamps);
    for (const column of output.columns.columns) {
      if (column.kind !== 'text') add(column.values);
      else {
        add(column.offsets);
        add(column.bytes);
      }
    }
  }
  if (output.groups) {
    const { groups } = output;
    add(groups.newIds);
    add(groups.ids);
    for (const values of groups.values) add(values);
    add(groups.buckets);
    add(groups.bucketValues);
  }
}

/** Piscina's own marker for "send `value`, and transfer these". */
class TransferList {
  constructor(
    private readonly result: unknown,
    private readonly buffers: ArrayBuffer[],
  ) {}
  get [Symbol.for('Piscina.transferable')](): unknown {
    return this.buffers;
  }
  get [Symbol.for('Piscina.valueOf')](): unknown {
    return this.result;
  }
}
