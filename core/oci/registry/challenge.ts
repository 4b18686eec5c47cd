/** One challenge of a `WWW-Authenticate` header (RFC 9110, 11.6.1). Names are lower case. */
export interface Challenge {
  readonly scheme: string;
  readonly parameters: Readonly<Record<string, string>>;
}

/** A header longer than this is not looked at. */
const MAX_LENGTH = 8192;
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y;
const TOKEN68 = /[0-9A-Za-z._~+/-]+=*(?=\s*(?:,|$))/y;
const QUOTED = /"((?:[^"\\]|\\.)*)"/y;
const SPACE = /[ \t]*/y;

/** Every challenge that can be understood, in their order; what comes after a syntax error is left out. */
export function parseChallenges(header: string): Challenge[] {
  if (header.length > MAX_LENGTH) return [];
  const challenges: Challenge[] = [];
  let at = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match !== null) at = pattern.lastIndex;
    return match;
  };
  const takeChar = (char: string): boolean => {
    if (header[at] !== char) return false;
    at++;
    return true;
  };

  while (at < header.length) {
    take(SPACE);
    while (takeChar(',')) take(SPACE);
    const scheme = take(TOKEN)?.[0].toLowerCase();
    if (scheme === undefined) break;
    const parameters: Record<string, string> = Object.create(null);
    take(SPACE);
    if (take(TOKEN68) === null || header[at] === '=') {
      for (;;) {
        const start = at;
        const name = take(TOKEN)?.[0].toLowerCase();
        take(SPACE);
        if (name === undefined || !takeChar('=')) {
          at = start; // The next challenge's scheme, or the end.
          break;
        }
        take(SPACE);
        const value = take(QUOTED)?.[1]?.replace(/\\(.)/g, '$1') ?? take(TOKEN)?.[0];
        if (value === undefined) return challenges;
        parameters[name] ??= value;
        take(SPACE);
        if (!takeChar(',')) break;
        take(SPACE);
      }
    }
    challenges.push({ scheme, parameters });
    take(SPACE);
    if (at < header.length && header[at] !== ',' && !/[A-Za-z]/.test(header[at]!)) break;
  }
  return challenges;
}
