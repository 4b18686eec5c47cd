import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

const SLOT_BYTES = 32;
const MAGIC = 0x534f5042;

/**
 * Up to where a buffer was delivered, in a file of two slots that are written in turn: whichever write was cut short,
 * the other slot holds. 0 u32 magic, 8 u64 turn, 16 u64 sequence of the first frame that is not settled, 24 u32 crc.
 */
export class Position {
  private target = 0;
  private advancing: Promise<void> | undefined;

  private constructor(
    private readonly file: FileHandle,
    private turn: number,
    /** As it stands in the file. */
    public sequence: number,
  ) {}

  /** Rejects when the file cannot be opened; one that says nothing sensible is as none: all is delivered again. */
  static async open(folder: string): Promise<Position> {
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    const file = await open(join(folder, 'position'), flags, 0o600);
    try {
      const bytes = Buffer.alloc(2 * SLOT_BYTES);
      const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
      const slots = [0, SLOT_BYTES]
        .map((at) => decodeSlot(bytes.subarray(at, Math.max(at, Math.min(at + SLOT_BYTES, bytesRead)))))
        .filter((slot) => slot !== undefined)
        .sort((a, b) => b.turn - a.turn);
      const newest = slots[0] ?? { turn: 0, sequence: 0 };
      return new Position(file, newest.turn, newest.sequence);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Have `sequence` in the file soon, unless it or a later one is there. */
  advance(sequence: number, onError: (error: unknown) => void): void {
    if (sequence <= this.sequence) return;
    this.target = sequence;
    this.advancing ??= (async () => {
      while (this.sequence < this.target) await this.write(this.target);
    })()
      .catch(onError)
      .finally(() => {
        this.advancing = undefined;
      });
  }

  /** Resolves when nothing is being written. */
  async advanced(): Promise<void> {
    await this.advancing;
  }

  async write(sequence: number): Promise<void> {
    const turn = this.turn + 1;
    const slot = Buffer.alloc(SLOT_BYTES);
    slot.writeUInt32LE(MAGIC, 0);
    slot.writeBigUInt64LE(BigInt(turn), 8);
    slot.writeBigUInt64LE(BigInt(sequence), 16);
    slot.writeUInt32LE(crc32(slot.subarray(0, 24)), 24);
    await this.file.write(slot, 0, SLOT_BYTES, (turn % 2) * SLOT_BYTES);
    this.turn = turn;
    this.sequence = sequence;
  }

  sync(): Promise<void> {
    return this.file.datasync();
  }

  close(): Promise<void> {
    return this.file.close();
  }
}

function decodeSlot(slot: Buffer): { turn: number; sequence: number } | undefined {
  if (slot.length < SLOT_BYTES || slot.readUInt32LE(0) !== MAGIC) return undefined;
  if (crc32(slot.subarray(0, 24)) !== slot.readUInt32LE(24)) return undefined;
  const [turn, sequence] = [Number(slot.readBigUInt64LE(8)), Number(slot.readBigUInt64LE(16))];
  return Number.isSafeInteger(turn) && Number.isSafeInteger(sequence) ? { turn, sequence } : undefined;
}
