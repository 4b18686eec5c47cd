import { readFile, stat } from 'node:fs/promises';
import type { ProbeConfig } from '../../config/index.js';
import { type ObjectSpec, parseObject } from '../bpf/index.js';
import { openStores } from '../oci/index.js';
import { AgentError } from './error.js';

/** The bytes of a probe, and what they say. */
export interface ProbeImage {
  readonly program: Uint8Array;
  readonly spec: ObjectSpec;
  /** Digest of the manifest, for an image. */
  readonly digest?: string;
}

const MAX_FILE_BYTES = 64 << 20;

/** Read a probe from the store or a file, its digest verified. */
export async function readProbeImage(config: ProbeConfig, storage: string | undefined): Promise<ProbeImage> {
  if ('file' in config.source) {
    const program = await readObjectFile(config.source.file);
    return { program, spec: parseObject(program) };
  }
  const { program, digest } = await openStores({ storage, env: process.env }).readProbe(config.source.image);
  return { program, spec: parseObject(program), digest };
}

async function readObjectFile(file: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > MAX_FILE_BYTES)
      throw new AgentError('PROBE_FAILED', `${file} has ${size} bytes: that is no BPF object`);
    return await readFile(file);
  } catch (error) {
    if (error instanceof AgentError) throw error;
    const { code, message } = error as NodeJS.ErrnoException;
    throw new AgentError('PROBE_FAILED', code === 'ENOENT' ? `${file}: no such file` : message, {
      cause: error,
    });
  }
}
