import type { Import } from './imports.js';

/** Parts of the house, longest first: a file belongs to the first that holds it. */
const PARTS = [
  'core/agent',
  'core/bpf',
  'core/cli',
  'core/decode',
  'core/kernel',
  'core/launch',
  'core/metrics',
  'core/oci',
  'core/pipeline',
  'plugins/sdk',
  'plugins/',
  'config',
  'native',
] as const;
type Part = (typeof PARTS)[number];

/** What each part may import. `types`: only what the compiler erases. */
const MAY: Readonly<Record<Part, Readonly<Partial<Record<Part, 'all' | 'types'>>>>> = {
  config: {},
  'core/oci': {},
  'core/bpf': {},
  'core/kernel': { 'core/bpf': 'all', native: 'all' },
  'core/decode': { 'core/bpf': 'all', 'core/kernel': 'all', 'plugins/sdk': 'types' },
  'core/launch': {},
  'core/metrics': { 'core/decode': 'types', 'plugins/sdk': 'types' },
  'core/pipeline': { 'plugins/sdk': 'all' },
  'plugins/sdk': {},
  'plugins/': { 'plugins/sdk': 'all' },
  native: {},
  'core/agent': everything(),
  'core/cli': { ...everything(), 'core/agent': 'all' },
};

/** The composition roots see all of it but the addon. */
function everything(): Partial<Record<Part, 'all'>> {
  return {
    config: 'all',
    'core/oci': 'all',
    'core/bpf': 'all',
    'core/kernel': 'all',
    'core/decode': 'all',
    'core/metrics': 'all',
    'core/pipeline': 'all',
    'plugins/sdk': 'all',
    'plugins/': 'all',
  };
}

/** The folder whose `index.ts` is the public surface of `file`; undefined for a file of no part. */
function home(file: string): { part: Part; folder: string } | undefined {
  const part = PARTS.find((known) => file.startsWith(known));
  if (!part) return undefined;
  return { part, folder: part === 'plugins/' ? file.split('/').slice(0, 2).join('/') : part };
}

/** What is wrong with an import, or undefined. */
export function breach({ from, to, typeOnly }: Import): string | undefined {
  const here = home(from);
  const there = home(to);
  if (!here || !there) return `${from} imports ${to}: one of them is in no part of the house`;
  if (here.folder === there.folder) return undefined;
  const may = MAY[here.part][there.part];
  if (!may || (may === 'types' && !typeOnly)) {
    return `${from} imports ${to}: ${here.folder} may not import ${may ? 'more than types of ' : ''}${there.folder}`;
  }
  if (there.part !== 'native' && to !== `${there.folder}/index.ts`) {
    return `${from} imports ${to}: other folders see only ${there.folder}/index.ts`;
  }
  return undefined;
}
