import type { HistogramValue, MetricFamily, MetricType, Series } from '../../plugins/sdk/index.js';
import { renderLabels } from '../metrics/index.js';
import type { Outlet } from '../pipeline/index.js';
import { lossesOf } from './probe/counts.js';
import type { ProbeSupervisor } from './probe/supervisor.js';
import type { PreparedSink } from './sinks.js';

export interface TelemetrySource {
  readonly version: string;
  /** On every series, like the probes' own. */
  readonly labels: Readonly<Record<string, string>>;
  readonly probes: readonly ProbeSupervisor[];
  readonly outlets: ReadonlyMap<string, { readonly outlet: Outlet; readonly sink: PreparedSink }>;
  readonly followersLost: number;
  readonly workerRestarts: number;
  readonly started: number;
  readonly loopDelays: HistogramValue;
}

/** The agent's own metrics, `bee_agent_*`, as listed in docs/metrics.md. Made on demand from plain counters. */
export function agentFamilies(source: TelemetrySource): MetricFamily[] {
  const out = new Families(source.labels);
  out.add('bee_agent_build_info', 'gauge', 'Version of bee-agent; always 1.', { version: source.version }, 1);
  out.add(
    'bee_agent_start_time_seconds',
    'gauge',
    'Unix time at which the agent started.',
    {},
    source.started / 1000,
  );
  out.add(
    'bee_agent_worker_restarts_total',
    'counter',
    'Decode workers that died and were replaced.',
    {},
    source.workerRestarts,
  );
  out.add(
    'bee_agent_follower_lost_events_total',
    'counter',
    'Events that slow readers of /events?follow lost.',
    {},
    source.followersLost,
  );
  out.addHistogram(
    'bee_agent_event_loop_delay_seconds',
    'How late the main thread looked at its timers, five times a second.',
    source.loopDelays,
  );
  for (const probe of source.probes) addProbe(out, probe);
  for (const { outlet, sink } of source.outlets.values()) addOutlet(out, outlet, sink, source.probes);
  return out.families();
}

function addProbe(out: Families, supervisor: ProbeSupervisor): void {
  supervisor.measure();
  const probe = supervisor.config.name;
  out.add(
    'bee_agent_probe_up',
    'gauge',
    'Whether the probe is loaded and attached.',
    { probe },
    supervisor.up ? 1 : 0,
  );
  out.add(
    'bee_agent_probe_starts_total',
    'counter',
    'Attempts to load the probe.',
    { probe },
    supervisor.attempts,
  );
  for (const [map, counts] of supervisor.counts) {
    const labels = { probe, map };
    out.add(
      'bee_agent_records_received_total',
      'counter',
      'Records read from rings, and entries read from maps.',
      labels,
      counts.received,
    );
    out.add(
      'bee_agent_records_decoded_total',
      'counter',
      'Records that passed the filter and were decoded.',
      labels,
      counts.decoded,
    );
    out.add(
      'bee_agent_records_filtered_total',
      'counter',
      'Records that the filter rejected.',
      labels,
      counts.filtered,
    );
    out.add(
      'bee_agent_records_discarded_total',
      'counter',
      'Records that the probe itself discarded.',
      labels,
      counts.discarded,
    );
    for (const [reason, lost] of Object.entries(lossesOf(counts))) {
      out.add(
        'bee_agent_records_lost_total',
        'counter',
        'Records lost before any sink. ring_full is counted by the probe.',
        { ...labels, reason },
        lost,
      );
    }
    out.add(
      'bee_agent_series_overflowed_total',
      'counter',
      'Records or entries beyond max_series.',
      labels,
      counts.overflowed,
    );
    if (counts.size !== undefined) {
      out.add('bee_agent_ring_size_bytes', 'gauge', 'Size of the ring buffer.', labels, counts.size);
      out.add(
        'bee_agent_ring_fill_highest_bytes',
        'gauge',
        'Highest fill of the ring buffer at the start of a drain.',
        labels,
        counts.highestFill ?? 0,
      );
    }
    if (counts.truncatedReads !== undefined)
      out.add(
        'bee_agent_map_reads_truncated_total',
        'counter',
        'Reads that left entries out: the map has more than one read takes.',
        labels,
        counts.truncatedReads,
      );
    if (counts.entries !== undefined)
      out.add(
        'bee_agent_map_entries',
        'gauge',
        'Entries of the map at its last read.',
        labels,
        counts.entries,
      );
  }
}

/** Per sink: received = delivered + filtered + lost + queued, in records of the maps that it takes. */
function addOutlet(
  out: Families,
  outlet: Outlet,
  sink: PreparedSink,
  probes: readonly ProbeSupervisor[],
): void {
  const name = outlet.name;
  out.add(
    'bee_agent_sink_up',
    'gauge',
    'Whether the sink is open and delivering.',
    { sink: name },
    outlet.state === 'up' ? 1 : 0,
  );
  out.add(
    'bee_agent_sink_busy_seconds_total',
    'counter',
    'Time for which the sink held the main thread.',
    { sink: name },
    outlet.hold.seconds,
  );
  for (const state of ['closed', 'open', 'half_open']) {
    out.add(
      'bee_agent_sink_circuit',
      'gauge',
      'Whether attempts at delivery are made (closed), wait after a failure (open), or one finds out (half_open).',
      { sink: name, state },
      outlet.circuit.state === state ? 1 : 0,
    );
  }
  const queued = new Map([...outlet.counts()].map((entry) => [`${entry.probe}\0${entry.map}`, entry.counts]));
  for (const probe of probes) {
    if (probe.config.sinks && !probe.config.sinks.includes(name)) continue;
    for (const [map, kind] of probe.exports()) {
      const takes =
        kind === 'event' ? sink.accepts.events && sink.accepts.events.length > 0 : sink.accepts.metrics;
      const counts = probe.counts.get(map);
      if (!takes || !counts) continue;
      const labels = { sink: name, probe: probe.config.name, map };
      const delivery = queued.get(`${probe.config.name}\0${map}`);
      queued.delete(`${probe.config.name}\0${map}`);
      const folded = kind === 'event' ? 0 : counts.decoded;
      const recovered = delivery?.recovered ?? 0;
      addDelivery(out, labels, {
        received: counts.received + recovered,
        recovered,
        filtered: counts.filtered,
        delivered: (delivery?.delivered ?? 0) + folded,
        queued: delivery?.queued ?? 0,
        lost: { malformed: counts.malformed, undecodable: counts.undecodable, ...delivery?.lost },
      });
    }
  }
  // What a disk buffer still held of probes and maps that are no more.
  for (const [key, delivery] of queued) {
    const [probe = '', map = ''] = key.split('\0');
    addDelivery(out, { sink: name, probe, map }, { ...delivery, filtered: 0 });
  }
}

interface DeliveryFigures {
  readonly received: number;
  readonly recovered: number;
  readonly filtered: number;
  readonly delivered: number;
  readonly queued: number;
  readonly lost: Readonly<Record<string, number>>;
}

function addDelivery(out: Families, labels: Readonly<Record<string, string>>, of: DeliveryFigures): void {
  const count = (name: string, help: string, value: number, more: Record<string, string> = {}): void =>
    out.add(`bee_agent_sink_${name}_total`, 'counter', help, { ...labels, ...more }, value);
  count(
    'received',
    'Records that were read for the sink, or recovered from its disk buffer at the start.',
    of.received,
  );
  count('recovered', 'Records found at the start in the disk buffer that an earlier run left.', of.recovered);
  count('filtered', 'Records that the filter kept from the sink.', of.filtered);
  count('delivered', 'Records that the sink acknowledged, or that are in its series.', of.delivered);
  out.add('bee_agent_sink_queued', 'gauge', 'Records that wait for the sink.', labels, of.queued);
  for (const [reason, lost] of Object.entries(of.lost))
    count('lost', 'Records that did not reach the sink.', lost, { reason });
}

class Families {
  private readonly byName = new Map<string, { type: MetricType; help: string; series: Series[] }>();

  constructor(private readonly hostLabels: Readonly<Record<string, string>>) {}

  add(
    name: string,
    type: MetricType,
    help: string,
    labels: Readonly<Record<string, string>>,
    value: number,
  ): void {
    let family = this.byName.get(name);
    if (!family) {
      family = { type, help, series: [] };
      this.byName.set(name, family);
    }
    const pairs = Object.entries({ ...this.hostLabels, ...labels });
    family.series.push({ labels: pairs, labelText: renderLabels(pairs), value });
  }

  addHistogram(name: string, help: string, histogram: HistogramValue): void {
    const labels = Object.entries(this.hostLabels);
    const series = [{ labels, labelText: renderLabels(labels), histogram }];
    this.byName.set(name, { type: 'histogram', help, series });
  }

  families(): MetricFamily[] {
    return [...this.byName].map(([name, family]) => ({
      name,
      ...family,
      ...(name.endsWith('_seconds') ? { unit: 'seconds' as const } : {}),
      ...(name.endsWith('_bytes') ? { unit: 'bytes' as const } : {}),
    }));
  }
}
