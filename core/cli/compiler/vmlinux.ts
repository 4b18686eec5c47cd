import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { release, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { runTool } from './run.js';

const KERNEL_BTF = '/sys/kernel/btf/vmlinux';

/** A folder with the running kernel's types in `vmlinux.h`, or why there is none. */
export type VmlinuxFolder =
  | { readonly ok: true; readonly folder: string; remove(): Promise<void> }
  | { readonly ok: false; readonly reason: string };

/**
 * `vmlinux.h`, made from the kernel's BTF once and then kept in the user's cache, under the BTF's hash: a
 * kernel that was rebuilt with the same release has another. Where the cache cannot be written, a temporary
 * folder, which the caller removes.
 */
export async function vmlinuxFolder(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<VmlinuxFolder> {
  let btf: Uint8Array;
  try {
    btf = await readFile(KERNEL_BTF);
  } catch {
    return { ok: false, reason: `this kernel has no BTF (${KERNEL_BTF}): give a header by --vmlinux` };
  }
  const hash = createHash('sha256').update(btf).digest('hex').slice(0, 16);
  const cache = cacheFolder(env);
  const cached = cache === undefined ? undefined : join(cache, `vmlinux-${release()}-${hash}`);
  const nothing = async () => {};
  if (cached !== undefined && existsSync(join(cached, 'vmlinux.h'))) {
    return { ok: true, folder: cached, remove: nothing };
  }

  let header: string;
  try {
    header = await makeHeader(signal);
  } catch (error) {
    return { ok: false, reason: error instanceof Error ? error.message : String(error) };
  }
  if (cached !== undefined && (await keep(cached, header)))
    return { ok: true, folder: cached, remove: nothing };
  const folder = await mkdtemp(join(tmpdir(), 'bee-vmlinux-'));
  await writeFile(join(folder, 'vmlinux.h'), header);
  return { ok: true, folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

function cacheFolder(env: NodeJS.ProcessEnv): string | undefined {
  const base = env.XDG_CACHE_HOME?.startsWith('/')
    ? env.XDG_CACHE_HOME
    : env.HOME && join(env.HOME, '.cache');
  return base ? join(base, 'bee-agent') : undefined;
}

/** By the addon; where that is not built, by bpftool, whose output is the same. */
async function makeHeader(signal?: AbortSignal): Promise<string> {
  try {
    const { vmlinuxHeader } = await import('../../kernel/index.js');
    return await vmlinuxHeader();
  } catch (addonError) {
    const options = signal === undefined ? {} : { signal };
    const made = await runTool('bpftool', ['btf', 'dump', 'file', KERNEL_BTF, 'format', 'c'], options).catch(
      () => undefined,
    );
    if (made?.code === 0) return made.stdout;
    const why = addonError instanceof Error ? addonError.message : String(addonError);
    throw new Error(`vmlinux.h could not be made from the kernel's BTF: ${why}`);
  }
}

/** Another process may do the same at the same time: the last rename wins, and every file is whole. */
async function keep(folder: string, header: string): Promise<boolean> {
  try {
    const cache = dirname(folder);
    // Not `recursive`: with a home such as /proc, Node 20 would never return.
    for (const part of [dirname(cache), cache, folder]) await mkdir(part).catch(unlessExists);
    const temporary = await mkdtemp(join(cache, '.tmp-'));
    try {
      await writeFile(join(temporary, 'vmlinux.h'), header);
      await rename(join(temporary, 'vmlinux.h'), join(folder, 'vmlinux.h'));
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
    return true;
  } catch {
    return false;
  }
}

function unlessExists(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') throw error;
}
