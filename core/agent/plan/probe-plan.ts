import type { ConfigPath, ProbeConfig } from '../../../config/index.js';
import { type ObjectSpec, recordLayout } from '../../bpf/index.js';
import { unattachable } from '../../kernel/index.js';
import type { ProbeImage } from '../probe/probe-image.js';
import type { EventForms } from './event-forms.js';
import { type MapPlan, planMaps } from './map-plan.js';
import { type ParamPlan, planParams } from './params.js';
import type { Problem } from './problem.js';

/**
 * Spec, parameters and maps of a probe, checked against each other without the kernel. Each of `problems` is a mistake
 * of the config, without the probe's name.
 */
export interface ProbePlan {
  readonly spec: ObjectSpec;
  readonly maps: readonly MapPlan[];
  readonly params: readonly ParamPlan[];
  readonly problems: readonly Problem[];
}

export function planProbe(
  config: ProbeConfig,
  path: ConfigPath,
  image: ProbeImage,
  forms: EventForms,
  labels: Readonly<Record<string, string>>,
  isPinned = false,
): ProbePlan {
  const { spec } = image;
  const problems: Problem[] = [];
  const idle = unattached(spec);
  if (idle.length > 0 && idle.length === spec.programs.length && !isPinned)
    problems.push({
      path: [...path, 'image' in config.source ? 'image' : 'file'],
      message: `none of its programs would be attached, so nothing would ever come: ${idle.join('; ')}. Name a target in SEC("…"), or load it with \`bee run --pin-progs DIR\` and attach it by hand while that runs`,
    });
  const { params, problems: unfit } = planParams(spec, config.params, [...path, 'params']);
  const planned = planMaps(spec, {
    probe: config.name,
    path,
    maps: config.maps,
    labels,
    ...forms,
    layoutOf: (typeName) => recordLayout(image.program, typeName),
  });
  return { spec, params, maps: planned.plans, problems: [...problems, ...unfit, ...planned.problems] };
}

/** Programs that nothing attaches, each with why. */
export function unattached({ programs }: ObjectSpec): string[] {
  return programs.flatMap(({ name, section }) => {
    const reason = unattachable(section);
    return reason === undefined ? [] : [`program ${name}: ${reason}`];
  });
}
