import { move } from 'piscina';
import { clockOffsets, MapReader, RingReader } from '../kernel/index.js';
import { ChangeFilter } from './changes.js';
import { compilePlan, type Decoder } from './compile.js';
import { sumPerCpu } from './per-cpu.js';
import type { ClockOffsets, DecodeOutput, DecodePlan, RecordSet, Spares } from './plan.js';
import { Tail } from './tail.js';
import type {
  DoneResult,
  DrainResult,
  DrainTask,
  FailedResult,
  Lines,
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

interface OpenRing {
  readonly reader: RingReader;
  readonly form: Forms;
}

interface OpenMap {
  readonly reader: MapReader;
  readonly form: Forms;
  readonly changes?: ChangeFilter;
  readonly plain: (bytes: ArrayBuffer, count: number) => ArrayBuffer;
}

/** The decoders of one map: what the sinks asked for, and NDJSON alone for `/events`. */
class Forms {
  private wanted: Decoder;
  private text: Decoder | undefined;
  readonly tail: Tail | undefined;

  constructor(
    readonly plan: DecodePlan,
    tail: number,
  ) {
    this.wanted = compilePlan(plan);
    this.tail = tail > 0 ? new Tail(tail) : undefined;
  }

  get renderer(): Decoder {
    const { group: _, ...rest } = this.plan;
    this.text ??= compilePlan({ ...rest, ndjson: true, columns: false });
    return this.text;
  }

  /** A decoder that threw has half a batch in its tables: it starts a new epoch. */
  decode(records: RecordSet, clock: ClockOffsets, time: bigint, spares?: Spares): DecodeOutput {
    try {
      return this.wanted.decode(records, clock, time, spares);
    } catch (error) {
      this.wanted.reset();
      throw error;
    }
  }

  /** Render for followers, unless the sinks' batch has the lines already; keep the tail. */
  follow(
    records: RecordSet,
    output: DecodeOutput,
    clock: ClockOffsets,
    time: bigint,
    follow: boolean,
  ): Lines | undefined {
    if (this.tail && output.events > 0) {
      const passed = output.events === records.count ? undefined : this.renderer.passed(records);
      this.tail.keep(records, passed, clock, time);
    }
    if (!follow || output.ndjson) return undefined;
    const { ndjson, lineEnds } = this.renderer.decode(records, clock, time);
    return ndjson && lineEnds ? { ndjson, lineEnds } : undefined;
  }
}

/** ms after which no further map is read in one go: rings that share this worker take turns. */
const READS_MS = 10;

const rings = new Map<number, OpenRing>();
const maps = new Map<number, OpenMap>();
const offsets = new Uint32Array(TABLE_RECORDS);
const lengths = new Uint32Array(TABLE_RECORDS);

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
  const form = new Forms(task.plan, task.tail);
  rings.set(task.id, { reader: new RingReader(task.fd), form });
  return { status: 'done' };
}

function openMap(task: OpenMapTask): DoneResult {
  close(task.id);
  const form = new Forms(task.plan, task.tail);
  const reader = new MapReader(task.fd);
  const plain =
    reader.valuesPerKey > 1
      ? sumPerCpu(task.plan.record, reader.keySize, reader.valueSize, reader.valuesPerKey)
      : (bytes: ArrayBuffer) => bytes;
  maps.set(task.id, { reader, form, plain, ...(task.changes ? { changes: new ChangeFilter() } : {}) });
  return { status: 'done' };
}

function close(id: number): DoneResult {
  rings.get(id)?.reader.close();
  rings.delete(id);
  maps.get(id)?.reader.close();
  maps.delete(id);
  return { status: 'done' };
}

function drain(task: DrainTask): DrainResult | UnknownResult {
  const ring = rings.get(task.id);
  if (!ring) return { status: 'unknown' };
  const limit = Math.min(task.maxRecords, TABLE_RECORDS);
  const table = limit === TABLE_RECORDS ? offsets : offsets.subarray(0, limit);
  const peek = ring.reader.peek(task.from, table, lengths, task.maxBytes);
  const time = wallClock();
  const records: RecordSet = {
    memory: ring.reader.memory,
    offsets,
    lengths,
    count: peek.count,
    shortest: peek.shortest,
  };
  const output = ring.form.decode(records, task.clock, time, task.spares);
  const followed = ring.form.follow(records, output, task.clock, time, task.follow);
  const result: DrainResult = {
    status: 'drained',
    records: peek.count,
    bytes: peek.next - task.from,
    discarded: peek.discarded,
    next: peek.next,
    producer: peek.producer,
    busy: peek.busy,
    time,
    output,
    ...(followed ? { followed } : {}),
  };
  return transferred(result, [result]);
}

function skip(task: SkipTask): SkipResult | UnknownResult {
  const ring = rings.get(task.id);
  if (!ring) return { status: 'unknown' };
  return { status: 'skipped', next: ring.reader.peek(task.from, offsets.subarray(0, 1), lengths, 1).next };
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
  const followed = map.form.follow(records, output, task.clock, time, task.follow);
  map.changes?.keep();
  return { status: 'read', entries: count, truncated, time, output, ...(followed ? { followed } : {}) };
}

function entries(memory: ArrayBuffer, count: number, stride: number, size: number): RecordSet {
  const starts = new Uint32Array(count);
  for (let i = 0; i < count; i++) starts[i] = i * stride;
  return { memory, offsets: starts, lengths: new Uint32Array(count).fill(size), count };
}

function tail(task: TailTask): TailResult | UnknownResult {
  const form = rings.get(task.id)?.form ?? maps.get(task.id)?.form;
  if (!form) return { status: 'unknown' };
  const { ndjson, count } = form.tail?.render(form.renderer, task.limit) ?? {
    ndjson: new Uint8Array(0),
    count: 0,
  };
  return { status: 'tail', ndjson, count };
}

/** ns; the kernel's clocks are read together, so that records with and without a time of their own agree. */
function wallClock(): bigint {
  return process.hrtime.bigint() + clockOffsets().ktime;
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
      if (column.kind === 'number') add(column.values);
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
