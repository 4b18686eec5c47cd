import { Command } from 'commander';
import { contextOf, type Host } from './context.js';
import { addRegistryFlags } from './registry-flags.js';
import type { RunOptions } from './run/run-probe.js';
import { verifyKeyOption } from './verify-flag.js';

/** `bee run REF|FILE`: one probe, shown here and served to curl. Flags are BumbleBee's where it has them. */
export function runCommand(host: Host): Command {
  const command = new Command('run')
    .description('Run a probe from an image or an object file, and show what it says.')
    .argument('<source>', 'image reference, or object file')
    .option('-f, --filter <map,key,regex>', 'show only records whose field matches, repeatable', collect, [])
    .option(
      '-b, --hist-buckets <map,[n,…]>',
      "upper bounds of a histogram's buckets, repeatable",
      collect,
      [],
    )
    .option('-k, --hist-value-key <map,key>', 'field that a histogram observes, repeatable', collect, [])
    .option('--param <name=value>', 'set a const volatile global of the probe, repeatable', collect, [])
    .addOption(verifyKeyOption('run only an image that is signed with this public key (cosign.pub)'))
    .option('--no-tty', 'print JSON lines, as in a pipe')
    .option('--pin-maps <dir>', "pin the probe's maps in this folder of a BPF file system")
    .option('--pin-progs <dir>', "pin the probe's programs in this folder of a BPF file system")
    .option('--prom-port <port>', 'port of /metrics and /events on the loopback interface', '9091')
    .option('--listen <address>', 'another address for them, such as 0.0.0.0:9091 or unix:/run/bee.sock')
    .option('--duration <time>', 'stop after this long, e.g. 30s, 5m')
    .option('-d, --debug', 'log what happens');
  return addRegistryFlags(command)
    .addHelpText('after', EXAMPLES)
    .action(async (source: string, options: RunOptions, command: Command) => {
      // All of the agent comes with it: the other commands start without.
      const { runProbe } = await import('./run/run-probe.js');
      await runProbe(source, options, contextOf(command, host));
    });
}

const EXAMPLES = `
Examples:
  sudo bee run ghcr.io/solo-io/bumblebee/tcpconnect:0.0.14
  sudo bee run localhost/examples/execsnoop:latest --no-tty | jq .data.comm
  curl 127.0.0.1:9091/metrics`;

function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value];
}
