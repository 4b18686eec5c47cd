import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Annotations, mediaTypes } from '../oci/index.js';
import { CliError } from './errors.js';

export interface AnnotationOptions {
  readonly title?: string;
  readonly description?: string;
  readonly authors?: string;
  readonly source?: string;
  readonly licenses?: string;
  readonly annotation: readonly string[];
}

const { TITLE, DESCRIPTION, AUTHORS, SOURCE, LICENSES, CREATED } = mediaTypes;

/**
 * The image's annotations. The licence is the source's SPDX line unless it is given. The time of creation is
 * `SOURCE_DATE_EPOCH`, and there is none without it: an image must not differ from day to day.
 */
export async function imageAnnotations(
  options: AnnotationOptions,
  source: string,
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<Annotations> {
  const own: Record<string, string | undefined> = {
    [TITLE]: options.title,
    [DESCRIPTION]: options.description,
    [AUTHORS]: options.authors,
    [SOURCE]: options.source,
    [LICENSES]: options.licenses ?? (await spdxLicence(resolve(cwd, source))),
    [CREATED]: createdAt(env.SOURCE_DATE_EPOCH),
  };
  return Object.fromEntries([
    ...Object.entries(own).filter((entry): entry is [string, string] => Boolean(entry[1])),
    ...options.annotation.map(keyAndValue),
  ]);
}

function keyAndValue(pair: string): [string, string] {
  const at = pair.indexOf('=');
  if (at < 1) throw new CliError('USAGE', `--annotation ${JSON.stringify(pair)}: key=value expected`);
  return [pair.slice(0, at), pair.slice(at + 1)];
}

/** https://reproducible-builds.org/specs/source-date-epoch: seconds since 1970, as a decimal number. */
export function createdAt(epoch: string | undefined): string | undefined {
  if (!epoch) return undefined;
  const seconds = /^\d{1,12}$/.test(epoch) ? Number(epoch) : Number.NaN;
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) {
    throw new CliError('USAGE', `SOURCE_DATE_EPOCH is ${JSON.stringify(epoch)}: seconds since 1970 expected`);
  }
  return date.toISOString().replace('.000Z', 'Z');
}

async function spdxLicence(path: string): Promise<string | undefined> {
  const text = await readFile(path, 'utf8');
  const found = /SPDX-License-Identifier:[ \t]*([\w.+() -]{1,200})/.exec(text.slice(0, 4096))?.[1];
  return found?.trim() || undefined;
}
