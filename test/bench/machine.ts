import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync } from 'node:fs';
import { availableParallelism, cpus, release, totalmem } from 'node:os';
import { basename } from 'node:path';
import { ROOT } from './tools.js';

/** What of the checkout is measured: changes elsewhere change no figure. */
const PRODUCT = ['core', 'config', 'plugins', 'native', 'package-lock.json'];

/** What the figures were measured on, and of what, in a line. */
export function machine(): string {
  const os = /^PRETTY_NAME="?([^"\n]+)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? 'Linux';
  const libbpf = basename(realpathSync(firstLine('cc', '-print-file-name=libbpf.so')));
  return [
    `bee-agent at commit ${commit()}`,
    `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GiB`,
    `Linux ${release()}`,
    os,
    `Node ${process.versions.node}`,
    libbpf,
    firstLine('cc', '--version'),
    firstLine('clang', '--version'),
  ].join('; ');
}

function commit(): string {
  try {
    const changed = execFileSync('git', ['-C', ROOT, 'status', '--porcelain', '--', ...PRODUCT]).length > 0;
    return `${firstLine('git', '-C', ROOT, 'rev-parse', '--short=12', 'HEAD')}${changed ? ', changed since' : ''}`;
  } catch {
    return 'unknown (no git checkout)';
  }
}

function firstLine(command: string, ...args: string[]): string {
  const stdio: ['ignore', 'pipe', 'ignore'] = ['ignore', 'pipe', 'ignore'];
  return execFileSync(command, args, { encoding: 'utf8', stdio }).split('\n')[0] ?? '';
}
