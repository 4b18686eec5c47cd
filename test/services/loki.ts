import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/registry.js';
import { builtService, Service } from './service.js';

export interface LokiEntry {
  /** Labels of the stream, and with them what is structured metadata: a query gives both. */
  readonly labels: Readonly<Record<string, string>>;
  /** Unix ns. */
  readonly time: bigint;
  readonly line: string;
}

/** A whole Grafana Loki in one process; `tenants`: whether each has to be named. */
export class Loki {
  private constructor(
    readonly service: Service,
    readonly url: string,
  ) {}

  static get program(): string | undefined {
    return builtService('loki');
  }

  static async start({ tenants = false } = {}): Promise<Loki> {
    const [port, grpc] = [await freePort(), await freePort()];
    const url = `http://127.0.0.1:${port}`;
    const service = await Service.start({
      program: Loki.program ?? 'loki',
      args: (folder) => {
        const file = join(folder, 'loki.yaml');
        writeFileSync(file, config(folder, port, grpc, tenants));
        return [`-config.file=${file}`];
      },
      ready: `${url}/ready`,
    });
    return new Loki(service, url);
  }

  /** Entries of the last hour, as they are kept: by time, oldest first. */
  async query(selector: string, tenant?: string): Promise<LokiEntry[]> {
    const url = new URL(`${this.url}/loki/api/v1/query_range`);
    url.searchParams.set('query', selector);
    url.searchParams.set('limit', '5000');
    url.searchParams.set('direction', 'forward');
    url.searchParams.set('start', String(BigInt(Date.now() - 3_600_000) * 1_000_000n));
    const response = await fetch(url, tenant === undefined ? {} : { headers: { 'x-scope-orgid': tenant } });
    if (!response.ok) throw new Error(`${response.status}: ${await response.text()}`);
    const { data } = (await response.json()) as {
      data: { result: { stream: Record<string, string>; values: [string, string][] }[] };
    };
    return data.result.flatMap(({ stream, values }) =>
      values.map(([time, line]) => ({ labels: stream, time: BigInt(time), line })),
    );
  }
}

function config(folder: string, port: number, grpc: number, tenants: boolean): string {
  return `
auth_enabled: ${tenants}
analytics: { reporting_enabled: false }
server: { http_listen_address: 127.0.0.1, http_listen_port: ${port}, grpc_listen_address: 127.0.0.1, grpc_listen_port: ${grpc}, log_level: error }
common:
  instance_addr: 127.0.0.1
  path_prefix: ${folder}/loki
  storage: { filesystem: { chunks_directory: ${folder}/chunks, rules_directory: ${folder}/rules } }
  replication_factor: 1
  ring: { kvstore: { store: inmemory } }
schema_config:
  configs: [{ from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13, index: { prefix: index_, period: 24h } }]
limits_config: { allow_structured_metadata: true, reject_old_samples: true, reject_old_samples_max_age: 24h, discover_service_name: [], discover_log_levels: false, max_entries_limit_per_query: 100000 }
`;
}
