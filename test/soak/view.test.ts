import { execFile, execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { BEE } from '../support/bee.js';
import { compileProbe, compileProgram } from '../support/compile.js';
import { TestTerminal } from '../support/terminal.js';

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
/** `BEE_SOAK=3600 npm run test:soak`. */
const SECONDS = Number(process.env.BEE_SOAK || 0);
const PERIODS = 60;
/** A call in 10 ms of 500 records in each of two rings: about 100,000 records a second. */
const LOAD = { batch: 500, pauseUs: 10_000 };
const RINGS = 2;
const SIZES = [
  [80, 24],
  [200, 50],
  [40, 10],
  [120, 30],
] as const;

interface Sample {
  readonly rss: number;
  readonly descriptors: number;
  readonly threads: number;
  readonly received: number;
}

/** What a sample grows by from one period to the next: the slope of the straight line that fits best. */
function slope(values: readonly number[]): number {
  const middle = (values.length - 1) / 2;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const up = values.reduce((sum, value, i) => sum + (i - middle) * (value - mean), 0);
  return up / values.reduce((sum, _value, i) => sum + (i - middle) ** 2, 0);
}

/** Lines of the table. */
const rows = ({ lines }: TestTerminal): string[] => lines.filter((line) => /^\d\d:\d\d:\d\d/.test(line));

describe.skipIf(!(SECONDS > 0))('the live view, left running (BEE_SOAK=SECONDS is not set: skipped)', () => {
  it(
    'keeps its memory, descriptors and threads, and answers keys, under heavy events',
    async () => {
      const probe = compileProbe(here('../e2e/probes/view.bpf.c'));
      const caller = compileProgram(here('../e2e/probes/caller.c'));
      const terminal = TestTerminal.open(
        `'${process.execPath}' '${BEE}' run '${probe}' --prom-port 0; echo "[exit $?]"`,
      );
      const load = { heavy: undefined as ReturnType<typeof execFile> | undefined };
      try {
        await terminal.sees('[print_calls');
        const url = /http:\S+/.exec(terminal.lines[0] ?? '')?.[0];
        const pid = execFileSync('pgrep', ['-P', String(terminal.shell)], { encoding: 'utf8' }).trim();
        /** Of all series that match. */
        const metric = async (pattern: RegExp): Promise<number> => {
          const response = await fetch(`${url}/metrics`, { headers: { connection: 'close' } });
          const samples = [...(await response.text()).matchAll(pattern)];
          if (samples.length === 0) throw new Error(`no sample matches ${pattern}`);
          return samples.reduce((sum, [, value]) => sum + Number(value), 0);
        };
        const received = () => metric(/^bee_agent_records_received_total\{.*map="print_calls".*\} (\d+)$/gm);
        const sample = async (): Promise<Sample> => {
          const status = readFileSync(`/proc/${pid}/status`, 'utf8');
          return {
            rss: Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]),
            threads: Number(/^Threads:\s+(\d+)/m.exec(status)?.[1]),
            descriptors: readdirSync(`/proc/${pid}/fd`).length,
            received: await received(),
          };
        };
        const { batch, pauseUs } = LOAD;
        load.heavy = execFile(caller, ['heavy', String(1e15), String(batch), String(pauseUs)]);
        await terminal.sees(/ heavy$/m);

        const begun = Date.now();
        const samples: Sample[] = [];
        for (let period = 0; period < PERIODS; period++) {
          const [width, height] = SIZES[period % SIZES.length] ?? SIZES[0];
          terminal.resize(width, height);
          terminal.press('C-n');
          await terminal.sees('[counter_calls');
          terminal.press('C-n');
          await terminal.sees('[hist_sizes');
          terminal.press('C-p', 'C-p');
          await terminal.sees('[print_calls');
          terminal.press('s', 'Space');
          await terminal.sees('PAUSED');
          terminal.press('PageUp', 'G', 'Space');
          await terminal.until(({ text }) => !text.includes('PAUSED'));
          terminal.type('/number == 3');
          terminal.press('Enter');
          await terminal.until((shown) => {
            const shownRows = rows(shown);
            return shownRows.length > 0 && shownRows.every((row) => / 3 +LATER/.test(row));
          });
          terminal.type('/');
          terminal.press('C-u', 'Enter');
          await terminal.until((shown) => rows(shown).some((row) => / (?!3 )\d+ +LATER/.test(row)));
          const next = begun + ((period + 1) * SECONDS * 1000) / PERIODS;
          await new Promise((done) => setTimeout(done, Math.max(0, next - Date.now())));
          samples.push(await sample());
        }
        const minutes = (Date.now() - begun) / 60_000;
        load.heavy.kill();
        const half = samples.slice(PERIODS / 2);
        const growth = slope(half.map(({ rss }) => rss)) * half.length;
        const rates = samples.map(({ received }, i) => received - (samples[i - 1]?.received ?? 0));
        const lowest = (key: keyof Sample, some: readonly Sample[]) => Math.min(...some.map((s) => s[key]));
        const highest = (key: keyof Sample) => Math.max(...samples.map((s) => s[key]));
        console.log(
          `${minutes.toFixed(1)} min: ${samples.at(-1)?.received} events shown or passed over; RSS ` +
            `${lowest('rss', samples)} to ${highest('rss')} kB, by the line through the second half ` +
            `${growth.toFixed(0)} kB more; descriptors ${lowest('descriptors', samples)} to ` +
            `${highest('descriptors')}; threads ${lowest('threads', samples)} to ${highest('threads')}`,
        );
        // The heap breathes by some 10 MB; a leak of an event's or a frame's worth is far above.
        expect(growth).toBeLessThan(32 << 10);
        // Each ring is opened once more when the main thread drains it first, early or late.
        const [second, last] = [samples.slice(PERIODS / 4, PERIODS / 2), samples.slice((PERIODS * 3) / 4)];
        expect(lowest('descriptors', last)).toBeLessThanOrEqual(lowest('descriptors', second) + RINGS);
        expect(lowest('threads', last)).toBeLessThanOrEqual(lowest('threads', second));
        expect(Math.min(...rates)).toBeGreaterThan(0);

        // Nothing was lost without a word: what the kernel made has come, or was counted.
        terminal.resize(80, 24);
        // By whoever called: tests of others may run beside this one for an hour.
        const made = () => metric(/^ebpf_solo_io_counter_calls\{.*\} (\d+)$/gm);
        const lost = () =>
          metric(/^bee_agent_records_lost_total\{.*map="print_calls".*reason="ring_full".*\} (\d+)$/gm);
        await expect
          .poll(async () => (await received()) + (await lost()) - (await made()), { timeout: 20_000 })
          .toBe(0);
        terminal.press('q');
        await terminal.sees('[exit 0]');
      } finally {
        load.heavy?.kill();
        terminal.close();
      }
    },
    SECONDS * 1000 + 600_000,
  );
});
