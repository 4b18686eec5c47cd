import type { MetricBatch, MetricFamily, Sink, SinkDefinition } from '../../../../plugins/sdk/index.js';
import { printable } from '../../../../plugins/stdout/index.js';
import type { Agent } from '../../../agent/index.js';
import type { Host } from '../../context.js';
import { FilterCheck } from '../filter-check.js';
import type { ShownFilters } from '../map-flags.js';
import { EventPane } from './event-pane.js';
import { frame } from './frame.js';
import { HistogramPane } from './histogram-pane.js';
import { KeptLog } from './kept-log.js';
import { Keyboard } from './keyboard.js';
import { type Palette, palette } from './line.js';
import { Meter, type Reading } from './meter.js';
import type { Pane } from './pane.js';
import { Screen } from './screen.js';
import { SeriesPane } from './series-pane.js';
import { ViewKeys } from './view-keys.js';

/** ms between two frames: of data, and after a key. */
const FRAME_MS = 100;
const KEY_FRAME_MS = 25;
/** ms of a frame that making rows of events may take, of all maps together. */
const ABSORB_MS = 20;
const STATUS_MS = 1_000;

export interface ViewOptions {
  readonly host: Host;
  /** A terminal. */
  readonly stdout: NodeJS.WriteStream;
  /** Name of the sink in the agent's config. */
  readonly sink: string;
  readonly filters: ShownFilters;
}

/**
 * The live view of one probe. Batches that come are counted and kept for the next frame; there are ten frames a second
 * at most, and a frame makes rows of what can be seen, within a bounded time. So events in masses cost it, and what it
 * shares the main thread with, no more than a few do.
 */
export class View {
  readonly definition: SinkDefinition<unknown>;
  /** Resolves when the user asks for the end, or the terminal goes away. */
  readonly ended: Promise<void>;
  private end!: () => void;
  private readonly screen = new Screen();
  private readonly keys: ViewKeys;
  private readonly log = new KeptLog();
  private readonly meter = new Meter();
  private readonly colors: Palette;
  private readonly panes = new Map<string, Pane>();
  private keyboard: Keyboard | undefined;
  private agent: Agent | undefined;
  private reading: Reading | undefined;
  private probe = { name: '', programs: '' };
  private timer: NodeJS.Timeout | undefined;
  private due = Number.POSITIVE_INFINITY;
  private drawnAt = 0;
  private isStale = true;
  private statusTimer: NodeJS.Timeout | undefined;

  constructor(private readonly options: ViewOptions) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
    this.colors = palette(!options.host.env.NO_COLOR);
    this.keys = new ViewKeys({
      panes: () => [...this.panes.values()],
      end: () => this.end(),
      redraw: () => this.screen.invalidate(),
      stop: () => process.kill(process.pid, 'SIGTSTP'),
    });
    this.definition = {
      apiVersion: 1,
      type: 'bee-run-view',
      accepts: { events: ['rows', 'columns'], metrics: true },
      options: { '~standard': { version: 1, vendor: 'bee', validate: (value) => ({ value }) } },
      interval: STATUS_MS / 1_000,
      open: (_options, { log }) => this.sink(new FilterCheck(options.filters, log)),
    };
  }

  private sink(check: FilterCheck): Sink {
    return {
      write: (batch) => {
        const pane = this.pane(batch.map, 'event');
        check.look(batch.map, () => firstOf(batch.rows())?.data);
        if (pane instanceof EventPane) pane.take(batch);
        this.schedule(FRAME_MS);
        return { status: 'ok' };
      },
      writeMetrics: (batch) => {
        this.takeMetrics(batch, check);
        this.schedule(FRAME_MS);
        return { status: 'ok' };
      },
      close: () => {},
    };
  }

  private takeMetrics({ families, time }: MetricBatch, check: FilterCheck): void {
    const byMap = new Map<string, MetricFamily[]>();
    for (const family of families) {
      if (!family.origin) continue;
      const { map } = family.origin;
      const [some] = family.series;
      if (some) check.look(map, () => Object.fromEntries(some.labels));
      byMap.set(map, [...(byMap.get(map) ?? []), family]);
    }
    for (const [map, own] of byMap) {
      const pane = this.pane(map, own[0]?.type ?? 'gauge');
      if (pane instanceof SeriesPane || pane instanceof HistogramPane) pane.take(own, time);
    }
  }

  private pane(map: string, kind: string): Pane {
    let pane = this.panes.get(map);
    if (!pane) {
      const flags = this.options.filters.get(map) ?? [];
      const Kind = kind === 'event' ? EventPane : kind === 'histogram' ? HistogramPane : SeriesPane;
      pane = new Kind(printable(map), flags);
      this.panes.set(map, pane);
    }
    return pane;
  }

  /** Take the terminal, once the probe runs. */
  open(agent: Agent): void {
    const { host, stdout } = this.options;
    this.agent = agent;
    const [probe] = agent.status().probes;
    this.probe = {
      name: printable(probe?.name ?? ''),
      programs: printable([...new Set(probe?.programs.map(({ section }) => section))].join(', ')),
    };
    const early = [...this.panes];
    this.panes.clear();
    const kinds = ['event', 'counter', 'gauge', 'histogram'];
    const place = ({ export: kind }: { readonly export: string }): number => kinds.indexOf(kind);
    // What came before the view has panes already.
    for (const map of [...(probe?.maps ?? [])].sort((a, b) => place(a) - place(b))) {
      const known = early.find(([name]) => name === map.name)?.[1];
      if (known) this.panes.set(map.name, known);
      else this.pane(map.name, map.export);
    }
    this.screen.enter();
    void this.screen.gone.then(this.end);
    this.keyboard = Keyboard.open(host.stdin, (key) => {
      this.keys.press(key);
      this.isStale = true;
      this.schedule(KEY_FRAME_MS);
    });
    stdout.on('resize', this.onResize);
    process.on('SIGHUP', this.end);
    process.on('SIGTSTP', this.onStop);
    process.on('SIGCONT', this.onContinue);
    this.readStatus();
    this.statusTimer = setInterval(() => this.readStatus(), STATUS_MS);
    this.schedule(0);
  }

  /** A line for the log, which must not write over the screen. `false`: there is no screen, it is the caller's. */
  take(line: string): boolean {
    if (!this.screen.isOpen) return false;
    this.log.add(line, performance.now());
    this.isStale = true;
    this.schedule(FRAME_MS);
    return true;
  }

  /** Give the terminal back. Returns the log that was held back meanwhile. Idempotent. */
  async close(): Promise<string> {
    clearTimeout(this.timer);
    clearInterval(this.statusTimer);
    this.options.stdout.off('resize', this.onResize);
    process.off('SIGHUP', this.end);
    process.off('SIGTSTP', this.onStop);
    process.off('SIGCONT', this.onContinue);
    this.keyboard?.close();
    this.keyboard = undefined;
    await this.screen.leave();
    return this.log.take();
  }

  private readonly onResize = (): void => {
    this.screen.invalidate();
    this.isStale = true;
    this.schedule(KEY_FRAME_MS);
  };

  /** ctrl-z: the shell's turn, with its own screen. */
  private readonly onStop = (): void => {
    this.keyboard?.rest();
    void this.screen.leave().then(() => process.kill(process.pid, 'SIGSTOP'));
  };

  private readonly onContinue = (): void => {
    this.screen.enter();
    this.keyboard?.listen();
    this.onResize();
  };

  private readStatus(): void {
    if (!this.agent) return;
    this.reading = this.meter.read(this.agent.status(), this.options.sink, performance.now());
    for (const [map, pane] of this.panes)
      if (pane instanceof EventPane) pane.rate = this.reading.rates.get(map);
    this.isStale = true;
    this.schedule(FRAME_MS);
  }

  /** A frame, at least `gap` ms after the last one. */
  private schedule(gap: number): void {
    const due = Math.max(performance.now(), this.drawnAt + gap);
    if (!this.screen.isOpen || due >= this.due) return;
    clearTimeout(this.timer);
    this.due = due;
    this.timer = setTimeout(() => this.draw(), due - performance.now());
  }

  private draw(): void {
    this.due = Number.POSITIVE_INFINITY;
    this.drawnAt = performance.now();
    const panes = [...this.panes.values()];
    for (const [i, pane] of panes.entries()) {
      const isNew = pane.absorb(ABSORB_MS / panes.length);
      if (isNew && i === this.keys.selected) this.isStale = true;
    }
    if (panes.some((pane) => pane instanceof EventPane && pane.isBehind)) this.schedule(FRAME_MS);
    if (!this.isStale) return;
    const { columns, rows } = this.options.stdout;
    const area = { width: Math.max(1, columns || 80), height: Math.max(1, rows || 24) };
    const lines = frame(
      {
        probe: this.probe.name,
        programs: this.probe.programs,
        url: this.agent?.url ?? '',
        reading: this.reading,
        panes,
        selected: this.keys.selected,
        isPaused: this.keys.isPaused,
        help: this.keys.help,
        prompt: this.keys.prompt?.text,
        problem: this.keys.problem,
        log: this.log.latest(performance.now()),
      },
      area,
      this.colors,
    );
    // Where the terminal is still busy with the last frame, this one is left out.
    if (this.screen.draw(lines)) this.isStale = false;
    else this.schedule(FRAME_MS);
  }
}

function firstOf<T>(all: Iterable<T>): T | undefined {
  for (const one of all) return one;
  return undefined;
}
