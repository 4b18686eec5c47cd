import type { SinkContext } from '../../plugins/sdk/index.js';
import type { Hold } from './hold.js';

/**
 * `collect` for one sink: one at a time, whose outcome is for all who ask meanwhile. That sink is at work while it
 * lasts; it waits for maps first, then computes in pieces that let the event loop turn, each too short to be a hold.
 */
export function sharedCollect(collect: SinkContext['collect'], hold: Hold): SinkContext['collect'] {
  let underWay: ReturnType<SinkContext['collect']> | undefined;
  return () => {
    underWay ??= hold.call('for collect()', collect).finally(() => {
      underWay = undefined;
    });
    return underWay;
  };
}
