import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Host } from '../../../core/cli/context.js';
import { beeProgram, runBee } from '../../../core/cli/program.js';
import { isInstalled } from '../../support/bee.js';
import { TestTerminal } from '../../support/terminal.js';

function hostInto(lines: string[]): Host {
  return {
    stdout: { write: (text: string) => lines.push(text) },
    stderr: { write: (text: string) => lines.push(text) },
    env: {},
    cwd: '/',
    signal: new AbortController().signal,
  };
}

async function script(shell: string): Promise<string> {
  const lines: string[] = [];
  expect(await runBee(['completion', shell], hostInto(lines))).toBe(0);
  return lines.join('');
}

function completed(text: string, ...words: string[]): string[] {
  const asked = `${text}\nCOMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length - 1}; _bee; printf '%s\\n' "\${COMPREPLY[@]}"`;
  return spawnSync('bash', ['-c', asked], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
}

describe('completion', () => {
  const verbs = beeProgram(hostInto([])).commands;

  it('knows every verb and every flag of it', async () => {
    const text = await script('bash');
    expect(completed(text, 'bee', '')).toEqual(expect.arrayContaining(verbs.map((verb) => verb.name())));
    for (const verb of verbs) {
      const flags = verb.options.flatMap(({ long }) => (long ? [long] : []));
      expect(completed(text, 'bee', verb.name(), '--')).toEqual(expect.arrayContaining(flags));
    }
  });

  it('completes what was begun', async () => {
    const text = await script('bash');
    expect(completed(text, 'bee', 'des')).toEqual(['describe']);
    expect(completed(text, 'bee', 'init', '--program')).toEqual(['--program-type']);
  });

  it('completes images of the store, of whose names bash splits off what is before a colon', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'bee-completion-'));
    const names = ['localhost:5000/probes/execs:v1', 'localhost:5000/probes/opens:v1', 'other:v2'];
    writeFileSync(
      join(bin, 'bee'),
      `#!/bin/sh\n[ "$*" = "list --quiet" ] && printf '%s\\n' ${names.join(' ')}\n`,
      {
        mode: 0o755,
      },
    );
    const text = await script('bash');
    const complete = (line: string, ...words: string[]): string[] => {
      const asked = `PATH=${bin}:$PATH\n${text}\nCOMP_LINE='${line}' COMP_POINT=${line.length} COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')}) COMP_CWORD=${words.length - 1}; _bee; printf '%s\\n' "\${COMPREPLY[@]}"`;
      return spawnSync('bash', ['-c', asked], { encoding: 'utf8' }).stdout.split('\n').filter(Boolean);
    };
    expect(complete('bee run ', 'bee', 'run', '')).toEqual(names);
    expect(complete('bee run oth', 'bee', 'run', 'oth')).toEqual(['other:v2']);
    const split = ['bee', 'describe', 'localhost', ':', '5000/probes/e'];
    expect(complete('bee describe localhost:5000/probes/e', ...split)).toEqual(['5000/probes/execs:v1']);
    // Of what is no image, files are offered.
    expect(complete('bee build ', 'bee', 'build', '')).toEqual([]);
    rmSync(bin, { recursive: true, force: true });
  });

  describe('as a shell does it', () => {
    let folder: string;
    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'bee-completion-'));
      const names = 'localhost:5000/probes/execs:v1 localhost:5000/probes/opens:v1';
      for (const shell of ['zsh', 'fish']) writeFileSync(join(folder, shell), await script(shell));
      const bee = `#!/bin/sh\n[ "$*" = "list --quiet" ] && printf '%s\\n' ${names}\n`;
      writeFileSync(join(folder, 'bee'), bee, { mode: 0o755 });
    });
    afterEach(() => rmSync(folder, { recursive: true, force: true }));

    it.for(['zsh', 'fish'])(
      '%s can read its script (skipped where it is not installed)',
      (shell, { skip }) => {
        skip(!isInstalled(shell));
        const { status, stderr } = spawnSync(shell, ['-n', join(folder, shell)], { encoding: 'utf8' });
        expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      },
    );

    it.skipIf(!isInstalled('fish'))(
      'fish has verbs, flags and images (skipped where it is not installed)',
      () => {
        const completed = (line: string): string[] => {
          const asked = ['-N', '-c', `source ${join(folder, 'fish')}; complete -C '${line}'`];
          const env = { ...process.env, HOME: folder, PATH: `${folder}:${process.env.PATH}` };
          const { stdout } = spawnSync('fish', asked, { encoding: 'utf8', env });
          return stdout.split('\n').flatMap((one) => (one === '' ? [] : [one.split('\t')[0] ?? '']));
        };
        expect(completed('bee des')).toEqual(['describe']);
        expect(completed('bee ')).toEqual(expect.arrayContaining(verbs.map((verb) => verb.name())));
        for (const verb of verbs) {
          const long = verb.options.flatMap((option) => (option.long ? [option.long] : []));
          expect(completed(`bee ${verb.name()} --`)).toEqual(expect.arrayContaining(long));
        }
        expect(completed('bee run localhost:5000/probes/e')).toEqual(['localhost:5000/probes/execs:v1']);
      },
    );

    it.skipIf(!isInstalled('zsh') || !isInstalled('tmux'))(
      'zsh has verbs, flags and images (skipped where it or tmux is not installed)',
      async () => {
        const zsh = `HOME=${folder} PATH=${folder}:$PATH ZDOTDIR=${folder} PROMPT='%% ' zsh -f`;
        const terminal = TestTerminal.open(zsh, { width: 120, height: 20 });
        try {
          await terminal.sees(/^% $|^%$/m);
          terminal.type(`source ${join(folder, 'zsh')}`);
          terminal.press('Enter');
          for (const [typed, completed] of [
            ['bee des', 'bee describe'],
            ['bee init --prog', 'bee init --program-type'],
            ['bee run localhost:5000/probes/e', 'bee run localhost:5000/probes/execs:v1'],
          ] as const) {
            terminal.type(typed);
            terminal.press('Tab');
            await terminal.sees(new RegExp(`^% ${completed}$`, 'm'));
            terminal.press('C-u');
          }
        } finally {
          terminal.close();
        }
      },
    );
  });
});
