import {
  ConfigError,
  type ConfigPath,
  formatDuration,
  type LoadedConfig,
  type MapConfig,
} from '../../config/index.js';
import { familyClash } from '../metrics/index.js';
import { configProblems } from './agent.js';
import { messageOf } from './error.js';
import { eventForms } from './plan/event-forms.js';
import type { MapPlan } from './plan/map-plan.js';
import { planProbe, unattached } from './plan/probe-plan.js';
import { ofProbe, type Problem } from './plan/problem.js';
import { readProbeImage } from './probe/probe-image.js';
import { type PreparedSink, prepareSinks, sinksOf } from './sinks.js';

/** `max_series` has a default, so nothing tells whether it was written. */
const SERIES_KEYS = ['value', 'labels', 'buckets', 'expire', 'metric', 'help'] as const;

/**
 * `--check`: everything that can be known without the kernel. Config and sinks' options; images in the store,
 * their digests, ELF and BTF; parameters, maps, fields and filters. `load` reads the config. Throws a
 * {@link ConfigError} with every problem: those of the file do not hide what else is wrong.
 */
export async function check(
  load: () => Promise<LoadedConfig>,
  print: (text: string) => void,
): Promise<number> {
  const { loaded, faults } = await load().then(
    (config) => ({ loaded: config, faults: [] }),
    (error: unknown) => {
      if (!(error instanceof ConfigError) || !error.rest) throw error;
      return { loaded: error.rest, faults: error.problems };
    },
  );
  const { problems, lines } = await findings(loaded);
  const all = [...faults, ...configProblems(problems, loaded)];
  if (all.length > 0) throw ConfigError.of(all);
  print(`${loaded.file}: ok\n${lines.join('\n')}\n`);
  return 0;
}

async function findings(loaded: LoadedConfig): Promise<{ problems: Problem[]; lines: string[] }> {
  const { config } = loaded;
  const { sinks, problems } = await prepareSinks(loaded);
  const lines: string[] = [];
  const planned: Planned[] = [];
  for (const [i, probe] of config.probes.entries()) {
    const path = ['probes', i];
    const key = 'image' in probe.source ? 'image' : 'file';
    try {
      const image = await readProbeImage(probe, config.agent);
      const plan = planProbe(
        probe,
        path,
        image,
        eventForms(sinksOf(probe, sinks).map((sink) => sink.accepts)),
        config.agent.labels,
      );
      problems.push(...plan.problems.map((problem) => ofProbe(probe.name, problem)));
      planned.push({ path, maps: plan.maps });
      const maps = plan.maps.map((map) => `${map.spec.name} → ${map.export}`).join(', ');
      const { length } = plan.spec.programs;
      const programs = `${length} program${length === 1 ? '' : 's'}`;
      lines.push(`  probe ${probe.name}: ${programs}; ${maps || 'no map is exported'}`);
      for (const idle of unattached(plan.spec)) lines.push(`    not attached: ${idle}`);
      lines.push(...idleKeys(plan.maps, probe.maps));
      lines.push(...earlyExpiries(plan.maps, sinksOf(probe, sinks)));
    } catch (error) {
      problems.push(ofProbe(probe.name, { path: [...path, key], message: messageOf(error) }));
    }
  }
  problems.push(...clashesBetween(planned));
  for (const sink of sinks) lines.push(`  sink ${sink.config.name}: ${sink.config.type}`);
  return { problems, lines };
}

/** Keys that make series, of maps that make none; and buckets of what is no histogram. */
function idleKeys(maps: readonly MapPlan[], configs: Readonly<Record<string, MapConfig>>): string[] {
  return maps.flatMap(({ spec, export: kind }) => {
    const config = configs[spec.name];
    const idle = kind === 'event' ? SERIES_KEYS : kind === 'histogram' ? [] : (['buckets'] as const);
    const written = idle.filter((key) => config?.[key] !== undefined);
    if (written.length === 0) return [];
    return `    ${spec.name}: ${written.join(', ')} ${written.length === 1 ? 'has' : 'have'} no effect: its export is ${kind}`;
  });
}

/** Series that may go before a sink to which metrics are pushed has had their last increments. */
function earlyExpiries(maps: readonly MapPlan[], sinks: readonly PreparedSink[]): string[] {
  return maps.flatMap(({ spec, series }) => {
    if (series?.source !== 'ring' || series.expire === undefined) return [];
    const { expire } = series;
    return sinks
      .filter(
        ({ accepts, interval, options }) => accepts.metrics && !isScraped(options) && expire < 2 * interval,
      )
      .map(
        ({ config, interval }) =>
          `    ${spec.name}: series expire after ${formatDuration(expire)}, and sink "${config.name}" is told every ${formatDuration(interval)}: what they count at last may never reach it. Give expire at least twice that`,
      );
  });
}

function isScraped(options: unknown): boolean {
  return typeof (options as { path?: unknown } | null)?.path === 'string';
}

interface Planned {
  readonly path: ConfigPath;
  readonly maps: readonly MapPlan[];
}

/** Families that two probes would share with different types. */
function clashesBetween(planned: readonly Planned[]): Problem[] {
  const problems: Problem[] = [];
  for (const [i, { path, maps }] of planned.entries()) {
    for (const { series, spec } of maps) {
      if (!series) continue;
      for (const other of planned.slice(0, i).flatMap((one) => one.maps)) {
        const message = other.series && familyClash(series, other.series);
        if (message === undefined) continue;
        const at = [...path, 'maps', spec.name, 'metric'];
        problems.push(ofProbe(series.probe, { path: at, message }));
      }
    }
  }
  return problems;
}
