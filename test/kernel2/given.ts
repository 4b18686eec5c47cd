import { expect } from 'vitest';

/** What a given probe said of what the guest's script did. */
export interface Said {
  readonly data: readonly Record<string, unknown>[];
  /** Lines of /metrics in BumbleBee's names, while a connection was open and after its end. */
  readonly whileOpen: string;
  readonly after: string;
  /** Process that the script calls so. */
  pid(name: string): number;
}

const one = (said: Said, fields: Record<string, unknown>): void => {
  expect(said.data).toContainEqual(expect.objectContaining(fields));
};

/**
 * What BumbleBee's own examples have to say, by the names of their files. Names of maps are matched in both
 * conventions: with a prefix, or without where their section says it.
 */
export const GIVEN_SAYS: Readonly<Record<string, (said: Said) => void>> = {
  activeconn: ({ whileOpen, after }) => {
    const open =
      /^ebpf_solo_io_(?:gauge_)?sockets_ext\{.*saddr="127\.0\.0\.1",daddr="127\.0\.0\.2"\} (\d+)$/m;
    expect(open.exec(whileOpen)?.[1]).toBe('1');
    expect(open.exec(after)?.[1]).toBe('0');
  },
  capable: (said) => one(said, { pid: said.pid('nice'), task: 'nice', uid: 0, cap: 23 }),
  exitsnoop: (said) => {
    one(said, { pid: said.pid('failed'), comm: 'bash', exit_code: 7, sig: 0 });
    one(said, { pid: said.pid('killed'), exit_code: 0, sig: 9 });
  },
  handler: (said) => {
    const seen = said.data.filter(({ pid }) => pid === said.pid('script'));
    // With the one to nobody.
    expect(seen).toHaveLength(4);
    for (const data of seen) expect(data).toMatchObject({ uid: 0, uptime: expect.any(Number) });
  },
  nfsstats: ({ after }) => {
    for (const [name, operation] of [
      ['received', 'r'],
      ['sent', 'w'],
    ] as const)
      expect(after).toMatch(
        new RegExp(
          `^ebpf_solo_io_hist_nfs_op_time_us_count\\{.*fname="${name}",op="${operation}"\\} [1-9]`,
          'm',
        ),
      );
  },
  oomkill: ({ after, pid }) => {
    const victim = `fpid="${pid('greedy')}",tpid="${pid('greedy')}",pages="5120",fcomm="tail",tcomm="tail"`;
    expect(after).toMatch(new RegExp(`^ebpf_solo_io_(?:counter_)?oomkills\\{.*${victim}\\} 1$`, 'm'));
  },
  opensnoop: (said) =>
    one(said, { pid: said.pid('missing'), comm: 'cat', fname: '/run/no-such-file', ret: -2 }),
  tcpconnect: ({ after }) => {
    for (const map of ['events_hash', 'events_ring'])
      for (const [daddr, count] of [
        ['127.0.0.2', 3],
        ['127.0.0.3', 1],
      ])
        expect(after).toMatch(
          new RegExp(
            `^ebpf_solo_io_(?:counter_)?${map}\\{.*saddr="127\\.0\\.0\\.1",daddr="${daddr}"\\} ${count}$`,
            'm',
          ),
        );
  },
  tcpconnlat: (said) => {
    const seen = said.data.filter(({ daddr_v4 }) => daddr_v4 === '127.0.0.2');
    expect(seen).toHaveLength(3);
    for (const data of seen)
      expect(data).toMatchObject({ saddr_v4: '127.0.0.1', comm: 'bash', af: 2, tgid: said.pid('script') });
  },
};
