import type { Response } from 'undici';
import type { NetworkReference } from '../reference.js';
import { type Connection, type Progress, pushScope } from './connection.js';
import { unexpected, uploadFailure } from './failure.js';
import { discard, safeLocation } from './http.js';
import { afterFailure, Transient } from './retry.js';

interface PieceOptions {
  /** Bytes of a piece. */
  readonly chunk: number;
  readonly signal: AbortSignal | undefined;
  readonly progress: Progress | undefined;
}

/**
 * PATCH by PATCH (distribution spec, "Pushing a blob in chunks"); after one that failed, on from where the registry
 * says it is. Rejects with `Transient` where it cannot tell: then an upload from the beginning may help. Returns
 * where to finish.
 */
export async function sendPieces(
  connection: Connection,
  network: NetworkReference,
  begin: URL,
  content: AsyncIterable<Uint8Array>,
  { chunk, signal, progress }: PieceOptions,
): Promise<{ readonly place: URL; readonly rest: Uint8Array }> {
  let place = begin;
  let offset = 0;
  for await (const piece of inPieces(content, chunk)) {
    place = await sendPiece(connection, network, { place, offset }, piece, signal);
    offset += piece.length;
    progress?.(piece.length);
  }
  return { place, rest: new Uint8Array(0) };
}

interface Position {
  readonly place: URL;
  readonly offset: number;
}

async function sendPiece(
  connection: Connection,
  network: NetworkReference,
  from: Position,
  piece: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<URL> {
  const end = from.offset + piece.length;
  let at = from;
  for (let attempt = 1; at.offset < end; attempt++) {
    try {
      return await patch(connection, network, at, piece.subarray(at.offset - from.offset), signal);
    } catch (error) {
      if (!(error instanceof Transient)) throw error;
      const there = await position(connection, network, at.place, signal);
      if (there === undefined || there.offset < at.offset || there.offset > end) throw error;
      // It names the place that it has just refused.
      if (error.isLost && there.offset === at.offset) throw error;
      // A registry that takes a little each time is waited for no less, but not given up.
      if (there.offset > at.offset) attempt = 1;
      await afterFailure(error, attempt, connection.options, signal);
      at = there;
    }
  }
  return at.place;
}

async function patch(
  connection: Connection,
  network: NetworkReference,
  { place, offset }: Position,
  body: Uint8Array,
  signal: AbortSignal | undefined,
): Promise<URL> {
  const headers = {
    'content-type': 'application/octet-stream',
    'content-range': `${offset}-${offset + body.length - 1}`,
  };
  const request = { method: 'PATCH', url: place, body, signal, headers } as const;
  const response = await connection.send(network.registry, request, pushScope(network));
  if (response.status !== 202) throw await uploadFailure(response, place, 'a piece of an upload');
  await discard(response);
  return uploadLocation(response, place);
}

/** How far an upload got, where the registry can tell. `0-0` is what docker-registry says of nothing. */
async function position(
  connection: Connection,
  network: NetworkReference,
  place: URL,
  signal: AbortSignal | undefined,
): Promise<Position | undefined> {
  const request = { method: 'GET', url: place, signal } as const;
  const response = await connection.send(network.registry, request, pushScope(network));
  await discard(response);
  const range = /^(?:bytes=)?0-(\d{1,15})$/.exec(response.headers.get('range') ?? '');
  if (response.status !== 204 || range === null) return undefined;
  const last = Number(range[1]);
  return { place: uploadLocation(response, place), offset: last === 0 ? 0 : last + 1 };
}

/** Where an upload goes on: relative to where it was asked for, or absolute. */
export function uploadLocation(response: Response, base: URL): URL {
  const location = response.headers.get('location');
  if (location === null) throw unexpected(base, 'the upload has no Location');
  return safeLocation(location, base);
}

/** The same bytes in pieces of `size`, the last one shorter. */
async function* inPieces(content: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of content) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + size - length);
      waiting.push(part);
      length += part.length;
      at += part.length;
      if (length < size) continue;
      yield waiting.length === 1 ? part : Buffer.concat(waiting);
      waiting = [];
      length = 0;
    }
  }
  if (length > 0) yield Buffer.concat(waiting);
}
