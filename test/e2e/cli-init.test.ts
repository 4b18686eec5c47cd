import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MAPS, OUTPUTS } from '../../core/cli/init/choices.js';
import { KINDS } from '../../core/cli/init/kinds/index.js';
import { kernelHasKprobes } from '../../core/cli/init/kprobes.js';
import { openObject } from '../../core/kernel/index.js';
import { AgentProcess } from '../support/agent.js';
import { BEE, bee, beeOk, isInstalled, run } from '../support/bee.js';

// Every skeleton, as a user makes, builds and runs it.

const FORMS = KINDS.flatMap((kind) =>
  kind.forms.map(({ attach }) => ({
    kind: kind.name,
    attach,
    names: MAPS.flatMap((map) =>
      OUTPUTS.map((output) => ({ map, output, name: `${attach}-${map}-${output}`.toLowerCase() })),
    ),
  })),
);

let folder: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'bee-init-'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.each(FORMS)('$kind by $attach', ({ kind, attach, names }) => {
  const store = () => join(folder, `store-${kind}-${attach}`);
  const file = (name: string, extension: string) =>
    join(folder, `${kind.toLowerCase()}-${name}.${extension}`);
  const reference = (name: string) => `localhost/${kind.toLowerCase()}-${name}:v1`;

  it.each(names)('$map $output builds without a warning', async ({ map, output, name }) => {
    const flags = ['--language', 'C', '--program-type', kind, '--map', map, '--output-type', output];
    await beeOk(['init', ...flags, '--attach', attach, '--file', file(name, 'c')]);
    const built = await bee(['build', file(name, 'c'), reference(name), '--storage', store()]);
    expect(built.stderr).toBe('');
    expect(built.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  });

  // An XDP program waits for somebody to attach it to an interface: by itself it is no probe that runs.
  const attachable = attach === 'kprobe' ? kernelHasKprobes() : attach !== 'xdp';

  it.runIf(attachable)('all of them run in the agent', async () => {
    const probes = names.map(({ name }) => `  - image: ${reference(name)}`).join('\n');
    const agent = await AgentProcess.start(
      `agent: { listen: "127.0.0.1:0", storage: ${store()} }\nprobes:\n${probes}\n`,
      '--strict',
    );
    try {
      expect(agent.stderr).not.toMatch(/level=(error|fatal)/);
      const listed = (await (await fetch(`${agent.url}/api/v1/probes`)).json()) as { probes: unknown[] };
      expect(listed.probes).toHaveLength(names.length);
      for (const probe of listed.probes) expect(probe).toMatchObject({ state: 'running' });
    } finally {
      expect(await agent.stop()).toBe(0);
    }
  });

  it.skipIf(attachable)('all of them load, though nothing attaches them here', async () => {
    for (const { name } of names) {
      const object = openObject(readFileSync(file(name, 'o')), { name });
      try {
        await object.load();
        expect(object.programs().length).toBeGreaterThan(0);
      } finally {
        object.close();
      }
    }
  });
});

describe('what the skeletons say', () => {
  it('a print of each opened file', async () => {
    const source = join(folder, 'said.c');
    await beeOk([
      ...['init', '-l', 'c', '--program-type', 'file-system', '-m', 'Ring buffer', '-o', 'print'],
      ...['--attach', 'tracepoint', '-f', source],
    ]);
    await beeOk(['build', source, '--binary-only']);
    const agent = await AgentProcess.start(
      `agent: { listen: "127.0.0.1:0" }\nprobes: [{ file: ${join(folder, 'said.o')} }]\n`,
    );
    try {
      const wanted = join(folder, 'a file to open');
      writeFileSync(wanted, '');
      readFileSync(wanted);
      const opened = () =>
        agent.stdout
          .split('\n')
          .filter((line) => line.includes('a file to open'))
          .map((line) => JSON.parse(line).data);
      await agent.until(() => opened().length >= 2);
      for (const data of opened()) {
        expect(data).toMatchObject({ filename: wanted, failed: false, pid: process.pid });
        expect(data.result).toBeGreaterThan(0);
        expect(data.took).toBeGreaterThan(0);
      }
    } finally {
      await agent.stop();
    }
  });
});

describe('bee init', () => {
  const complete = ['-l', 'C', '--program-type', 'Network', '-m', 'HashMap', '-o', 'counter'];

  it('names every flag that is missing, where nobody can be asked', async () => {
    const { code, stderr } = await bee(['init', '-m', 'HashMap']);
    expect(code).toBe(2);
    expect(stderr).toContain('missing: --language, --program-type, --output-type, --file');
  });

  it('says that a language is not supported, before it asks for anything else', async () => {
    const { code, stderr } = await bee(['init', '-l', 'Rust', '-f', join(folder, 'x.c')]);
    expect(code).toBe(2);
    expect(stderr).toContain('--language "Rust": not supported. A probe is written in C');
    expect(stderr).not.toContain('missing');
  });

  it('does not overwrite a file, unless it is told to', async () => {
    const file = join(folder, 'mine.c');
    writeFileSync(file, 'mine');
    const refused = await bee(['init', ...complete, '-f', file]);
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('exists already');
    expect(readFileSync(file, 'utf8')).toBe('mine');
    await beeOk(['init', ...complete, '-f', file, '--force']);
    expect(readFileSync(file, 'utf8')).toContain('counter_connects SEC(".maps")');
  });

  it('hangs on what this kernel has', async () => {
    const text = await beeOk(['init', ...complete, '-f', '-']);
    expect(text).toContain(kernelHasKprobes() ? 'SEC("kprobe/' : 'SEC("tracepoint/');
    expect(text).not.toContain(kernelHasKprobes() ? 'SEC("tracepoint/' : 'SEC("kprobe/');
  });

  it.each([
    [['--program-type', 'Disk'], '--program-type "Disk": expected Network, FileSystem, '],
    [['--attach', 'xdp'], '--attach xdp: Network has only kprobe, tracepoint'],
    [['--map', 'Queue'], '--map "Queue": expected RingBuffer or HashMap'],
  ])('refuses %j', async (flags, message) => {
    const { code, stderr } = await bee(['init', ...complete, '-f', '-', ...flags]);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });
});

describe('on a terminal', () => {
  const socket = `bee-init-${process.pid}`;
  const tmux = (...args: string[]) => run('tmux', '-L', socket, ...args);
  const screen = () => tmux('capture-pane', '-p');
  const until = async (text: string) => {
    for (const end = Date.now() + 15_000; !screen().includes(text); ) {
      if (Date.now() > end) throw new Error(`${text} did not appear:\n${screen()}`);
      await new Promise((done) => setTimeout(done, 50));
    }
  };
  const start = (flags: string) =>
    tmux(
      'new-session',
      '-d',
      '-x',
      '110',
      '-y',
      '30',
      `cd '${folder}'; node '${BEE}' init ${flags}; echo "code $?"; sleep 60`,
    );

  it('asks for what is left open', async ({ skip }) => {
    if (!isInstalled('tmux')) skip('tmux is not installed');
    start('--map RingBuffer');
    try {
      await until('What is watched?');
      tmux('send-keys', 'Down', 'Down', 'Enter');
      await until('What becomes of it?');
      tmux('send-keys', 'Down', 'Down', 'Down', 'Enter');
      await until('Where does it go?');
      writeFileSync(join(folder, 'taken.c'), 'mine');
      tmux('send-keys', 'taken.c', 'Enter');
      await until('taken.c exists already.');
      tmux('send-keys', 'C-u', 'asked.c', 'Enter');
      await until('code 0');
      expect(screen()).toMatch(/^└ +Wrote asked.c$/m);
      expect(readFileSync(join(folder, 'taken.c'), 'utf8')).toBe('mine');
      expect(readFileSync(join(folder, 'asked.c'), 'utf8')).toContain('} hist_run_time SEC(".maps")');
    } finally {
      tmux('kill-server');
    }
  });

  it('closes the frame of its questions when it cannot write', async ({ skip }) => {
    if (!isInstalled('tmux')) skip('tmux is not installed');
    start('--map RingBuffer --output-type print -f no/such/folder/x.c');
    try {
      await until('What is watched?');
      tmux('send-keys', 'Enter');
      await until('code 1');
      expect(screen()).toMatch(/^└ +Nothing was written\.$/m);
      expect(screen()).toContain('error: cannot write no/such/folder/x.c: there is no such file or folder\n');
    } finally {
      tmux('kill-server');
    }
  });

  it('writes nothing when it is cancelled', async ({ skip }) => {
    if (!isInstalled('tmux')) skip('tmux is not installed');
    start('-f cancelled.c');
    try {
      await until('What is watched?');
      tmux('send-keys', 'C-c');
      await until('code 130');
      expect(existsSync(join(folder, 'cancelled.c'))).toBe(false);
    } finally {
      tmux('kill-server');
    }
  });
});
