import type { ConfigPath, ProbeConfig } from '../../../config/index.js';
import { encodeParam, type ObjectSpec } from '../../bpf/index.js';
import { suggest } from '../../decode/index.js';
import { messageOf } from '../error.js';
import type { Problem } from './problem.js';

/** Bytes to be written over a global's initial value. */
export interface ParamPlan {
  readonly section: string;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Parameters as the program takes them, and what it does not take, below `path`. */
export function planParams(
  spec: ObjectSpec,
  given: ProbeConfig['params'],
  path: ConfigPath,
): { readonly params: readonly ParamPlan[]; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const planned = Object.entries(given).flatMap(([name, value]) => {
    const param = spec.params.find((known) => known.name === name);
    const at = [...path, name];
    if (!param) {
      const names = spec.params.map((known) => known.name);
      problems.push({
        path: at,
        message: `it has no parameter "${name}".${suggest(name, names)} There is: ${names.join(', ') || 'none'}`,
      });
      return [];
    }
    try {
      return [{ section: param.section, offset: param.offset, bytes: encodeParam(param, value) }];
    } catch (error) {
      problems.push({ path: at, message: messageOf(error) });
      return [];
    }
  });
  return { params: planned, problems };
}
