import { describe, expect, it } from 'vitest';
import { writeIpv4 } from '../../../core/decode/address.js';
import { writeUnsigned } from '../../../core/decode/digits.js';
import { copyText, writeText } from '../../../core/decode/text.js';

const out = new Uint8Array(256);
const words = new DataView(out.buffer);

/** A field of `size` bytes at an odd address, with something that must not be read on both sides. */
function field(bytes: readonly number[], size: number): { u8: Uint8Array; view: DataView; start: number } {
  const u8 = new Uint8Array(size + 16).fill(0x58);
  const start = 3;
  u8.fill(0, start, start + size);
  u8.set(bytes.slice(0, size), start);
  return { u8, view: new DataView(u8.buffer), start };
}

/** The same by Node: up to the NUL, invalid UTF-8 replaced. */
function text(bytes: readonly number[], size: number): string {
  const cut = bytes.slice(0, size);
  const end = cut.indexOf(0);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(
    Uint8Array.from(end < 0 ? cut : cut.slice(0, end)),
  );
}

function json(bytes: readonly number[], size: number): string {
  const { u8, view, start } = field(bytes, size);
  return Buffer.from(out.subarray(5, writeText(out, words, 5, u8, view, start, size))).toString();
}

function copy(bytes: readonly number[], size: number): string {
  const { u8, view, start } = field(bytes, size);
  return Buffer.from(out.subarray(5, copyText(out, words, 5, u8, view, start, size))).toString();
}

const letters = (length: number): number[] => Array.from({ length }, (_, i) => 0x61 + (i % 26));

describe('text of a record', () => {
  it('is cut, escaped and replaced as JSON and UTF-8 have it: every byte, at every place, in every length', () => {
    for (let size = 1; size <= 13; size++) {
      for (let at = 0; at < size; at++) {
        for (let byte = 0; byte < 256; byte++) {
          const bytes = letters(size);
          bytes[at] = byte;
          const expected = text(bytes, size);
          if (json(bytes, size) !== JSON.stringify(expected).slice(1, -1) || copy(bytes, size) !== expected)
            expect.fail(`byte ${byte} at ${at} of ${size}: ${json(bytes, size)}, ${copy(bytes, size)}`);
        }
      }
    }
  });

  it('is that of two special bytes side by side, where one might hide the other', () => {
    const special = [
      0, 1, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x7e, 0x7f, 0x80, 0xc3, 0xa9, 0xff,
    ];
    for (const first of special) {
      for (const second of special) {
        for (let at = 0; at < 7; at++) {
          const bytes = letters(8);
          bytes.splice(at, 2, first, second);
          const expected = text(bytes, 8);
          expect(json(bytes, 8)).toBe(JSON.stringify(expected).slice(1, -1));
          expect(copy(bytes, 8)).toBe(expected);
        }
      }
    }
  });
});

describe('digits', () => {
  it('are those of the number, around each power of ten and of two', () => {
    const around = [...Array(10).keys()].map((n) => 10 ** n).concat([...Array(33).keys()].map((n) => 2 ** n));
    for (const value of around.flatMap((n) => [n - 1, n, n + 1]).filter((n) => n < 2 ** 32)) {
      const end = writeUnsigned(words, 9, value);
      expect(Buffer.from(out.subarray(9, end)).toString()).toBe(String(value));
    }
  });

  it('are those of an address', () => {
    for (let octet = 0; octet < 256; octet++) {
      const bytes = Uint8Array.of(octet, 255 - octet, 9, octet ^ 0x55);
      const end = writeIpv4(words, 1, bytes, 0);
      expect(Buffer.from(out.subarray(1, end)).toString()).toBe(bytes.join('.'));
    }
  });
});
