import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One series as Prometheus' HTTP API answers it. */
export interface PromSeries {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: string;
}

export interface PromExemplar {
  readonly series: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: string;
  /** Unix time, s. */
  readonly timestamp: number;
}

interface Stored {
  readonly seriesLabels: Record<string, string>;
  readonly exemplars: readonly { labels: Record<string, string>; value: string; timestamp: number }[];
}

/** A real Prometheus that scrapes one target, with its data in a folder of its own. */
export class PrometheusServer {
  private constructor(
    private readonly child: ChildProcess,
    private readonly url: string,
    private readonly folder: string,
    private readonly log: () => string,
  ) {}

  /**
   * `target`: the URL of an exposition; `settings`: more of its scrape config, in lines of YAML. Fails where
   * Prometheus is not installed: what is not tested has not passed.
   */
  static async scrape(
    target: string,
    interval = '500ms',
    settings: readonly string[] = [],
    flags: readonly string[] = [],
  ): Promise<PrometheusServer> {
    const folder = mkdtempSync(join(tmpdir(), 'bee-prometheus-'));
    const { host, pathname, protocol } = new URL(target);
    writeFileSync(
      join(folder, 'prometheus.yml'),
      `global: { scrape_interval: ${interval}, scrape_timeout: ${interval} }
scrape_configs:
  - job_name: bee
    metrics_path: ${pathname}
    scheme: ${protocol.slice(0, -1)}
${settings.map((line) => `    ${line}\n`).join('')}    static_configs: [{ targets: ["${host}"] }]
`,
    );
    const port = await freePort();
    const child = spawn(
      'prometheus',
      [
        `--config.file=${join(folder, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(folder, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--log.level=warn',
        ...flags,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      log += text;
    });
    const failed = once(child, 'error').then(([error]) => {
      throw new Error(`prometheus does not start (${error.message}): apt-get install prometheus`);
    });
    const server = new PrometheusServer(child, `http://127.0.0.1:${port}`, folder, () => log);
    await Promise.race([failed, server.ready()]);
    failed.catch(() => {});
    return server;
  }

  private async ready(): Promise<void> {
    for (let tries = 0; ; tries++) {
      const ok = await fetch(`${this.url}/-/ready`).then(
        (response) => response.ok,
        () => false,
      );
      if (ok) return;
      if (tries > 200 || this.child.exitCode !== null) throw new Error(`prometheus: ${this.log()}`);
      await new Promise((done) => setTimeout(done, 100));
    }
  }

  async query(query: string): Promise<PromSeries[]> {
    const response = await fetch(`${this.url}/api/v1/query?${new URLSearchParams({ query })}`);
    const answer = (await response.json()) as {
      status: string;
      error?: string;
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    if (answer.status !== 'success') throw new Error(`${query}: ${answer.error}`);
    return answer.data.result.map(({ metric, value }) => ({ metric, value: value[1] }));
  }

  /** What it keeps of exemplars, which takes `--enable-feature=exemplar-storage`. */
  async exemplars(query: string): Promise<PromExemplar[]> {
    const range = { start: `${Date.now() / 1000 - 600}`, end: `${Date.now() / 1000 + 600}` };
    const response = await fetch(
      `${this.url}/api/v1/query_exemplars?${new URLSearchParams({ query, ...range })}`,
    );
    const { data, error } = (await response.json()) as { data?: Stored[]; error?: string };
    if (!data) throw new Error(`${query}: ${error}`);
    return data.flatMap(({ seriesLabels, exemplars }) =>
      exemplars.map(({ labels, value, timestamp }) => ({ series: seriesLabels, labels, value, timestamp })),
    );
  }

  /** Samples that it refused: the same series twice in one scrape, or out of order. */
  async refused(): Promise<number> {
    const text = await (await fetch(`${this.url}/metrics`)).text();
    const names = ['sample_duplicate_timestamp', 'sample_out_of_order', 'sample_out_of_bounds'];
    return names
      .map((name) =>
        Number(new RegExp(`^prometheus_target_scrapes_${name}_total (\\S+)$`, 'm').exec(text)![1]),
      )
      .reduce((a, b) => a + b);
  }

  async stop(): Promise<void> {
    if (this.child.exitCode === null && this.child.pid !== undefined) {
      const ended = once(this.child, 'close');
      this.child.kill('SIGTERM');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
