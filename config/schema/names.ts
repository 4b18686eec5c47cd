export const NAME = /^[A-Za-z0-9_.-]{1,63}$/;
export const NAME_EXPECTED = 'a name of 1 to 63 letters, digits, "_", "." and "-"';
/** Begins with a letter, so that no sink is named like an array index. */
export const SINK_NAME = /^[A-Za-z][A-Za-z0-9_.-]{0,62}$/;
export const SINK_NAME_EXPECTED = 'a name of a letter and up to 62 letters, digits, "_", "." and "-"';

export function isName(text: string): boolean {
  return NAME.test(text);
}
