import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BpfError } from '../../core/bpf/index.js';
import {
  KernelError,
  type KernelObject,
  MapReader,
  openObject,
  RingOwner,
  RingReader,
} from '../../core/kernel/index.js';
import { compileProbeBytes } from '../support/compile.js';

const RING = fileURLToPath(new URL('./probes/ring.bpf.c', import.meta.url));
const FAILING = fileURLToPath(new URL('./probes/failing.bpf.c', import.meta.url));
const CLOCK = fileURLToPath(new URL('./probes/clock.bpf.c', import.meta.url));
const PACKET = new Uint8Array(64);

let bytes: Uint8Array;
let object: KernelObject | undefined;
beforeAll(() => {
  bytes = compileProbeBytes(RING);
});
afterEach(() => object?.close());

async function failureOf(promise: Promise<unknown>): Promise<KernelError> {
  try {
    await promise;
  } catch (error) {
    expect(error).toBeInstanceOf(KernelError);
    return error as KernelError;
  }
  throw new Error('it should have failed');
}

function failing(name: string): KernelObject {
  object = openObject(compileProbeBytes(FAILING, `-DCASE_${name}`), { name });
  return object;
}

/** Everything, from open to attach. */
async function run(name: string): Promise<unknown> {
  await failing(name).load();
  return object!.attachAll();
}

describe('an object', () => {
  it('lists its programs and maps', async () => {
    object = openObject(bytes, { name: 'ring' });
    expect(object.programs()).toContainEqual({
      name: 'on_getpgid',
      section: 'tracepoint/syscalls/sys_enter_getpgid',
      type: 'tracepoint',
      autoload: true,
    });
    await object.load();
    expect(object.maps().map(({ name, type, maxEntries }) => ({ name, type, maxEntries }))).toEqual([
      { name: 'events', type: 27, maxEntries: 1 << 16 },
      { name: 'big', type: 27, maxEntries: 1 << 24 },
    ]);
    expect(object.map('events')).toMatchObject({ keySize: 0, valueSize: 0, fd: expect.any(Number) });
    expect(() => object!.map('nothing')).toThrow(/no map nothing/);
  });

  it('loads with parameters and sizes of ours', async () => {
    object = openObject(bytes, { name: 'ring' });
    object.setParam('.rodata', 0, new Uint8Array(new BigUint64Array([41n]).buffer));
    object.setMaxEntries('events', 1 << 13);
    await object.load();
    expect(object.map('events').maxEntries).toBe(1 << 13);
    await object.testRun('make', { data: PACKET, repeat: 3 });
    const reader = new RingReader(object.map('events').fd);
    const offsets = new Uint32Array(8);
    expect(reader.peek(0, offsets, new Uint32Array(8), 1 << 20).count).toBe(3);
    const view = new DataView(reader.memory);
    expect([0, 1, 2].map((i) => view.getBigUint64(offsets[i]!, true))).toEqual([41n, 42n, 43n]);
    reader.close();
  });

  it('refuses parameters that lie outside their section, and sections that are not there', () => {
    object = openObject(bytes, { name: 'ring' });
    expect(() => object!.setParam('.rodata', 10_000, PACKET)).toThrow(/lie outside \.rodata/);
    expect(() => object!.setParam('.nothing', 0, PACKET)).toThrow(/no map \.nothing/);
    expect(() => object!.setParam('events', 0, PACKET)).toThrow(/has no initial value/);
  });

  it('delivers records of a tracepoint from attach to close, and no longer', async () => {
    object = openObject(bytes, { name: 'ring' });
    await object.load();
    const owner = new RingOwner(object.map('events').fd);
    const attachments = await object.attachAll();
    expect(attachments.filter((one) => one.attached).map((one) => one.program)).toEqual(['on_getpgid']);
    expect(attachments.find((one) => one.program === 'make')?.reason).toMatch(/section tc/);
    const call = () => execFileSync('python3', ['-c', 'import os; os.getpgid(0)']);
    call();
    const { producer } = owner.positions();
    expect(producer).toBeGreaterThan(0);
    object.close();
    call();
    expect(owner.positions().producer).toBe(producer);
    owner.close();
  });

  it('samples the CPU clock at the frequency asked for', async () => {
    object = openObject(compileProbeBytes(CLOCK), { name: 'clock' });
    await object.load();
    await object.attachAll({ frequency: 500 });
    const reader = new MapReader(object.map('samples').fd);
    const start = performance.now();
    while (performance.now() - start < 400);
    const view = new DataView(reader.read({ maxEntries: 1 }).bytes);
    let total = 0n;
    for (let cpu = 0; cpu < reader.valuesPerKey; cpu++) total += view.getBigUint64(8 + 8 * cpu, true);
    reader.close();
    // One CPU was busy for 0.4 s; how many samples the others give is theirs.
    expect(Number(total)).toBeGreaterThan(100);
  });

  it('does nothing after close', async () => {
    object = openObject(bytes, { name: 'ring' });
    await object.load();
    object.close();
    object.close();
    expect(() => object!.programs()).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect(() => object!.map('events')).toThrow(expect.objectContaining({ code: 'CLOSED' }));
    expect((await failureOf(object.load())).code).toBe('CLOSED');
    expect((await failureOf(object.testRun('make', { data: PACKET, repeat: 1 }))).code).toBe('CLOSED');
  });

  it('rejects a load that is closed while it is under way', async () => {
    object = openObject(bytes, { name: 'ring' });
    const loading = object.load();
    object.close();
    expect((await failureOf(loading)).code).toBe('CLOSED');
  });

  it('insists on the order of open, load, attach', async () => {
    object = openObject(bytes, { name: 'ring' });
    expect((await failureOf(object.attachAll())).code).toBe('INVALID');
    expect(() => object!.map('events')).toThrow(/is not loaded/);
    const loading = object.load();
    expect(() => object!.setMaxEntries('events', 4096)).toThrow(/is being loaded/);
    expect((await failureOf(object.load())).code).toBe('INVALID');
    await loading;
    expect(() => object!.setMaxEntries('events', 4096)).toThrow(/is loaded already/);
  });

  it('does not take anything but an ELF object', () => {
    const codeOf = (bad: Uint8Array): unknown => {
      try {
        openObject(bad, { name: 'bad' });
      } catch (error) {
        return (error as BpfError).code;
      }
      return undefined;
    };
    expect(codeOf(new Uint8Array(0))).toBe('not-elf');
    expect(codeOf(Buffer.from('#!/bin/sh'))).toBe('not-elf');
    expect(codeOf(bytes.subarray(0, 300))).toBe('malformed-elf');
  });
});

describe('what the kernel refuses is explained', () => {
  it('a program that the verifier rejects', async () => {
    const error = await failureOf(failing('verifier').load());
    expect(error.code).toBe('VERIFIER');
    expect(error.program).toBe('unchecked');
    expect(error.message).toContain('program unchecked (tracepoint/syscalls/sys_enter_getpgid)');
    expect(error.message).toContain("R0 invalid mem access 'map_value_or_null'");
    expect(error.verifierLog).toContain('call bpf_map_lookup_elem');
    expect((error.cause as Error).message).toMatch(/EACCES/);
  });

  it('a tracepoint that does not exist', async () => {
    const error = await failureOf(run('tracepoint'));
    expect(error.code).toBe('ATTACH_FAILED');
    expect(error.message).toMatch(
      /tracepoint sched\/sched_no_such_event does not exist on this kernel .*events\/sched/,
    );
  });

  it('a category of tracepoints that does not exist', async () => {
    expect((await failureOf(run('category'))).message).toMatch(/no tracepoints of nonsense at all/);
  });

  it('a raw tracepoint that does not exist', async () => {
    const error = await failureOf(run('raw_tp'));
    expect(error.code).toBe('ATTACH_FAILED');
    expect(error.message).toMatch(/raw tracepoint sched_no_such_event does not exist/);
  });

  it('a BTF tracepoint that does not exist', async () => {
    const error = await failureOf(run('tp_btf'));
    expect(error.code).toBe('UNSUPPORTED');
    expect(error.message).toMatch(/has no tracepoint sched_no_such_event/);
  });

  it('a type of map that this kernel does not know', async () => {
    const error = await failureOf(run('map'));
    expect(error.code).toBe('LOAD_FAILED');
    expect(error.message).toMatch(/refused map table: Invalid argument/);
  });

  it('a file that a uprobe names in vain', async () => {
    expect((await failureOf(run('uprobe'))).message).toMatch(/\/no\/such\/file:main does not exist/);
  });

  // On kernels that have these, they run; elsewhere the error must say what the kernel lacks.
  it.each(['kprobe', 'fentry', 'lsm'])('%s, or it works', async (name) => {
    const outcome = await run(name).catch((error: unknown) => error);
    if (outcome instanceof KernelError) {
      expect(outcome.code).toBe('UNSUPPORTED');
      expect(outcome.message).toMatch(/this kernel .*(has no kprobes|refuses (fentry|lsm) programs)/);
    } else {
      expect(outcome).toMatchObject([{ attached: true }]);
    }
  });

  it('programs without a target are loaded and left alone, with the reason', async () => {
    expect(await run('no_target')).toEqual([
      {
        program: 'program',
        section: 'xdp',
        attached: false,
        reason: expect.stringMatching(/nothing in section xdp/),
      },
      {
        program: 'optional',
        section: 'tp/syscalls/sys_enter_getpgid',
        attached: false,
        reason: 'it is not to be loaded',
      },
    ]);
  });
});
