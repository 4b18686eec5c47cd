import type { EventForm } from './sink.js';

/**
 * A sink read a form of an event batch that it cannot have.
 * `not_declared`: its `accepts.events` does not name it. `not_made`: the host did not make it, which is the host's fault.
 */
export class FormNotDeclaredError extends Error {
  override readonly name = 'FormNotDeclaredError';

  constructor(
    readonly code: 'not_declared' | 'not_made',
    readonly form: EventForm,
    readonly declared: readonly EventForm[],
    /** Name of the sink, where the host told it. */
    readonly sink?: string,
  ) {
    super(message(code, form, declared, sink));
  }
}

function message(
  code: 'not_declared' | 'not_made',
  form: EventForm,
  declared: readonly EventForm[],
  sink?: string,
): string {
  const who = sink === undefined ? 'the sink' : `sink "${sink}"`;
  if (code === 'not_made') return `${who} declared the form "${form}", but the host made a batch without it`;
  const list = declared.length === 0 ? 'none' : declared.map((name) => `"${name}"`).join(', ');
  return `${who} read the form "${form}" of an event batch, but its accepts.events declares ${list}; add "${form}" there`;
}
