import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { BEE, isInstalled } from '../support/bee.js';
import { beeHereOk } from '../support/bee-here.js';
import { DockerRegistry } from '../support/registry.js';
import { SlowRoad } from '../support/slow-road.js';
import { TestTerminal } from '../support/terminal.js';

const MB = 1_000_000;

describe.skipIf(!isInstalled('docker-registry') || !isInstalled('tmux'))(
  'bee run of what the store has not, on a terminal (docker-registry or tmux is not installed: skipped)',
  { timeout: 60_000 },
  () => {
    let registry: DockerRegistry;
    let road: SlowRoad;
    let folder: string;
    let terminal: TestTerminal;
    beforeAll(async () => {
      folder = mkdtempSync(join(tmpdir(), 'bee-run-pull-'));
      registry = await DockerRegistry.start();
      const source = join(folder, 'large.c');
      writeFileSync(
        source,
        `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
const char padding[4000000] SEC(".rodata.padding") = { 1 };
struct exec { int one; };
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct exec); } print_execs SEC(".maps");
SEC("tracepoint/sched/sched_process_exec") int on_exec(void *ctx)
{
	struct exec *exec = bpf_ringbuf_reserve(&print_execs, sizeof(*exec), 0);
	if (!exec)
		return 0;
	exec->one = 1;
	bpf_ringbuf_submit(exec, 0);
	return 0;
}
char LICENSE[] SEC("license") = "GPL";
`,
      );
      const env = { HOME: folder, BEE_STORAGE: join(folder, 'store') };
      await beeHereOk(['build', source, `${registry.host}/slow/execs:v1`], { env });
      await beeHereOk(['push', `${registry.host}/slow/execs:v1`], { env });
    }, 60_000);
    afterEach(async () => {
      terminal.close();
      await road.stop();
    });
    afterAll(async () => {
      await registry.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    const run = async (store: string, width = 80): Promise<string> => {
      road = await SlowRoad.to(registry.host, 2 * MB);
      const name = `${road.host}/slow/execs`;
      const environment = `HOME='${folder}' BEE_STORAGE='${join(folder, store)}'`;
      const command = `${environment} '${process.execPath}' '${BEE}' run ${name}:v1 --prom-port 0`;
      terminal = TestTerminal.open(`${command}; echo "[exit $?]"`, { width, height: 24 });
      return `${name}:v1`;
    };

    it('tells what comes, how far it is, and leaves the view a clean screen', async () => {
      const name = await run('pulled');
      await terminal.sees(`Pulling ${name}`);
      // Held up half-way.
      await terminal.sees(/^ +[2-7]\d % of 4\.0 MB$/m);
      road.open();
      await terminal.sees('[print_execs');
      expect(terminal.text).not.toContain('Pulling');
      terminal.press('q');
      await terminal.sees('[exit 0]');
      expect(terminal.text).toMatch(/^manifest sha256:[0-9a-f]{12} \d+ B$/m);
      expect(terminal.text).toMatch(/^blob +sha256:[0-9a-f]{12} 4\.0 MB$/m);
      // tmux breaks what is longer than the screen is wide.
      expect(terminal.text.replaceAll('\n', '')).toMatch(
        new RegExp(`Pulled ${name} into ${join(folder, 'pulled')} \\(4\\.0 MB over the wire\\)`),
      );
      // The line that told how far it was is gone.
      expect(terminal.text).not.toContain(' % of ');
    });

    it('is interrupted by ctrl-c, half-way, without a trace of the line', async () => {
      await run('interrupted', 40);
      await terminal.sees(/^ +[2-7]\d % of 4\.0 MB$/m);
      terminal.press('C-c');
      await terminal.sees('[exit 130]');
      expect(terminal.text).toContain('error: interrupted');
      expect(terminal.text).not.toContain(' % of ');
    });
  },
);
