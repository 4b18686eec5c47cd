import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from './bee.js';

/** Go's name of this machine's architecture. */
export const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';

/**
 * A base for `bee package`: this machine's Node with its libraries, as `docker save` before version 25 would write it
 * (manifest.json, a config, plain tars). Made in `folder`; returns the archive's path.
 */
export function makeBaseImage(folder: string): string {
  const root = join(folder, 'base-root');
  for (const program of [process.execPath, '/bin/mount']) {
    const place = program === process.execPath ? '/usr/bin/node' : program;
    mkdirSync(join(root, dirname(place)), { recursive: true });
    cpSync(realpathSync(program), join(root, place));
    for (const [library] of run('ldd', program).matchAll(/\/\S+\.so\S*/g)) {
      mkdirSync(join(root, dirname(library)), { recursive: true });
      cpSync(realpathSync(library), join(root, library));
    }
  }
  for (const name of ['tmp', 'proc', 'sys']) mkdirSync(join(root, name));
  const archive = join(folder, 'base');
  mkdirSync(archive);
  run('tar', '-C', root, '-cf', join(archive, 'layer.tar'), '.');
  const layer = createHash('sha256')
    .update(readFileSync(join(archive, 'layer.tar')))
    .digest('hex');
  const config = {
    architecture: ARCHITECTURE,
    os: 'linux',
    config: { Env: ['PATH=/usr/bin:/bin'], Cmd: ['node'], User: 'node' },
    rootfs: { type: 'layers', diff_ids: [`sha256:${layer}`] },
    history: [{ created_by: 'test' }],
  };
  writeFileSync(join(archive, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: ['base:v1'], Layers: ['layer.tar'] }];
  writeFileSync(join(archive, 'manifest.json'), JSON.stringify(manifest));
  run('tar', '-C', archive, '-cf', join(folder, 'base.tar'), 'manifest.json', 'config.json', 'layer.tar');
  return join(folder, 'base.tar');
}
