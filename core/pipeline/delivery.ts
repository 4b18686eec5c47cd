import {
  type Accepts,
  type BatchView,
  EventBatch,
  type Sink,
  type WriteCall,
} from '../../plugins/sdk/index.js';
import type { Assembler, Part, Unit } from './batch/assembler.js';
import type { Health } from './health.js';
import type { Hold } from './hold.js';
import type { Ledger } from './ledger.js';
import type { RetryGate } from './retry-gate.js';
import type { Slot } from './slot.js';
import type { Store } from './store.js';
import type { LossReason } from './types.js';

export interface DeliveryOptions {
  readonly name: string;
  readonly accepts: Accepts;
  /** ms an attempt. */
  readonly timeout: number;
  /** ms a batch is tried for; 0: for ever. */
  readonly maxElapsed: number;
}

/** Brings batches to a sink: attempts, waits, and counts what became of each. */
export class Delivery {
  private readonly view: BatchView;
  private readonly inFlight = new Set<Unit>();
  /** Why what is left at the end is lost, where it is not kept. */
  leftover: LossReason = 'shutdown';

  constructor(
    private readonly options: DeliveryOptions,
    private readonly store: Store,
    private readonly assembler: Assembler,
    private readonly ledger: Ledger,
    private readonly gate: RetryGate,
    private readonly health: Health,
    private readonly hold: Hold,
    private readonly closing: AbortSignal,
  ) {
    const { accepts, name } = options;
    this.view = { forms: accepts.events || [], numbers: accepts.numbers ?? 'bigint', sink: name };
  }

  get idle(): boolean {
    return this.inFlight.size === 0;
  }

  /**
   * Attempts until the unit is delivered, refused or expired, or the outlet closes. Its counts are settled then. Gives
   * what the sink said where that is its end.
   */
  async deliver(slot: Slot, sink: Sink, unit: Unit): Promise<{ readonly closed?: { error?: string } }> {
    const { batch } = unit;
    const { gate, health, ledger } = this;
    const { timeout, maxElapsed } = this.options;
    const expiry = maxElapsed > 0 ? performance.now() + maxElapsed : Number.POSITIVE_INFINITY;
    const write = (call: WriteCall) =>
      this.hold.call('in write()', () => sink.write!(new EventBatch(batch, this.view), call));
    this.inFlight.add(unit);
    for (;;) {
      const epoch = gate.begin();
      const result = await slot.attempt(unit, 'write', write, timeout);
      // While this attempt ran, the end may have come, and the batch was given up.
      if (!this.inFlight.has(unit)) return {};
      switch (result.status) {
        case 'ok':
          ledger.deliver(batch, result.rejected ?? 0);
          if (result.rejected) {
            const events = Math.min(result.rejected, batch.count);
            health.refuse(events, result.error ?? 'the destination rejected them', false);
          }
          gate.succeeded(epoch);
          health.succeed();
          this.settle(unit, true);
          return {};
        case 'drop':
          ledger.lose(batch, 'dropped');
          health.refuse(batch.count, result.error ?? 'the sink dropped them, and gave no reason', true);
          gate.succeeded(epoch);
          health.succeed();
          this.settle(unit, false);
          return {};
        case 'closed':
          this.leftover = 'closed';
          this.giveUp(unit);
          return { closed: result.error === undefined ? {} : { error: result.error } };
        case 'retry':
          if (!this.closing.aborted) {
            health.fail(new Error(result.error ?? 'the sink asked to retry'));
            gate.failed(epoch, result.after);
            do await gate.wait(expiry);
            while (!gate.passable && performance.now() < expiry && !this.closing.aborted);
            if (!this.inFlight.has(unit)) return {};
          }
          if (this.closing.aborted) {
            this.giveUp(unit);
            return {};
          }
          if (performance.now() >= expiry) {
            ledger.lose(batch, 'expired');
            this.settle(unit, false);
            return {};
          }
      }
    }
  }

  /** Give up what is being written, and what was put together for it. */
  end(): void {
    for (const unit of [...this.inFlight]) this.giveUp(unit);
    this.leave(this.assembler.rest());
  }

  private giveUp(unit: Unit): void {
    this.inFlight.delete(unit);
    this.leave(unit.parts);
  }

  private leave(parts: readonly Part[]): void {
    for (const { item, batch } of parts) if (!this.store.keeps(item)) this.ledger.lose(batch, this.leftover);
  }

  private settle(unit: Unit, delivered: boolean): void {
    this.inFlight.delete(unit);
    this.assembler.settle(unit, delivered);
  }
}
