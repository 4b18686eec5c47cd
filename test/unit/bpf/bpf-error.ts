import { expect } from 'vitest';
import { BpfError, type BpfErrorCode } from '../../../core/bpf/index.js';

/** The work throws a BpfError of this code, whose message matches. */
export function expectBpfError(work: () => unknown, code: BpfErrorCode, message: RegExp): void {
  let thrown: unknown;
  try {
    work();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(BpfError);
  const error = thrown as BpfError;
  expect(`${error.code}: ${error.message}`).toMatch(message);
  expect(error.code).toBe(code);
  expect(error.message.startsWith(error.where)).toBe(true);
}
