import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sourceOf } from '../../../core/cli/run/run-config.js';
import { run } from '../../support/bee.js';
import { execs } from '../bpf/fixtures.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-source-'));
  mkdirSync(join(folder, 'build'));
  for (const name of ['build/execs', 'execs', 'execs:v1', 'execs.o'])
    writeFileSync(join(folder, name), execs);
  writeFileSync(join(folder, 'notes'), '\x7fEL');
  mkdirSync(join(folder, 'tcpconnect'));
  run('mkfifo', join(folder, 'fifo'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([
  ['execs.o', 'file'],
  ['missing.o', 'file'],
  ['./execs', 'file'],
  ['./missing', 'image'],
  // As BumbleBee has it, an object may have any name …
  ['execs', 'file'],
  ['build/execs', 'file'],
  // … but a file does not stand in for an image that is named as one.
  ['execs:v1', 'image'],
  ['build/execs@sha256:0', 'image'],
  ['notes', 'image'],
  ['tcpconnect', 'image'],
  ['fifo', 'image'],
  ['ghcr.io/solo-io/bumblebee/tcpconnect', 'image'],
])('bee run %s runs the %s', (source, what) => {
  expect(Object.keys(sourceOf(source, folder))).toEqual([what]);
});
