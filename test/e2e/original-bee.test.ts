import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify, stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BEE, isInstalled, run } from '../support/bee.js';
import { beeHereOk } from '../support/bee-here.js';
import { parseExposition } from '../support/exposition.js';
import { DockerRegistry, freePort } from '../support/registry.js';

const exec = promisify(execFile);
const SOURCE = fileURLToPath(new URL('probes/original-bee.c', import.meta.url));
const CONVENTIONS = ['names', 'sections'] as const;
/**
 * Where BumbleBee's own `bee` is, of one version or of several; nothing where the variable is not set. No registry of
 * packages has it, so the tests cannot fetch one.
 */
const ORIGINALS = (process.env.BEE_ORIGINAL ?? '').split(delimiter).filter(Boolean);
const SKIPPED = ORIGINALS.length === 0 || !isInstalled('docker-registry') || !isInstalled('htpasswd');

describe.skipIf(SKIPPED)(
  "BumbleBee's own bee (BEE_ORIGINAL names none, or docker-registry or htpasswd is not installed: skipped)",
  () => {
    let folder: string;
    const objects = new Map<string, string>();
    let registry: DockerRegistry;
    let guarded: DockerRegistry;

    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'bee-original-'));
      writeFileSync(join(folder, 'users'), run('htpasswd', '-Bbn', 'ada', 'secret'));
      registry = await DockerRegistry.start();
      guarded = await DockerRegistry.start({
        auth: `auth: { htpasswd: { realm: test, path: ${join(folder, 'users')} } }`,
      });
      for (const convention of CONVENTIONS) {
        const object = join(folder, `${convention}.o`);
        await ours(['build', SOURCE, '--binary-only', '-o', object, ...flags(convention)]);
        objects.set(convention, object);
      }
    });
    afterAll(async () => {
      await registry.stop();
      await guarded.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const flags = (convention: string): string[] =>
      convention === 'sections' ? ['--cflags=-DSECTIONS'] : [];
    const home = (name: string): string => {
      const path = join(folder, name);
      mkdirSync(path, { recursive: true });
      return path;
    };
    /** Ours and theirs with the same HOME share one store and one file of credentials. */
    const env = (name: string): NodeJS.ProcessEnv => ({
      HOME: home(name),
      DOCKER_CONFIG: join(folder, 'no-docker'),
      XDG_CACHE_HOME: home('cache'),
    });
    const ours = (args: readonly string[], at = 'ours'): Promise<string> => beeHereOk(args, { env: env(at) });
    const digestOf = (reference: string, at: string): Promise<string> =>
      ours(['inspect', reference], at).then((text) => JSON.parse(text).descriptor.digest);

    describe.each((SKIPPED ? ['none'] : ORIGINALS).map((binary, i) => ({ binary, i })))(
      '$binary',
      ({ binary, i }) => {
        const theirs = (args: readonly string[], at = `theirs-${i}`): Promise<string> =>
          exec(binary, args, { env: { ...process.env, ...env(at) } }).then(({ stdout }) =>
            stripVTControlCharacters(stdout),
          );
        /** Theirs, with an object that is there in place of a compiler, whose version is nobody's concern here. */
        const theirsBuilds = (convention: string, reference: string, at?: string): Promise<string> => {
          const script = join(folder, `build-${convention}.sh`);
          writeFileSync(script, `cp ${objects.get(convention)} $2\n`);
          return theirs(
            ['build', SOURCE, reference, '-l', '--build-script', script, '-o', join(folder, 'theirs.o')],
            at,
          );
        };
        const named = (path: string): string => `${registry.host}/${i}/${path}`;

        it('pulls, lists, describes and gives back what ours pushed', async () => {
          const reference = named('pushed:v1');
          await ours(['build', SOURCE, reference, '--description', 'Three of a kind', '--authors', 'Ada']);
          const digest = await ours(['push', reference]);
          await theirs(['pull', reference]);
          expect(await theirs(['list'])).toContain(reference);
          const described = await theirs(['describe', reference]);
          for (const text of ['Three of a kind', 'Ada']) expect(described).toContain(text);
          await theirs(['tag', reference, named('again:v1')]);
          await theirs(['push', named('again:v1')]);
          expect(await ours(['pull', named('again:v1')], 'third')).toBe(digest);
        });

        it('takes an index and gives it back', async () => {
          const reference = named('index:v1');
          await ours(['build', SOURCE, reference, '--arch', 'amd64,arm64']);
          const digest = await ours(['push', reference]);
          await theirs(['pull', reference]);
          expect(await theirs(['list'])).toContain(reference);
          await theirs(['describe', reference]);
          await theirs(['tag', reference, named('index:v2')]);
          await theirs(['push', named('index:v2')]);
          expect(await ours(['pull', named('index:v2')], 'third')).toBe(digest);
        });

        it('shares a store with ours', async () => {
          const at = `shared-${i}`;
          const built = { theirs: 'built/theirs:v1', ours: 'built/ours:v1' };
          await theirsBuilds('names', built.theirs, at);
          await ours(['build', SOURCE, built.ours], at);
          const tagged = { theirs: named('theirs:v1'), ours: named('ours:v1') };
          await ours(['tag', built.theirs, tagged.theirs], at);
          await theirs(['tag', built.ours, tagged.ours], at);
          const all = [built.ours, built.theirs, tagged.ours, tagged.theirs].sort();
          const platform = `${run('uname', '-s').trim()} +\\|? *${run('uname', '-r').trim()}`;
          for (const list of [await ours(['list'], at), await theirs(['list'], at)])
            for (const name of all) expect(list).toMatch(new RegExp(`^ *${name} +\\|? *${platform}`, 'm'));

          // Each pushes what the other built.
          expect(await ours(['push', tagged.theirs], at)).toBe(await digestOf(built.theirs, at));
          await theirs(['push', tagged.ours], at);
          expect(await ours(['pull', tagged.ours], 'third')).toBe(await digestOf(built.ours, at));
          await ours(['rm', built.theirs], at);
          const left = await theirs(['list'], at);
          expect(left).not.toContain(built.theirs);
          await theirs(['tag', tagged.theirs, 'after/rm:v1'], at);
          await ours(['rm', built.ours], at);
          await theirs(['describe', tagged.ours], at);
          expect((await ours(['list', '--quiet'], at)).split('\n').sort()).toEqual(
            ['after/rm:v1', tagged.ours, tagged.theirs].sort(),
          );
        });

        it('shares credentials with ours', async () => {
          const login = ['login', guarded.host, '-u', 'ada', '-p', 'secret'];
          const reference = `${guarded.host}/${i}/probe:v1`;
          await theirs(login, `login-theirs-${i}`);
          await ours(['build', SOURCE, reference], `login-theirs-${i}`);
          const digest = await ours(['push', reference], `login-theirs-${i}`);
          const at = `login-ours-${i}`;
          await expect(theirs(['pull', reference], at)).rejects.toThrow('401');
          await ours(login, at);
          await theirs(['pull', reference], at);
          expect(await digestOf(reference, at)).toBe(digest);
          await ours(['logout', guarded.host], at);
          await expect(theirs(['push', reference], at)).rejects.toThrow('401');
        });

        it('runs what ours pushed, and ours what it pushed, with the same metrics', async () => {
          const ran: string[] = [];
          for (const convention of CONVENTIONS) {
            const [fromOurs, fromTheirs] = [
              named(`run-ours:${convention}`),
              named(`run-theirs:${convention}`),
            ];
            await ours(['build', SOURCE, fromOurs, ...flags(convention)]);
            await ours(['push', fromOurs]);
            await theirsBuilds(convention, fromTheirs);
            await theirs(['push', fromTheirs]);
            const at = `run-${i}-${convention}`;
            const running = [
              await Running.start(binary, [], fromOurs, env(`${at}-theirs`)),
              await Running.start(process.execPath, [BEE], fromTheirs, env(`${at}-ours`)),
            ] as const;
            const ended = (): Promise<unknown> => Promise.all(running.map((one) => one.end()));
            const seen = await counted(folder, running).finally(ended);
            if (seen) {
              expect(seen[0].map(([, value]) => value)).toEqual([3, 3, 3 * 2 ** 40]);
              expect(seen[1]).toEqual(seen[0]);
              for (const { code, said } of running) expect(code, said).toBe(0);
              ran.push(convention);
            } else
              expect(running[0].said).toMatch(/could not parse BPF program|map create: invalid argument/);
          }
          // Every version of BumbleBee reads one convention, and ends with an error on the other.
          expect(ran).toHaveLength(1);
        });
      },
    );
  },
  120_000,
);

class Running {
  /** The end of what it wrote. */
  said = '';
  private constructor(
    private readonly port: number,
    private readonly child: ReturnType<typeof spawn>,
    private readonly closed: Promise<unknown>,
  ) {
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (data: Buffer) => {
        this.said = `${this.said}${data}`.slice(-4000);
      });
  }

  static async start(
    program: string,
    first: string[],
    reference: string,
    env: NodeJS.ProcessEnv,
  ): Promise<Running> {
    const port = await freePort();
    const args = [...first, 'run', '--no-tty', '--prom-port', String(port), reference];
    const child = spawn(program, args, { env: { ...process.env, ...env } });
    return new Running(port, child, once(child, 'close'));
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Null while it runs, and where a signal ended it. */
  get code(): number | null {
    return this.child.exitCode;
  }

  /** Series of what is called so: its name and labels, and its value, which is written in different ways. */
  async series(comm: string): Promise<[string, number][]> {
    const text = await fetch(`http://127.0.0.1:${this.port}/metrics`).then(
      (response) => response.text(),
      () => '',
    );
    // Theirs has more of its own process.
    const lines = text.match(/^(?:# (?:HELP|TYPE) )?ebpf_solo_io_.*\n/gm) ?? [];
    return parseExposition(lines.join(''), 'text')
      .flatMap(({ type, samples }) => samples.map((sample) => ({ type, ...sample })))
      .filter(({ labels }) => labels.comm === comm)
      .map(({ type, name, labels, value }): [string, number] => [
        JSON.stringify([type, name, Object.entries(labels).sort()]),
        Number(value),
      ])
      .sort();
  }

  async end(): Promise<void> {
    if (!this.ended) this.child.kill('SIGINT');
    await this.closed;
  }
}

/** What both show of three runs of one program, each once it shows anything; nothing where the first has ended. */
async function counted(
  folder: string,
  [theirs, ours]: readonly [Running, Running],
): Promise<[[string, number][], [string, number][]] | undefined> {
  const [warmUp, program] = ['bee-warm-up', 'bee-counted'];
  for (const name of [warmUp, program]) copyFileSync('/bin/true', join(folder, name));
  const pause = (): Promise<void> => new Promise((done) => setTimeout(done, 200));
  const both = (comm: string): Promise<[[string, number][], [string, number][]]> =>
    Promise.all([theirs.series(comm), ours.series(comm)]);
  for (let i = 0; ; i++) {
    if (theirs.ended) return undefined;
    await exec(join(folder, warmUp), []);
    if ((await both(warmUp)).every(({ length }) => length === 3)) break;
    if (i > 100) throw new Error(`one of them shows nothing:\n${theirs.said}\n${ours.said}`);
    await pause();
  }
  for (let i = 0; i < 3; i++) await exec(join(folder, program), []);
  // A hash is read every second; and what would be counted twice has time to be.
  await new Promise((done) => setTimeout(done, 2500));
  return both(program);
}
