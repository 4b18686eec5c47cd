import { describe, expect, it } from 'vitest';
import { ConfigError, type LoadedConfig, parseConfig } from '../../../config/index.js';

/** What is right in a file that is not. */
function rest(text: string): LoadedConfig | undefined {
  try {
    parseConfig(text, '/x/probes.yaml', {});
  } catch (error) {
    if (error instanceof ConfigError) return error.rest;
    throw error;
  }
  throw new Error('nothing is wrong with it');
}

describe('what is right in a file that is not', () => {
  it('leaves out the key that is wrong, and keeps what stands beside it', () => {
    const left = rest(`
probes:
  - { file: a.o, flter: 1, params: { n: [1], m: 2 }, frequency: 0 }
sinks: { s: { type: stdout, queue: { timeout: 5 }, format: json } }
agent: { listen: nowhere, labels: { node: x } }
more: 1
`);
    expect(left?.config.probes).toMatchObject([{ name: 'a', params: { m: 2 }, frequency: 99 }]);
    expect(left?.config.sinks).toMatchObject({
      s: { options: { format: 'json' }, queue: { timeout: 10_000 } },
    });
    expect(left?.config.agent).toMatchObject({ listen: { port: 9091 }, labels: { node: 'x' } });
  });

  it('leaves out what cannot be judged without it: a map with a fault, a probe without source, a sink without type', () => {
    const left = rest(`
probes:
  - { name: nothing }
  - { file: b.o, maps: { print_a: { export: evnt, filter: x }, print_b: { filter: y } }, sinks: [t] }
  - { file: c.o, sinks: [s, t] }
sinks: { s: {}, t: { type: stdout } }
`);
    expect(left?.config.probes).toMatchObject([
      { name: 'b', maps: { print_a: { export: 'none' }, print_b: { filter: 'y' } }, sinks: ['t'] },
      { name: 'c', sinks: ['t'] },
    ]);
    expect(left?.config.probes[0]?.maps.print_a).not.toHaveProperty('filter');
    expect(Object.keys(left?.config.sinks ?? {})).toEqual(['t']);
  });

  it('keeps the places of the file, where probes are left out', () => {
    const left = rest('probes:\n  - { name: nothing }\n  - { file: b.o, params: { n: 1 } }\n');
    expect(left?.locate(['probes', 0, 'params', 'n'])).toMatchObject({ line: 3, column: 31 });
  });

  it('is nothing where too little is left', () => {
    expect(rest('probes: 5\n')).toBeUndefined();
    expect(rest('probes: [{ image: x }]\nagent: { storage: [] }\n')).toBeUndefined();
    expect(rest('probes: [\n')).toBeUndefined();
  });

  it('does not change what other entries share with a faulty one', () => {
    const left = rest(`
probes:
  - { file: a.o, maps: &m { print_a: { filter: x } }, params: &p { n: 1 } }
  - { file: b.o, maps: *m, params: *p, flter: 1 }
`);
    expect(left?.config.probes).toMatchObject([
      { maps: { print_a: { filter: 'x' } }, params: { n: 1 } },
      { maps: { print_a: { filter: 'x' } }, params: { n: 1 } },
    ]);
  });
});
