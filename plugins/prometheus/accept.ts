export type Format = 'text' | 'openmetrics';

export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** The format that the client likes best; text when it says nothing, or nothing that we have (RFC 9110, 12.5.1). */
export function negotiate(accept: string | null): Format {
  let best: Format = 'text';
  let bestQuality = 0;
  for (const part of (accept ?? '').split(',')) {
    const [type = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const values = new Map(
      parameters.map((parameter) => parameter.split('=', 2).map((piece) => piece.trim()) as [string, string]),
    );
    const quality = values.has('q') ? Number(values.get('q')) : 1;
    const version = values.get('version')?.replaceAll('"', '');
    const format =
      type === 'application/openmetrics-text' &&
      (version === undefined || version === '1.0.0' || version === '0.0.1')
        ? 'openmetrics'
        : type === 'text/plain' || type === '*/*' || type === 'text/*'
          ? 'text'
          : undefined;
    if (format && quality > bestQuality) {
      best = format;
      bestQuality = quality;
    }
  }
  return best;
}

/** Whether gzip may be used: named, and not with q=0. */
export function acceptsGzip(header: string | null): boolean {
  return (header ?? '')
    .split(',')
    .some((part) => /^\s*(gzip|\*)\s*(;|$)/i.test(part) && !/;\s*q=0(\.0*)?\s*$/i.test(part));
}
