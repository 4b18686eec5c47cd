import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = process.env.BEE_SERVICES_CACHE || join(homedir(), '.cache', 'bee-agent', 'services');
const QEMU = 'qemu-system-x86_64';
/** What `setup.sh` ends with where no second kernel can be had. */
const UNAVAILABLE = 77;

/**
 * Folder of the kernel that `setup.sh` unpacked; undefined where it was not run, or none can be had here. Throws where
 * it fails: tests that are skipped for a fault would pass for ever.
 */
export function secondKernel(): string | undefined {
  const folder = join(CACHE, 'kernel2');
  const [name] = existsSync(folder) ? readdirSync(folder) : [];
  if (name === undefined) return undefined;
  // The initramfs of this tree's init.sh, not of the tree that was set up first.
  const setup = fileURLToPath(new URL('./setup.sh', import.meta.url));
  const { status, stdout, stderr, error } = spawnSync('bash', [setup], { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  if (status === UNAVAILABLE) return undefined;
  throw new Error(`test/kernel2/setup.sh ended with ${status}: ${error?.message ?? stderr}`);
}

/**
 * A script's run on the second kernel, as root, over this machine's files: it sees them as they are and changes
 * none, but those of its working folder.
 */
export class GuestRun {
  readonly folder = mkdtempSync(join(tmpdir(), 'bee-guest-'));
  /** What the kernel said. */
  console = '';

  constructor(private readonly kernel: string) {}

  /** Resolves to the script's exit code. What it wrote to its folder is there. */
  async run(script: string, ms: number): Promise<number> {
    writeFileSync(join(this.folder, 'script'), script);
    const share = (path: string, tag: string, more: string): string[] => [
      '-virtfs',
      `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap${more}`,
    ];
    const qemu = spawn(
      QEMU,
      [
        ...['-accel', 'tcg,thread=multi', '-cpu', 'max', '-m', '1536', '-smp', '2'],
        ...['-nographic', '-no-reboot', '-nodefaults', '-serial', 'stdio'],
        ...['-kernel', join(this.kernel, 'vmlinux'), '-initrd', join(this.kernel, 'initramfs')],
        ...['-append', 'console=ttyS0 quiet panic=-1 lsm=lockdown,capability,bpf'],
        ...share('/', 'root', ',readonly=on'),
        ...share(this.folder, 'work', ''),
      ],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [qemu.stdout, qemu.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.console += text;
      });
    const late = setTimeout(() => qemu.kill('SIGKILL'), ms);
    await once(qemu, 'close');
    clearTimeout(late);
    const code = this.read('code');
    if (code === '')
      throw new Error(`the guest did not end its script:\n${this.console}\n${this.read('output')}`);
    return Number(code);
  }

  /** A file that the script left; empty when it did not. */
  read(name: string): string {
    const file = join(this.folder, name);
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
