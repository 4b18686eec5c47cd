import { describe, expect, it } from 'vitest';
import { SinkMetrics } from '../../../core/agent/sink-metrics.js';

describe('metrics that sinks keep of themselves', () => {
  it('are at most a hundred a sink, whatever other sinks have', () => {
    const metrics = new SinkMetrics();
    const greedy = metrics.of('greedy', {});
    for (let i = 0; i < 100; i++) greedy.counter(`path_${i}_total`, 'Of a path.').add(1);
    expect(() => greedy.gauge('one_more', 'One more.')).toThrow(
      'telemetry: "one_more" is one too many: a sink may have 100 metrics',
    );
    // What it has, it keeps.
    greedy.counter('path_7_total', 'Of a path.').add(1);
    const modest = metrics.of('modest', {});
    modest.counter('path_7_total', 'Of a path.').add(5);
    modest.gauge('open_files', 'Open files.').set(3);
    const families = metrics.families();
    expect(families.length).toBe(101);
    const shared = families.find(({ name }) => name === 'bee_agent_sink_path_7_total');
    expect(shared?.series.map((series) => 'value' in series && series.value)).toEqual([2, 5]);
    // The name of a metric that was refused is no family.
    expect(families.some(({ name }) => name.endsWith('one_more'))).toBe(false);
  });
});
