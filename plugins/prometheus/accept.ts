export interface Format {
  readonly kind: 'text' | 'openmetrics';
  readonly contentType: string;
}

export const TEXT: Format = { kind: 'text', contentType: 'text/plain; version=0.0.4; charset=utf-8' };

function openMetrics(version: string): Format {
  return {
    kind: 'openmetrics',
    contentType: `application/openmetrics-text; version=${version}; charset=utf-8`,
  };
}

interface Range {
  readonly type: string;
  readonly version: string | undefined;
  readonly quality: number;
}

/**
 * The format that the client likes best; at equal quality OpenMetrics where it was named, else text. Text when
 * the client says nothing, or nothing that we have (RFC 9110, 12.5.1: the most specific range counts).
 */
export function negotiate(accept: string | null): Format {
  const ranges = parse(accept).map(({ name, quality, parameters }): Range => {
    return { type: name, version: parameters.get('version'), quality };
  });
  const text = best(ranges, [['text/plain', '0.0.4'], ['text/plain'], ['text/*'], ['*/*']]);
  const named: (readonly [string, string?])[] = [['application/openmetrics-text']];
  const versions = ['1.0.0', '0.0.1'];
  const wanted = versions
    .map((version) => ({
      version,
      quality: best(ranges, [['application/openmetrics-text', version], ...named]) ?? 0,
    }))
    .reduce((a, b) => (b.quality > a.quality ? b : a));
  // A wildcard alone never means OpenMetrics: whoever reads it, says so.
  return wanted.quality > 0 && wanted.quality >= (text ?? 0) ? openMetrics(wanted.version) : TEXT;
}

/** Quality of the first of these ranges, most specific first, that the client named. */
function best(
  ranges: readonly Range[],
  wanted: readonly (readonly [type: string, version?: string])[],
): number | undefined {
  for (const [type, version] of wanted) {
    const found = ranges.filter((range) => range.type === type && range.version === version);
    if (found.length > 0) return Math.max(...found.map((range) => range.quality));
  }
  return undefined;
}

/** Whether gzip may be used, and is not liked less than no compression. */
export function acceptsGzip(header: string | null): boolean {
  const codings = new Map(parse(header).map(({ name, quality }) => [name, quality]));
  const gzip = codings.get('gzip') ?? codings.get('x-gzip') ?? codings.get('*') ?? 0;
  return gzip > 0 && gzip >= (codings.get('identity') ?? 0);
}

/** `a;x=1;q=0.5, b` in parts. A quality that is no number is none. */
function parse(
  header: string | null,
): { name: string; quality: number; parameters: ReadonlyMap<string, string> }[] {
  return (header ?? '')
    .split(',')
    .map((part) => part.split(';').map((piece) => piece.trim().toLowerCase()))
    .filter(([name]) => name !== undefined && name !== '')
    .map(([name, ...pieces]) => {
      const parameters = new Map(
        pieces.map((piece): [string, string] => {
          const at = piece.indexOf('=');
          return at < 0
            ? [piece, '']
            : [piece.slice(0, at).trim(), piece.slice(at + 1).replace(/^\s*"?|"?\s*$/g, '')];
        }),
      );
      const q = parameters.get('q');
      const quality = q === undefined ? 1 : /^(?:0(?:\.\d*)?|1(?:\.0*)?)$/.test(q) ? Number(q) : 0;
      return { name: name!, quality, parameters };
    });
}
