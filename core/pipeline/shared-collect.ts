import type { SinkContext } from '../../plugins/sdk/index.js';
import type { Hold } from './hold.js';

/**
 * `collect` for one sink: one at a time, whose outcome is for all who ask meanwhile. What it computes before it first
 * waits is that sink's hold of the main thread.
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
