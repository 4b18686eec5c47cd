import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { isInstalled, run } from './bee.js';

/**
 * A program `podman` in `folder` that keeps everything in there, by vfs and runc, and asks for no more rights than a
 * machine like ours may have. Returns its path, or why there is none.
 */
export function podmanIn(folder: string): { readonly program: string } | { readonly unavailable: string } {
  const missing = ['podman', 'runc'].filter((program) => !isInstalled(program));
  if (missing.length > 0) return { unavailable: `${missing.join(', ')} not installed` };
  const real = run('sh', '-c', 'command -v podman').trim();
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'podman');
  const path = (name: string): string => join(folder, name);
  writeFileSync(
    program,
    `#!/bin/sh
set -eu
verb=$1; shift
limits=
[ "$verb" = run ] && limits='--ulimit=nofile=1024:1024 --ulimit=nproc=4096:4096'
exec '${real}' --root '${path('root')}' --runroot '${path('run')}' --tmpdir '${path('tmp')}' --storage-driver vfs --runtime runc "$verb" $limits "$@"
`,
  );
  chmodSync(program, 0o755);
  const { status, stderr } = spawnSync(program, ['info'], { encoding: 'utf8' });
  return status === 0 ? { program } : { unavailable: `podman does not work here: ${stderr}` };
}

/** For commands that look for an engine: there is none, nor another program but `ldd`. */
export function noEngine(folder: string): NodeJS.ProcessEnv {
  mkdirSync(folder, { recursive: true });
  symlinkSync(run('sh', '-c', 'command -v ldd').trim(), join(folder, 'ldd'));
  return { PATH: folder };
}

/** For commands that look for an engine: this `podman` is found, and Docker does not answer. */
export function onlyPodman(program: string): NodeJS.ProcessEnv {
  return {
    PATH: [join(program, '..'), process.env.PATH].join(delimiter),
    DOCKER_HOST: 'unix:///nonexistent/docker.sock',
  };
}
