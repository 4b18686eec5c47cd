import { afterEach, describe, expect, it } from 'vitest';
import { LoopMonitor } from '../../../core/agent/loop-monitor.js';
import type { Outlet } from '../../../core/pipeline/index.js';
import { batchOf, Host } from './outlet-host.js';

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

function spin(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Hold the thread as a machine does that has no time for it. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('a sink that holds the main thread', () => {
  const hosts = { guilty: new Host(), innocent: new Host() };
  let monitor: LoopMonitor | undefined;
  let outlets: Outlet[] = [];
  afterEach(async () => {
    monitor?.close();
    await Promise.all(outlets.map((outlet) => outlet.stop(1_000)));
  });

  const start = (write: () => Promise<{ status: 'ok' }>, other: () => Promise<{ status: 'ok' }>) => {
    hosts.guilty = new Host();
    hosts.innocent = new Host();
    outlets = [hosts.guilty.outlet({ write }), hosts.innocent.outlet({ write: other })];
    for (const outlet of outlets) outlet.start();
    return outlets as [Outlet, Outlet];
  };
  const ok = async (): Promise<{ status: 'ok' }> => ({ status: 'ok' });

  it('before it waits for anything, is told at once, and how long', async () => {
    const [guilty, innocent] = start(async () => {
      spin(60);
      return { status: 'ok' };
    }, ok);
    await sleep(1);
    for (const outlet of outlets) outlet.offer(batchOf());
    await sleep(100);
    expect(guilty.hold.seconds).toBeGreaterThanOrEqual(0.06);
    expect(innocent.hold.seconds).toBeLessThan(guilty.hold.seconds);
    expect(hosts.guilty.lines.join()).toMatch(/warn: held the main thread for \d+ ms in write\(\): probes/);
    expect(hosts.innocent.lines.join()).not.toContain('in write()');
  });

  it('after it has waited, is found by the delay, where nobody else was at work', async () => {
    const [guilty, innocent] = start(async () => {
      await sleep(1);
      spin(600);
      return { status: 'ok' };
    }, ok);
    monitor = new LoopMonitor(() => outlets.map((outlet) => outlet.hold));
    await sleep(250);
    guilty.offer(batchOf());
    await sleep(900);
    expect(guilty.hold.seconds).toBeGreaterThan(0.2);
    expect(hosts.guilty.lines.join()).toContain('while it alone was at work');
    expect(innocent.hold.seconds).toBeLessThan(0.1);
    const { counts, bounds, count, sum } = monitor.delays;
    expect(counts.length).toBe(bounds.length + 1);
    expect(counts.reduce((a, b) => a + b)).toBe(count);
    expect(Number(sum)).toBeGreaterThan(0.2);
  });

  it('without computing is told so: a busy machine is no fault of a sink', async () => {
    const [guilty] = start(async () => {
      block(60);
      return { status: 'ok' };
    }, ok);
    await sleep(1);
    guilty.offer(batchOf());
    await sleep(100);
    expect(hosts.guilty.lines.join()).toMatch(
      /held the main thread for \d+ ms in write\(\), of which at most \d+ ms of computing: the machine was busy, or/,
    );
  });

  it('is not accused of a delay in which nobody computed', async () => {
    const [guilty] = start(async () => {
      await sleep(900);
      return { status: 'ok' };
    }, ok);
    monitor = new LoopMonitor(() => outlets.map((outlet) => outlet.hold));
    await sleep(250);
    guilty.offer(batchOf());
    await sleep(50);
    block(600);
    await sleep(300);
    expect(monitor.delays.sum).toBeGreaterThan(0.2);
    expect(guilty.hold.seconds).toBeLessThan(0.1);
    expect(hosts.guilty.lines.join()).not.toContain('held');
  });

  it('is not accused while two are at work', async () => {
    const slow = async (): Promise<{ status: 'ok' }> => {
      await sleep(900);
      return { status: 'ok' };
    };
    const [guilty, innocent] = start(async () => {
      await sleep(1);
      spin(600);
      return { status: 'ok' };
    }, slow);
    monitor = new LoopMonitor(() => outlets.map((outlet) => outlet.hold));
    await sleep(250);
    for (const outlet of outlets) outlet.offer(batchOf());
    await sleep(1_000);
    expect(guilty.hold.seconds).toBeLessThan(0.1);
    expect(innocent.hold.seconds).toBeLessThan(0.1);
    expect(monitor.delays.sum).toBeGreaterThan(0.2);
  });
});
