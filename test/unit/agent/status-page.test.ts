import { describe, expect, it } from 'vitest';
import { statusPage } from '../../../core/agent/http/status-page.js';
import type { AgentStatus } from '../../../core/agent/status.js';

const HOSTILE = '<script>alert(1)</script>" onload="x';

const STATUS: AgentStatus = {
  ready: true,
  version: '1.2.3',
  started: '2026-01-02T03:04:05.678Z',
  probes: [
    {
      name: 'opens',
      source: HOSTILE,
      state: 'running',
      programs: [],
      maps: [
        {
          name: 'print_opens',
          type: 'ringbuf',
          export: 'event',
          records: 1_234_567,
          filtered: 8,
          lost: { ring_full: 1200, malformed: 0, undecodable: 3 },
        },
      ],
      sinks: [],
    },
    {
      name: 'bad',
      source: 'bad.o',
      state: 'failed',
      error: HOSTILE,
      retryAt: '2026-01-02T03:04:15.000Z',
      programs: [],
      maps: [],
      sinks: [],
    },
  ],
  sinks: [
    {
      name: 'loki',
      type: 'loki',
      state: 'retrying',
      circuit: { state: 'open', failures: 5, retryAt: '2026-01-02T03:04:25.000Z' },
      error: HOSTILE,
      received: 10,
      recovered: 0,
      delivered: 3,
      queued: 5,
      lost: { expired: 2 },
    },
  ],
};

const page = statusPage(STATUS, [HOSTILE]);
/** What a reader sees. */
const text = page.replace(/<style>.*<\/style>/s, '').replace(/<[^>]*>/g, '|');

describe('the status page', () => {
  it('has no tag and no attribute of what comes from outside', () => {
    expect(page).not.toContain('<script');
    expect(page).not.toContain('" onload');
    expect(page.match(/&lt;script&gt;/g)).toHaveLength(5);
  });

  it('shows what was counted and lost', () => {
    expect(text).toMatch(
      /print_opens \|ringbuf\|.*\|event\|\s*\|1,234,567\|\|8\|\|1200 ring_full\|+3 undecodable\|/s,
    );
    expect(text).toMatch(/\|10\|\|3\|\|5\|\|2 expired\|/);
  });

  it('shows when what failed is tried again, and times without their milliseconds', () => {
    expect(text).toContain('Tried again at 2026-01-02 03:04:15 UTC.');
    expect(text).toContain('Tried again at 2026-01-02 03:04:25 UTC.');
    expect(text).toContain('Started 2026-01-02 03:04:05 UTC.');
  });
});
