import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Host } from '../../../core/cli/context.js';
import { beeProgram, runBee } from '../../../core/cli/program.js';

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

  it.each(['zsh', 'fish'])('has the verbs for %s', async (shell) => {
    const text = await script(shell);
    for (const verb of verbs) expect(text).toContain(verb.name());
  });
});
