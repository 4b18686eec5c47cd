import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/registry.js';
import { installed, Service } from './service.js';

/** Debian's nginx in front of a service; `server`: the lines of its server block, beside `listen`. The zone `slow` takes a request each 3 s. */
export class Nginx {
  private constructor(
    private readonly service: Service,
    readonly port: number,
    private readonly secure: boolean,
  ) {}

  static get program(): string | undefined {
    return installed('nginx');
  }

  static async start(server: string, secure = false): Promise<Nginx> {
    const port = await freePort();
    const service = new Service({
      program: Nginx.program ?? 'nginx',
      args: (folder) => ['-p', folder, '-c', join(folder, 'nginx.conf')],
      ready: async () => {
        const { connect } = await import('node:net');
        return new Promise<boolean>((done) => {
          const socket = connect(port, '127.0.0.1', () => {
            socket.destroy();
            done(true);
          });
          socket.on('error', () => done(false));
        });
      },
    });
    const nginx = new Nginx(service, port, secure);
    nginx.configure(server);
    await service.start();
    return nginx;
  }

  get url(): string {
    return `${this.secure ? 'https' : 'http'}://127.0.0.1:${this.port}`;
  }

  /** Answers of the given status from now on, or whatever `server` says. Connections that are open keep what they had. */
  async become(server: string): Promise<void> {
    this.configure(server);
    await this.service.kill();
    await this.service.start();
  }

  private configure(server: string): void {
    writeFileSync(
      join(this.service.folder, 'nginx.conf'),
      `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 64; }
http {
  access_log off;
  client_max_body_size 64m;
  limit_req_zone $binary_remote_addr zone=slow:1m rate=20r/m;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  server {
    listen 127.0.0.1:${this.port}${this.secure ? ' ssl' : ''};
    ${server}
  }
}
`,
    );
  }

  stop(): Promise<void> {
    return this.service.stop();
  }
}
