import { oldestLinux } from '../../bpf/index.js';
import { type Annotations, mediaTypes, type Platform } from '../../oci/index.js';
import type { FieldSummary, MapSummary, ObjectSummary, ProgramSummary } from '../summary/index.js';
import { formatBytes, formatTable, printable, type WidthOf } from '../table.js';
import type { Colors } from '../terminal.js';

/** What is known of an image's signatures; `verified` where keys were given. */
export type SignatureFacts = {
  /** How many there are where the image is, whoever made them. */
  readonly found: number;
  readonly in: 'store' | 'registry';
} & (
  | { readonly verified?: undefined }
  | { readonly verified: false; readonly why: string }
  | {
      readonly verified: true;
      /** File of the key, and its SHA-256. */
      readonly key: string;
      readonly fingerprint: string;
      /** Digest that the signature names. */
      readonly signed: string;
    }
);

/** What `bee describe` found. This is also its JSON. */
export interface Description extends ObjectSummary {
  /** As typed. */
  readonly source: string;
  /** Store or registry that has the image. */
  readonly from?: string;
  /** Of what the reference stands for, which an image is pinned by; of a file's bytes. */
  readonly digest: string;
  /** Of the image that is described, where the reference stands for several. */
  readonly manifestDigest?: string;
  readonly size: number;
  readonly platform?: Platform;
  /** Of an image index: the machines that it has images for. */
  readonly platforms?: readonly Platform[];
  readonly annotations?: Annotations;
  /** Of an image. */
  readonly signature?: SignatureFacts;
  /** Whether the image's config told of the object, or the object itself was read. */
  readonly summaryFrom: 'config' | 'object';
}

/** For people. Everything that came from an image is made harmless to a terminal. */
export function descriptionLines(description: Description, colors: Colors, widthOf: WidthOf): string[] {
  const { programs, maps, params } = description;
  const section = (title: string, rows: string[][]): string[] => {
    const [head, ...lines] = formatTable(
      rows.map((row) => row.map(printable)),
      widthOf,
    );
    return ['', colors.bold(title), colors.dim(`  ${head}`), ...lines.map((line) => `  ${line}`)];
  };
  return [
    ...formatTable(
      factsOf(description).map(([name, value]) => [colors.bold(printable(name)), printable(value)]),
      widthOf,
    ),
    ...section('Programs', [['Name', 'Kind', 'Attaches to'], ...programs.map(programRow)]),
    ...(maps.length === 0
      ? []
      : section('Maps', [['Name', 'Kind', 'Type', 'Entries', 'Field', 'Value'], ...maps.flatMap(mapRows)])),
    ...(params.length === 0
      ? []
      : section('Parameters', [
          ['Name', 'Type', 'Default'],
          ...params.map(({ name, type, default: initial }) => [
            name,
            type,
            initial === undefined ? '–' : JSON.stringify(initial),
          ]),
        ])),
    ...requirementLines(description, section),
    ...(description.summaryFrom === 'config'
      ? ['', colors.dim("Told by the image's config; --from-object reads the program itself.")]
      : []),
  ];
}

const KNOWN: readonly (readonly [title: string, key: string])[] = [
  ['Title', mediaTypes.TITLE],
  ['Description', mediaTypes.DESCRIPTION],
  ['Authors', mediaTypes.AUTHORS],
  ['Source', mediaTypes.SOURCE],
  ['Licence', mediaTypes.LICENSES],
  ['Created', mediaTypes.CREATED],
];

function factsOf(description: Description): [name: string, value: string][] {
  const {
    annotations = {},
    platform,
    platforms,
    license,
    digest,
    manifestDigest,
    size,
    signature,
  } = description;
  const known = KNOWN.filter(([, key]) => Object.hasOwn(annotations, key));
  const others = Object.keys(annotations).filter((key) => !KNOWN.some(([, name]) => name === key));
  return [
    ['Name', description.source],
    ['Digest', digest],
    ...(manifestDigest === undefined ? [] : [['Manifest', manifestDigest] as [string, string]]),
    ['Size', formatBytes(size)],
    ...(signature === undefined ? [] : [['Signature', signatureText(signature)] as [string, string]]),
    ...(platforms === undefined
      ? []
      : [['Platforms', platforms.map(platformText).join(', ')] as [string, string]]),
    ...(platform === undefined ? [] : [['Platform', platformText(platform)] as [string, string]]),
    ...known.map(([title, key]): [string, string] => [title, annotations[key]!]),
    ['BPF licence', license || 'none: helpers for GPL programs only cannot be called'],
    ...others.map((key): [string, string] => [key, annotations[key]!]),
  ];
}

function signatureText(signature: SignatureFacts): string {
  if (signature.verified) return `verified with ${signature.key} (${signature.fingerprint})`;
  if (signature.verified === false) return `not verified: ${signature.why}`;
  if (signature.found === 0) return `none in the ${signature.in}`;
  return `${signature.found} in the ${signature.in}, not verified: --verify-key names the key`;
}

function platformText(platform: Platform): string {
  const { os, architecture, variant } = platform;
  const version = platform['os.version'];
  const machine = [architecture || 'unknown', variant].filter(Boolean).join('/');
  return `${os || 'unknown'} ${machine}${version ? `, built on ${version}` : ''}`;
}

/** `tracepoint/sched/sched_process_exec` is a tracepoint at `sched/sched_process_exec`. */
function programRow({ name, section }: ProgramSummary): string[] {
  const slash = section.indexOf('/');
  const kind = slash < 0 ? section : section.slice(0, slash);
  return [name, kind, slash < 0 ? 'what it is attached to by hand' : section.slice(slash + 1)];
}

/** The map's own facts once, then a row a field. */
function mapRows({ name, kind, type, maxEntries, key, value }: MapSummary): string[][] {
  const entries = type === 'ringbuf' ? formatKibibytes(maxEntries) : String(maxEntries);
  const fields = [
    ...fieldCells(key, type === 'ringbuf' ? '' : 'key'),
    ...fieldCells(value, type === 'ringbuf' ? '' : 'value'),
  ];
  const [first = ['–', '–'], ...others] = fields;
  return [
    [name, kind === 'none' ? '–' : kind, type, entries, ...first],
    ...others.map((cells) => ['', '', '', '', ...cells]),
  ];
}

function fieldCells(fields: readonly FieldSummary[] | undefined, of: string): string[][] {
  return (fields ?? []).map(({ name, type }) => [[of, name].filter(Boolean).join('.') || '–', type]);
}

/** A ring's size is a power of two of pages. */
function formatKibibytes(bytes: number): string {
  return bytes < 2 ** 20 || bytes % 2 ** 20 !== 0 ? `${bytes / 2 ** 10} KiB` : `${bytes / 2 ** 20} MiB`;
}

function requirementLines(
  { requirements }: Description,
  section: (title: string, rows: string[][]) => string[],
): string[] {
  if (requirements.length === 0) return [];
  const oldest = oldestLinux(requirements);
  return section(`Needs${oldest === undefined ? '' : ` Linux ${oldest} or newer`}`, [
    ['Feature', 'Linux', 'Configuration'],
    ...requirements.map(({ feature, linux, config }) => [feature, linux ?? '', config ?? '']),
  ]);
}
