import { type ChildProcessWithoutNullStreams, execFile } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/** Let `true` exit until the exitsnoop of a container tells of it, or the container ends; then end it. */
export async function runsExitsnoop(
  container: ChildProcessWithoutNullStreams,
): Promise<{ readonly events: string; readonly log: string; readonly code: number | null }> {
  let [events, log] = ['', ''];
  container.stdout.setEncoding('utf8').on('data', (text: string) => {
    events += text;
  });
  container.stderr.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
  const ended = once(container, 'close');
  while (container.exitCode === null && !/"comm":"true"/.test(events)) {
    await exec('true');
    await new Promise((done) => setTimeout(done, 100));
  }
  container.kill('SIGTERM');
  const [code] = await ended;
  return { events, log, code };
}
