import { describe, expect, it } from 'vitest';
import type { AgentStatus } from '../../../../core/agent/index.js';
import { EventPane } from '../../../../core/cli/run/view/event-pane.js';
import { KeptLog } from '../../../../core/cli/run/view/kept-log.js';
import type { Key } from '../../../../core/cli/run/view/keyboard.js';
import { Meter } from '../../../../core/cli/run/view/meter.js';
import { ViewKeys } from '../../../../core/cli/run/view/view-keys.js';
import { run } from './events.js';

function press(keys: ViewKeys, ...pressed: string[]): void {
  for (const name of pressed) {
    const [, ctrl, shift, plain = ''] = /^(ctrl-)?(shift-)?(.+)$/.exec(name) ?? [];
    const key: Key = {
      name: plain.toLowerCase(),
      text: plain.length === 1 && !ctrl ? plain : '',
      ctrl: ctrl !== undefined,
      shift: shift !== undefined,
    };
    keys.press(key);
  }
}

function opened(): { keys: ViewKeys; panes: EventPane[]; done: string[] } {
  const done: string[] = [];
  const panes = ['a', 'b', 'c'].map((map) => new EventPane(map, []));
  for (const pane of panes) {
    pane.take(run(0, 20));
    pane.absorb(60_000);
  }
  const keys = new ViewKeys({
    panes: () => panes,
    end: () => done.push('end'),
    redraw: () => done.push('redraw'),
    stop: () => done.push('stop'),
  });
  return { keys, panes, done };
}

describe('keys', () => {
  it.each([
    [['ctrl-n'], 1],
    [['tab', 'right'], 2],
    [['ctrl-n', 'ctrl-n', 'ctrl-n'], 0],
    [['ctrl-p'], 2],
    [['shift-tab', 'left'], 1],
    [['2'], 1],
    [['9'], 0],
  ])('%j select map %i', (pressed, selected) => {
    const { keys } = opened();
    press(keys, ...pressed);
    expect(keys.selected).toBe(selected);
  });

  it('end by q and ctrl-c, whatever is open', () => {
    const { keys, done } = opened();
    press(keys, 'q', '?', 'q', '/', 'q', 'ctrl-c');
    expect(done).toEqual(['end', 'end', 'end']);
    expect(keys.prompt?.text).toBe('q');
  });

  it('filter what is typed, and say what is wrong with it', () => {
    const { keys, panes } = opened();
    press(keys, '/', 'c', '7', 'x', 'backspace', 'return');
    expect(panes[0]?.describe()).toBe('/c7: 2 rows');
    press(keys, '/');
    expect(keys.prompt?.text).toBe('c7');
    press(keys, 'ctrl-u', 'n', 'o', ' ', '=', '=', ' ', '1', 'return');
    expect(keys.problem).toContain('there is no field "no"');
    expect(panes[0]?.describe()).toBe('/c7: 2 rows');
    press(keys, '/', 'z', 'escape');
    expect(keys.problem).toBeUndefined();
    press(keys, 'escape');
    expect(panes[0]?.describe()).toBe('');
  });

  it('pause every map', () => {
    const { keys, panes } = opened();
    press(keys, ' ');
    for (const pane of panes) expect(pane.describe()).toBe('0 newer');
    press(keys, ' ');
    for (const pane of panes) expect(pane.describe()).toBe('');
  });

  it('scroll the help while it is open', () => {
    const { keys, done } = opened();
    press(keys, '?', 'down', 'down', 'up');
    expect(keys.help).toBe(1);
    press(keys, 'escape', 'ctrl-l', 'ctrl-z');
    expect(keys.help).toBeUndefined();
    expect(done).toEqual(['redraw', 'stop']);
  });
});

describe('the log while the screen is taken', () => {
  it('is shown for a while, kept within bounds, and told afterwards', () => {
    const log = new KeptLog();
    for (let i = 0; i < 600; i++) log.add(`\u001b[33mline ${i}\u001b[0m\n`, 0);
    expect(log.latest(5_000)).toBe('line 599');
    expect(log.latest(20_000)).toBeUndefined();
    const told = log.take();
    expect(told).toMatch(/^\(100 earlier lines of the log are left out\)\n\u001b\[33mline 100\u001b/);
    expect(log.take()).toBe('');
  });
});

describe('the status line', () => {
  const status = (records: number, lost: Record<string, number>, entries = 7): AgentStatus => ({
    ready: true,
    version: '',
    started: '',
    probes: [
      {
        name: 'p',
        source: '',
        state: 'running',
        programs: [],
        sinks: [],
        maps: [
          { name: 'print_a', type: 'ringbuf', export: 'event', records, filtered: 0, lost },
          { name: 'counter_b', type: 'hash', export: 'counter', records: entries, filtered: 0, lost: {} },
        ],
      },
    ],
    sinks: ['view', 'prometheus'].map((name) => ({
      name,
      type: '',
      state: 'up',
      circuit: { state: 'closed' as const, failures: 0 },
      recovered: 0,
      received: 0,
      delivered: 0,
      queued: 0,
      lost: { queue_full: 3 },
    })),
  });

  it('has rates over some seconds, and losses of rings and of this view', () => {
    const meter = new Meter();
    expect(meter.read(status(10, { ring_full: 1 }), 'view', 1_000).rate).toBeUndefined();
    expect(meter.read(status(110, { ring_full: 1 }), 'view', 2_000).rate).toBe(100);
    const reading = meter.read(status(510, { ring_full: 4, malformed: 0 }), 'view', 3_000);
    expect(reading).toMatchObject({ rate: 250, total: 510, isLossUnknown: false });
    expect([...reading.lost]).toEqual([
      ['ring_full', 4],
      ['malformed', 0],
      ['view queue_full', 3],
    ]);
    expect(meter.read(status(510, {}), 'view', 4_000).isLossUnknown).toBe(true);
  });
});
