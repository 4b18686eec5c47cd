import type { ConfigPath, LoadedConfig } from '../../config/index.js';
import { familyClash } from '../metrics/index.js';
import { failOn } from './agent.js';
import { messageOf } from './error.js';
import type { MapPlan } from './plan/map-plan.js';
import { planProbe } from './plan/probe-plan.js';
import type { Problem } from './plan/problem.js';
import { readProbeImage } from './probe/probe-image.js';
import { type PreparedSink, prepareSinks, sinksOf } from './sinks.js';

/**
 * `--check`: everything that can be known without the kernel. Config and sinks' options; images in the store,
 * their digests, ELF and BTF; parameters, maps, fields and filters. Every problem is reported, not the first.
 */
export async function check(loaded: LoadedConfig, print: (text: string) => void): Promise<number> {
  const { config } = loaded;
  const { sinks, problems } = await prepareSinks(loaded);
  const lines: string[] = [];
  const planned: Planned[] = [];
  for (const [i, probe] of config.probes.entries()) {
    const path = ['probes', i];
    const key = 'image' in probe.source ? 'image' : 'file';
    try {
      const image = await readProbeImage(probe, config.agent);
      const plan = planProbe(probe, path, image, formsOf(sinksOf(probe, sinks)), config.agent.labels);
      problems.push(...plan.problems);
      planned.push({ path, maps: plan.maps });
      const maps = plan.maps.map((map) => `${map.spec.name} → ${map.export}`).join(', ');
      const { length } = plan.spec.programs;
      const programs = `${length} program${length === 1 ? '' : 's'}`;
      lines.push(`  probe ${probe.name}: ${programs}; ${maps || 'no map is exported'}`);
    } catch (error) {
      problems.push({ path: [...path, key], message: `probe "${probe.name}": ${messageOf(error)}` });
    }
  }
  problems.push(...clashesBetween(planned));
  failOn(problems satisfies Problem[], loaded);
  for (const sink of sinks) lines.push(`  sink ${sink.config.name}: ${sink.config.type}`);
  print(`${loaded.file}: ok\n${lines.join('\n')}\n`);
  return 0;
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
      for (const other of planned.slice(0, i).flatMap((one) => one.maps)) {
        const message = series && other.series && familyClash(series, other.series);
        if (message !== undefined)
          problems.push({ path: [...path, 'maps', spec.name, 'metric'], message: `probe ${message}` });
      }
    }
  }
  return problems;
}

function formsOf(sinks: readonly PreparedSink[]): { ndjson: boolean; columns: boolean } {
  const forms = new Set(sinks.flatMap((sink) => sink.accepts.events || []));
  return { ndjson: forms.has('ndjson'), columns: forms.has('columns') || forms.has('rows') };
}
