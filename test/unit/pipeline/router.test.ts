import { expect, it } from 'vitest';
import { Router } from '../../../core/agent/router.js';
import type { Outlet } from '../../../core/pipeline/index.js';
import type { EventBatchData } from '../../../plugins/sdk/index.js';

/** An outlet of which a test decides when it has delivered. A real one is in outlet.test.ts. */
class Held {
  readonly accepts = { events: ['ndjson'] as const, metrics: false };
  readonly delivered: ((() => void) | undefined)[] = [];

  constructor(readonly letsGo: boolean) {}

  offer(_: EventBatchData, onDelivered?: () => void): void {
    this.delivered.push(onDelivered);
  }
}

const batch = { probe: 'p', map: 'm', labels: {}, count: 1 } as EventBatchData;

function route(...outlets: Held[]): () => number {
  const router = new Router();
  let reused = 0;
  router.set('p', outlets as unknown as Outlet[]);
  router.route(batch, () => reused++);
  return () => reused;
}

it('gives a batch back when the last of its sinks has it', () => {
  const [one, other] = [new Held(true), new Held(true)];
  const reused = route(one, other);
  one.delivered[0]!();
  expect(reused()).toBe(0);
  other.delivered[0]!();
  expect(reused()).toBe(1);
});

it('leaves a batch alone that a sink may keep', () => {
  const [one, other] = [new Held(true), new Held(false)];
  const reused = route(one, other);
  expect([one.delivered, other.delivered]).toEqual([[undefined], [undefined]]);
  expect(reused()).toBe(0);
});

it('leaves a batch alone that nobody takes', () => {
  expect(route()()).toBe(0);
});
