import type { BenchCase } from '../case.js';
import { busyCost, busyCostNdjson } from './busy-cost.js';
import { diskBuffer } from './disk-buffer.js';
import { hashPoll, hashPollPeer } from './hash-poll.js';
import { idle } from './idle.js';
import { latency, latencyTail } from './latency.js';
import { otlpMetrics } from './otlp.js';
import { ringCounter, ringCounterCost, ringCounterLossless, ringCounterSteady } from './ring-counter.js';
import { ringNdjson, ringNdjsonCost, ringNdjsonPeer } from './ring-ndjson.js';
import { ringObjects } from './ring-objects.js';
import { ringSustained } from './ring-sustained.js';
import { scrape } from './scrape.js';
import { sinkCosts } from './sinks.js';
import { start } from './start.js';

export const cases: readonly BenchCase[] = [
  ringCounter,
  ringCounterCost,
  ringCounterLossless,
  ringCounterSteady,
  ringNdjson,
  ringNdjsonCost,
  ringNdjsonPeer,
  ringObjects,
  ringSustained,
  hashPoll,
  hashPollPeer,
  scrape,
  otlpMetrics,
  ...sinkCosts,
  diskBuffer,
  latency,
  latencyTail,
  start,
  idle,
  busyCost,
  busyCostNdjson,
];
