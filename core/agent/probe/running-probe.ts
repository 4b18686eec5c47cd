import { rmSync } from 'node:fs';
import type { ProbeConfig } from '../../../config/index.js';
import { rewriteLegacySections } from '../../bpf/index.js';
import {
  type ClockOffsets,
  type DecodeOutput,
  type DecodePool,
  type DrainResult,
  MAX_ENTRIES,
  type MapRefresh,
  MapSource,
  RingSource,
} from '../../decode/index.js';
import { type Attachment, type KernelObject, openObject, type RingWatcher } from '../../kernel/index.js';
import type { SeriesHandle, SeriesSource, SeriesStore } from '../../metrics/index.js';
import { messageOf } from '../error.js';
import { type EventHub, type EventSource, MAX_TAIL } from '../http/events.js';
import { LOST_MAP, lostSlots } from '../plan/lost-slots.js';
import type { MapPlan } from '../plan/map-plan.js';
import type { ProbePlan } from '../plan/probe-plan.js';
import { PlanError } from '../plan/problem.js';
import type { Router } from '../router.js';
import { type MapCounts, newCounts } from './counts.js';
import { LostCounts } from './lost-counts.js';
import type { ProbeImage } from './probe-image.js';

/**
 * Folders of a BPF file system; undefined: not pinned. As with BumbleBee, maps stay pinned, and the next run goes on with
 * what is in them; programs, which would be in its way, do not.
 */
export interface PinFolders {
  readonly maps?: string | undefined;
  readonly programs?: string | undefined;
}

/** What a probe needs of the agent. */
export interface ProbeHost {
  readonly pool: DecodePool;
  readonly watcher: RingWatcher;
  readonly series: SeriesStore;
  readonly hub: EventHub;
  readonly router: Router;
  readonly clock: () => ClockOffsets;
  readonly labels: Readonly<Record<string, string>>;
  readonly pins: PinFolders;
  readonly log: { warn(message: string): void; debug(message: string): void };
}

type Source = RingSource | MapSource;

interface RunningMap extends EventSource {
  readonly plan: MapPlan;
  readonly counts: MapCounts;
  source: Source;
  series?: SeriesHandle;
  /** Events so far. */
  sequence: number;
  /** `ringFull` of earlier runs of this probe: the kernel's count begins anew with each load. */
  readonly lostBefore: number;
}

/** A probe in the kernel: its object loaded, its maps read, its programs attached. */
export class RunningProbe {
  private readonly maps: RunningMap[] = [];
  private lost: LostCounts | undefined;
  private readonly pinned: string[] = [];
  private closing: Promise<void> | undefined;
  /** What became of its programs. */
  attachments: readonly Attachment[] = [];

  private constructor(
    readonly name: string,
    private readonly object: KernelObject,
    readonly plan: ProbePlan,
    private readonly host: ProbeHost,
    private readonly counts: Map<string, MapCounts>,
  ) {}

  /** Load, watch the maps, attach, in this order, so that no record comes before its reader. What was done is undone on failure. */
  static async start(
    config: ProbeConfig,
    image: ProbeImage,
    plan: ProbePlan,
    host: ProbeHost,
    counts: Map<string, MapCounts>,
  ): Promise<RunningProbe> {
    const object = openObject(rewriteLegacySections(image.program), { name: config.name });
    const probe = new RunningProbe(config.name, object, plan, host, counts);
    try {
      for (const { section, offset, bytes } of plan.params) object.setParam(section, offset, bytes);
      const { maps, programs } = host.pins;
      // What rings have lost is counted anew, as what they had is.
      if (maps !== undefined) object.keepMaps(maps, (map) => map !== LOST_MAP);
      await object.load();
      if (maps !== undefined) object.pinMaps(maps);
      if (programs !== undefined) probe.pinned.push(...object.pinPrograms(programs));
      probe.openLostMap();
      for (const map of plan.maps) probe.addMap(map);
      // In the workers, one of which may still be starting: what its programs send meanwhile waits in the rings, and
      // small drains need no worker.
      const opened = Promise.all(probe.maps.map((map) => map.source.open()));
      opened.catch(() => {});
      probe.attachments = await object.attachAll({ frequency: config.frequency });
      await opened;
      for (const map of probe.maps) if (map.source instanceof MapSource) map.source.start();
      return probe;
    } catch (error) {
      await probe.close(0);
      // The next try registers its own.
      for (const { series } of probe.maps) series?.remove();
      throw error;
    }
  }

  private openLostMap(): void {
    const spec = this.plan.spec.maps.find((map) => map.name === LOST_MAP);
    if (!spec) return;
    const slots = lostSlots(spec, this.plan.spec);
    if (slots) this.lost = new LostCounts(this.object.map(LOST_MAP).fd, slots);
    else
      this.host.log.warn(
        `${this.name}: its map ${LOST_MAP} is not as bee.h defines it, so what its rings lose is not known`,
      );
  }

  private addMap(plan: MapPlan): void {
    const { host } = this;
    const name = plan.spec.name;
    const counts = this.counts.get(name) ?? newCounts();
    this.counts.set(name, counts);
    const running = {
      probe: this.name,
      map: name,
      plan,
      counts,
      sequence: 0,
      lostBefore: counts.ringFull ?? 0,
      tail: async (limit: number) => {
        const { ndjson } = await running.source.tail(limit);
        return { ndjson, sequence: running.sequence };
      },
    } as unknown as RunningMap;
    if (plan.series) running.series = this.register(plan.series);
    const events = plan.export === 'event';
    const common = {
      fd: this.object.map(name).fd,
      plan: plan.decode,
      tail: events ? MAX_TAIL : 0,
      clock: host.clock,
      ...(events ? { room: () => host.router.room(this.name) } : {}),
      followed: () => events && host.hub.followerCount > 0 && host.hub.isFollowed(running),
      onRetry: (error: unknown) =>
        host.log.warn(
          `${this.name}/${name}: a batch failed in its worker and is repeated: ${messageOf(error)}`,
        ),
    };
    this.maps.push(running);
    if (plan.source === 'ring') {
      running.source = new RingSource(host.pool, host.watcher, {
        ...common,
        onBatch: (result) => this.take(running, result, result.records, result.discarded),
        onLeft: ({ records, bytes }) => {
          counts.leftAtStop = (counts.leftAtStop ?? 0) + records;
          host.log.warn(
            `${this.name}/${name}: ${records} records (${bytes} bytes) were in its ring when its time to stop was over: lost`,
          );
        },
        onSkipped: (error) => {
          counts.received++;
          counts.undecodable++;
          host.log.warn(
            `${this.name}/${name}: a record could not be decoded and is skipped: ${messageOf(error)}`,
          );
        },
      });
    } else {
      running.source = new MapSource(host.pool, {
        ...common,
        id: host.watcher.newId(),
        maxEntries: this.object.map(name).maxEntries,
        interval: plan.interval,
        onDemand: plan.onDemand,
        changes: events,
        onBatch: (result) => {
          counts.entries = result.entries;
          this.countTruncated(running, result.truncated);
          this.take(
            running,
            result,
            result.output.events + result.output.filtered + result.output.malformed,
            0,
          );
        },
      });
    }
    if (events) host.hub.add(running);
  }

  private countTruncated({ map, counts }: RunningMap, isTruncated: boolean): void {
    if (isTruncated && counts.truncatedReads === undefined)
      this.host.log.warn(
        `${this.name}/${map}: it has more than ${MAX_ENTRIES} entries, and a read takes no more: the rest is left out. Make the map smaller, or have the probe send what matters through a ring`,
      );
    if (isTruncated) counts.truncatedReads = (counts.truncatedReads ?? 0) + 1;
  }

  private register(source: SeriesSource): SeriesHandle {
    try {
      return this.host.series.register(source);
    } catch (error) {
      throw new PlanError(messageOf(error), ['metric'], source.map);
    }
  }

  /** One decoded batch: count, route its events, add to its series. */
  private take(
    map: RunningMap,
    result: Pick<DrainResult, 'output' | 'followed' | 'time'>,
    records: number,
    discarded: number,
  ): void {
    const { output } = result;
    const { counts, plan } = map;
    counts.received += records;
    counts.discarded += discarded;
    counts.filtered += output.filtered;
    counts.malformed += output.malformed;
    counts.decoded += output.events;
    map.sequence += output.events;
    if (output.groups && map.series) {
      counts.overflowed += output.groups.overflowed + map.series.apply(output.groups, result.time);
    }
    if (output.events > 0 && plan.export === 'event') this.route(map, output);
    const lines =
      result.followed ??
      (output.ndjson && output.lineEnds ? { ndjson: output.ndjson, lineEnds: output.lineEnds } : undefined);
    if (lines && this.host.hub.followerCount > 0) this.host.hub.publish(map, lines, map.sequence);
  }

  private route(map: RunningMap, output: DecodeOutput): void {
    const { source } = map;
    const { ndjson, columns } = output;
    // Followers keep lines for as long as they are slow.
    const lentLines = this.host.hub.followerCount === 0 ? ndjson : undefined;
    const lent = { ...(lentLines ? { ndjson: lentLines } : {}), ...(columns ? { columns } : {}) };
    this.host.router.route(
      {
        probe: this.name,
        map: map.map,
        labels: this.host.labels,
        count: output.events,
        ...(ndjson ? { ndjson } : {}),
        ...(output.lineEnds ? { lineEnds: output.lineEnds } : {}),
        ...(columns ? { columns } : {}),
      },
      source instanceof RingSource ? () => source.reuse(lent) : undefined,
    );
  }

  /** Reads of maps whose series are older than they may be. */
  refresh(): readonly MapRefresh[] {
    return this.maps.flatMap(({ source }) => (source instanceof MapSource ? (source.refresh() ?? []) : []));
  }

  /** Bring the figures that live in the kernel up to date: `bee_lost`, ring fill. */
  measure(): void {
    const lost = this.lost?.read();
    for (const map of this.maps) {
      if (!(map.source instanceof RingSource)) continue;
      map.counts.highestFill = map.source.highestFill;
      map.counts.size = map.source.size;
      const count = lost?.get(map.map);
      if (count !== undefined) map.counts.ringFull = map.lostBefore + Number(count);
    }
  }

  /**
   * Detach, read what is left, let go. `deadline`: ms for the last drain. Idempotent. Its series stay: sinks to which
   * metrics are pushed get what was counted last when the sources have ended.
   */
  close(deadline: number): Promise<void> {
    this.closing ??= this.closeOnce(deadline);
    return this.closing;
  }

  private async closeOnce(deadline: number): Promise<void> {
    this.object.detach();
    await Promise.all(this.maps.map((map) => map.source?.close(deadline)));
    try {
      this.measure();
    } catch (error) {
      this.host.log.debug(`${this.name}: last reading failed: ${messageOf(error)}`);
    }
    for (const map of this.maps) this.host.hub.remove(map);
    this.lost?.close();
    for (const path of this.pinned) rmSync(path, { force: true });
    this.object.close();
  }
}
