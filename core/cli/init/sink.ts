import { readdir, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { makeFolder, OciError, systemReason } from '../../oci/index.js';
import { CliError } from '../errors.js';
import { oneOf } from '../one-of.js';
import type { Prompts } from './prompts.js';
import { SINK_LANGUAGES, sinkName, sinkProject } from './sink-project.js';

const NAME_EXPECTED = 'a letter, then letters, digits and "-", all lower case';

export interface SinkAnswers {
  /** What stands behind `--sink`; true: nothing. */
  readonly sink: string | true;
  readonly language?: string;
  readonly file?: string;
  readonly force?: true;
}

/** Write the package of a sink; returns its folder as the user would type it. */
export async function initSink(
  answers: SinkAnswers,
  prompts: Prompts | undefined,
  cwd: string,
): Promise<{ folder: string; name: string; files: readonly string[] }> {
  if (prompts === undefined) refuseMissing(answers);
  const typed =
    answers.sink === true
      ? await prompts?.ask('What is the sink called?', 'mine', (answer) =>
          sinkName(answer) === undefined ? `Expected ${NAME_EXPECTED}.` : undefined,
        )
      : answers.sink;
  const name = sinkName(typed ?? '');
  if (name === undefined)
    throw new CliError('USAGE', `--sink ${JSON.stringify(typed ?? '')}: expected ${NAME_EXPECTED}`);
  const chosen =
    answers.language ??
    (await prompts?.choose('In which language?', [
      { value: 'JavaScript', hint: 'runs as it is written' },
      { value: 'TypeScript', hint: 'types that are checked; runs as it is from Node 22.18 on' },
    ]));
  const language = SINK_LANGUAGES.find((one) => one.toLowerCase() === chosen?.toLowerCase());
  if (language === undefined)
    throw new CliError(
      'USAGE',
      `--language ${JSON.stringify(chosen ?? '')}: a sink is written in ${oneOf(SINK_LANGUAGES)}`,
    );
  const folder =
    answers.file ?? (await prompts?.ask('Where does it go?', `bee-sink-${name}`)) ?? `bee-sink-${name}`;
  if (folder === '-')
    throw new CliError('USAGE', '--file -: a sink is a folder of files, and cannot be printed');
  const files = sinkProject(name, language);
  await writeProject(resolve(cwd, folder), folder, files, answers.force === true);
  return { folder, name, files: files.map((file) => file.name) };
}

function refuseMissing({ sink, language }: SinkAnswers): void {
  const missing = [
    ...(sink === true ? ['the name behind --sink'] : []),
    ...(language === undefined ? ['--language'] : []),
  ];
  if (missing.length === 0) return;
  throw new CliError('USAGE', `missing: ${missing.join(', ')}`, {
    hint: `Without a terminal nothing can be asked. For example: bee init --sink mine --language ${SINK_LANGUAGES[0]}`,
  });
}

async function writeProject(
  path: string,
  shown: string,
  files: readonly { name: string; text: string }[],
  force: boolean,
): Promise<void> {
  try {
    await makeFolder(path);
    const there = new Set(await readdir(path));
    const taken = files.filter(({ name }) => there.has(name)).map(({ name }) => name);
    if (taken.length > 0 && !force)
      throw new CliError('IO', `${shown} has ${taken.join(', ')} already`, {
        hint: 'Name another folder with --file, or add --force.',
      });
    for (const { name, text } of files) await writeFile(join(path, name), text, { flag: force ? 'w' : 'wx' });
  } catch (cause) {
    if (cause instanceof CliError || cause instanceof OciError) throw cause;
    throw new CliError('IO', `cannot write ${shown}: ${systemReason(cause)}`, { cause });
  }
}
