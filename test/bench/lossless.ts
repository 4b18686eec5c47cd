import type { Consumer, Outcome } from './load.js';

export interface Search {
  /** Records a second: the first that is tried, and the most. */
  readonly from: number;
  readonly to: number;
  /** Of each try. */
  readonly seconds: number;
  readonly steps: number;
}

/**
 * Highest rate at which `seconds` of records pass without a loss, by bisection; records a second. A rate is too
 * high when it loses twice: what else the machine does shall not decide. What counts is the rate that was made, not
 * the one that was asked for: a consumer whose wake-ups slow the producer down is not credited with what they cost.
 */
export async function losslessRate(
  consumer: Pick<Consumer, 'load'>,
  { from, to, seconds, steps }: Search,
): Promise<number> {
  let low = 0;
  let high = to;
  let rate = from;
  let held = 0;
  for (let step = 0; step < steps; step++) {
    const total = Math.round(rate * seconds);
    let outcome = await consumer.load(total, rate, true);
    if (outcome.lost > 0) outcome = await consumer.load(total, rate, true);
    const { lost, delivered, making } = outcome;
    if (lost === 0) {
      low = rate;
      held = Math.max(held, delivered / making);
      // The producer cannot go faster beside this consumer.
      if (delivered / making < rate * 0.9) break;
    } else high = rate;
    if (low >= to * 0.98) break;
    rate = high === to && lost === 0 ? Math.min(to, rate * 2) : (low + high) / 2;
  }
  return held;
}

export interface Sustained {
  readonly rate: number;
  /** Of the load that was held. */
  readonly outcome: Outcome;
}

/** Loads that lost something, and seconds of them, before the search is given up. */
const GIVE_UP = { loads: 15, seconds: 120 };
/** Each step down is so many times the last one: fine at first, and far soon. */
const WIDER = 1.25;

/**
 * Highest rate that is held for `seconds` with no loss: a short search says where to begin, steps lead down from
 * there, the first of them by the share `step`. A load ends with its first loss, so a rate that is too high costs
 * little time.
 */
export async function sustainedRate(
  consumer: Pick<Consumer, 'load'>,
  { search, seconds, step }: { readonly search: Search; readonly seconds: number; readonly step: number },
): Promise<Sustained> {
  let rate = await losslessRate(consumer, search);
  if (rate === 0) throw new Error(`no rate passes for ${search.seconds} s without a loss`);
  let down = step;
  for (let [loads, spent] = [0, 0]; loads < GIVE_UP.loads && spent < GIVE_UP.seconds; loads++) {
    const outcome = await consumer.load(Math.round(rate * seconds), rate, true);
    if (outcome.lost === 0) return { rate: outcome.delivered / outcome.making, outcome };
    spent += outcome.making;
    rate *= 1 - down;
    down = Math.min(down * WIDER, 0.5);
  }
  throw new Error(`no rate down to ${Math.round(rate)} records/s was held for ${seconds} s`);
}
