import { isScalar, type ParsedNode, parseAllDocuments } from 'yaml';
import type { ProblemCode } from './error.js';
import type { SourceText } from './source-text.js';

export const MAX_DEPTH = 32;
export const TAGS =
  'found a YAML tag (!…) that is not supported, expected a plain value. Remove the tag, or quote the text';

type Report = (code: ProblemCode, offset: number, message: string) => void;

interface Fault {
  readonly code: string;
  readonly pos: [number, number];
  readonly message: string;
}

/** The YAML node of a file of one document; undefined where it is none, which is reported. Never throws. */
export function parseText(source: SourceText, report: Report): ParsedNode | undefined {
  const { text } = source;
  const control = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\ufffe\uffff]/.exec(text);
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).padStart(4, '0');
    report('control_character', control.index, `found the control character U+${code}, expected text`);
    return undefined;
  }
  const documents = parseDocuments(text, report);
  if (documents === undefined) return undefined;
  const [first, second] = documents;
  if (second) {
    const hint = 'found a second document, expected one. Remove the --- before it, or make two files';
    report('multiple_documents', second.range[0], hint);
  }
  if (documents.some(({ errors, warnings }) => reportFaults(errors, warnings, source, report)))
    return undefined;
  const contents = first?.contents;
  if (!contents || (isScalar(contents) && contents.value === null && contents.source === '')) {
    report('empty', 0, 'the file is empty, expected a list of `probes:`');
    return undefined;
  }
  return contents;
}

function parseDocuments(text: string, report: Report) {
  try {
    const parsed = parseAllDocuments(text, {
      schema: 'core',
      merge: true,
      // Checked by the reader: the library's own check takes quadratic time and gives one position of the two.
      uniqueKeys: false,
      prettyErrors: false,
      resolveKnownTags: false,
      logLevel: 'silent',
    });
    return Array.isArray(parsed) ? parsed : [];
  } catch (error) {
    // Known are stack overflows; whatever else a hostile text makes the library throw is an error of the text too.
    if (error instanceof RangeError) report('too_deep', 0, 'the file nests too deep to be read');
    else report('syntax', 0, 'the file cannot be read as YAML');
    return undefined;
  }
}

/** Whether a document is of no use. */
function reportFaults(
  errors: readonly Fault[],
  warnings: readonly Fault[],
  source: SourceText,
  report: Report,
): boolean {
  const exhausted = errors.find(({ code }) => code === 'RESOURCE_EXHAUSTION');
  if (exhausted) {
    const message = `found values nested too deep, expected at most ${MAX_DEPTH} levels`;
    report('too_deep', exhausted.pos[0], message);
    return true;
  }
  // The first error of a line is the cause, the others are its consequences; so are tokens after it that fit nowhere.
  const lines = new Set<number>();
  for (const { code, pos, message } of errors) {
    const { line } = source.position(pos[0]);
    if (lines.has(line) || (lines.size > 0 && code === 'UNEXPECTED_TOKEN')) continue;
    lines.add(line);
    if (code === 'TAG_RESOLVE_FAILED') report('tag', pos[0], TAGS);
    else report('syntax', pos[0], explain(code, source.line(pos[0]).slice(0, 500), message));
  }
  for (const { code, pos } of warnings) {
    // Unknown tags are reported with their node.
    if (code !== 'TAG_RESOLVE_FAILED') report('syntax', pos[0], 'found a YAML feature that is not supported');
  }
  return errors.length > 0;
}

function explain(code: string, line: string, message: string): string {
  if (code === 'TAB_AS_INDENT') return 'found a tab as indentation, expected spaces';
  const hint = /[{[,].*\$\{/.test(line)
    ? `. Between { } and [ ], write variables in quotes: "\${NAME}"`
    : line.includes('\t')
      ? '. Indent with spaces, not with tabs'
      : '';
  return `no valid YAML: ${message.split('\n')[0]!.slice(0, 120)}${hint}`;
}
