import type { MetricBatch, MetricFamily, MetricOrigin, Series } from '../../plugins/sdk/index.js';
import type { GroupOutput } from '../decode/index.js';
import { MetricsError } from './error.js';
import { familyClash, originOf, type SeriesSource, sameOrigin } from './source.js';
import { SourceSeries } from './source-series.js';

export interface SeriesHandle {
  /**
   * Fold the output of one drain or read. `time`: Unix ns. Returns the records that went to the overflow series for
   * want of room here; where sums do not tell how many these were, one a series.
   */
  apply(output: GroupOutput, time: bigint): number;
  /** The probe is gone, its series with it. */
  remove(): void;
}

/** Series after which `collect` lets the event loop turn: a millisecond's work, a few for histograms. */
const STRIDE = 512;

interface Collected {
  readonly family: Omit<MetricFamily, 'series'>;
  readonly origin: MetricOrigin;
  readonly series: Series[];
  /** Identities, once a second source joined: the first one's are told apart already. */
  seen?: Set<string>;
}

/** All series of all probes. Series identity is the rendered labels; a family may have several sources. */
export class SeriesStore {
  private readonly sources = new Set<SourceSeries>();

  /** Throws {@link MetricsError} where `source` and one that is there cannot be told apart, or disagree on a family's type. */
  register(source: SeriesSource): SeriesHandle {
    for (const other of [source, ...[...this.sources].map((one) => one.source)]) {
      const clash = familyClash(source, other);
      if (clash !== undefined) throw new MetricsError('FAMILY_CLASH', clash);
    }
    const series = new SourceSeries(source);
    this.sources.add(series);
    return {
      apply: (output, time) => series.apply(output, time),
      remove: () => {
        this.sources.delete(series);
      },
    };
  }

  /** A snapshot of the series of the probes that `wanted` admits. Lets the event loop turn in between. */
  async collect(wanted: (probe: string) => boolean = () => true): Promise<MetricBatch> {
    const families = new Map<string, Collected>();
    const time = BigInt(Date.now()) * 1_000_000n;
    let latest = 0n;
    let made = 0;
    for (const source of [...this.sources]) {
      if (!wanted(source.source.probe)) continue;
      source.expire(time);
      // A copy: the store goes on changing while the loop turns, and must not show a series that came again twice.
      const entries = source.alive();
      for (const [index, name] of source.source.families.entries()) {
        const target = collected(families, source.source, index);
        const origin = originOf(source.source, name);
        const own = sameOrigin(origin, target.origin) ? undefined : origin;
        for (const entry of entries) {
          const series = source.snapshot(entry, index);
          if (target.seen) {
            const identity = identityOf(series.labels);
            if (target.seen.has(identity)) continue;
            target.seen.add(identity);
          }
          target.series.push(own ? { ...series, origin: own } : series);
          if (++made % STRIDE === 0) await new Promise((resolve) => setImmediate(resolve));
        }
      }
      if (source.latestStart > latest) latest = source.latestStart;
    }
    return {
      kind: 'metrics',
      time: notBefore(latest, time),
      families: [...families.values()].map(({ family, series }) => ({ ...family, series })),
    };
  }
}

/**
 * The time of a batch: no point may be older than its start, which is exact to the ns, may have come while the loop
 * turned, and counts for nothing where the clock was set back since.
 */
function notBefore(start: bigint, time: bigint): bigint {
  const now = BigInt(Date.now() + 1) * 1_000_000n;
  if (start <= time) return time;
  return start < now ? start : now;
}

function collected(families: Map<string, Collected>, source: SeriesSource, index: number): Collected {
  const name = source.families[index]!;
  const there = families.get(name.name);
  if (there) {
    there.seen ??= new Set(there.series.map((series) => identityOf(series.labels)));
    return there;
  }
  const origin = originOf(source, name);
  const family = {
    name: name.name,
    type: source.kind,
    help: name.help,
    ...(name.unit ? { unit: name.unit } : {}),
    origin,
  };
  const made = { family, origin, series: [] };
  families.set(name.name, made);
  return made;
}

/** To Prometheus a label without a value is no label, and order does not matter. */
function identityOf(labels: Series['labels']): string {
  return JSON.stringify(labels.filter(([, value]) => value !== '').sort(([a], [b]) => (a < b ? -1 : 1)));
}
