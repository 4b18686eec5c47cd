import {
  type Accepts,
  checkSink,
  type Sink,
  type SinkContext,
  type SinkDefinition,
} from '../../plugins/sdk/index.js';

export interface OpeningOptions {
  readonly name: string;
  readonly definition: SinkDefinition<unknown>;
  readonly options: unknown;
  readonly accepts: Accepts;
  /** ms after which `onSlow` is told. */
  readonly timeout: number;
  readonly context: Omit<SinkContext, 'name' | 'signal'>;
}

/** Open a sink once. Undefined when `closing` comes first; a sink that opens after that is closed again. */
export async function openSink(
  options: OpeningOptions,
  closing: AbortSignal,
  onSlow: (error: Error) => void,
): Promise<Sink | undefined> {
  const { definition, context, name, timeout } = options;
  const slow = setTimeout(() => onSlow(new Error(`open() has not answered for ${timeout} ms`)), timeout);
  const closed = new Promise<undefined>((resolve) => {
    closing.addEventListener('abort', () => resolve(undefined), { once: true });
  });
  const opening = (async () => definition.open(options.options, { ...context, name, signal: closing }))();
  const release = async (): Promise<void> => void (await (await opening)?.close?.());
  try {
    const opened = await Promise.race([opening.then((sink) => ({ sink })), closed]);
    if (opened && !closing.aborted) return checkSink(opened.sink, options.accepts);
    void release().catch(() => {});
    return undefined;
  } catch (error) {
    void release().catch(() => {});
    throw error;
  } finally {
    clearTimeout(slow);
  }
}
