import {
  type MapKind,
  type MapSpec,
  type ParamSpec,
  parseObject,
  type Requirement,
  requirements,
} from '../../bpf/index.js';
import { type FieldSummary, fieldsOf, typeName } from './fields.js';
import { type ParamValue, paramValue } from './param-value.js';

export type { FieldSummary } from './fields.js';

export interface ObjectSummary {
  /** Of the `license` section, which the kernel looks at. */
  readonly license: string;
  readonly programs: readonly ProgramSummary[];
  readonly maps: readonly MapSummary[];
  readonly params: readonly ParamSummary[];
  readonly requirements: readonly Requirement[];
}

export interface ProgramSummary {
  readonly name: string;
  /** `tracepoint/sched/sched_process_exec`: what it attaches to. */
  readonly section: string;
}

export interface MapSummary {
  readonly name: string;
  /** `print`, `counter`, `gauge`, `hist`; `none` for a map that is not exported. */
  readonly kind: MapKind;
  readonly type: string;
  readonly maxEntries: number;
  /** C name of the key's type, and its fields. */
  readonly keyType?: string;
  readonly key?: readonly FieldSummary[];
  /** Of a ring buffer: the record. */
  readonly valueType?: string;
  readonly value?: readonly FieldSummary[];
}

export interface ParamSummary {
  readonly name: string;
  readonly type: string;
  /** Absent for a struct or an array. */
  readonly default?: ParamValue;
}

/** Throws `BpfError` for bytes that are no BPF object. */
export function summarise(object: Uint8Array): ObjectSummary {
  const spec = parseObject(object);
  return {
    license: spec.license,
    programs: spec.programs.map(({ name, section }) => ({ name, section })),
    maps: spec.maps.map(ofMap),
    params: spec.params.map(ofParam),
    requirements: requirements(object, spec),
  };
}

function ofMap({ name, kind, type, maxEntries, key, value }: MapSpec): MapSummary {
  return {
    name,
    kind,
    type,
    maxEntries,
    ...(key === undefined ? {} : { keyType: key.typeName, key: fieldsOf(key) }),
    ...(value === undefined ? {} : { valueType: value.typeName, value: fieldsOf(value) }),
  };
}

function ofParam(param: ParamSpec): ParamSummary {
  const initial = paramValue(param.layout.root, param.initial);
  return {
    name: param.name,
    type: typeName(param.layout.root, param.layout.typeName),
    ...(initial === undefined ? {} : { default: initial }),
  };
}
