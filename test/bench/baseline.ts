import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** Ratios to the reference that a build is held to, by case. */
export type Baseline = Readonly<Record<string, number>>;

export interface Verdict {
  readonly name: string;
  readonly ratio: number;
  readonly baseline: number;
  /** The least that the ratio may be. */
  readonly least: number;
  readonly fine: boolean;
}

/** Whether a ratio keeps to its baseline. `allowed`: the share of it that is enough, so that noise is no fault. */
export function judge(name: string, ratio: number, baselines: Baseline, allowed: number): Verdict {
  const baseline = baselines[name];
  if (baseline === undefined)
    throw new Error(`the baseline has no ${name}: sudo npm run bench -- --write sets it`);
  const least = baseline * allowed;
  return { name, ratio, baseline, least, fine: ratio >= least };
}

/** A baseline that is no lower than what was just measured. */
export function raised(baseline: Baseline, measured: readonly Verdict[]): Baseline {
  const higher = measured.filter(({ name, ratio }) => ratio > (baseline[name] ?? 0));
  return { ...baseline, ...Object.fromEntries(higher.map(({ name, ratio }) => [name, ratio])) };
}

/** What is wrong with a guard that said this of a build, and that of the same build slowed to half. */
export function faults(build: readonly Verdict[], slowed: readonly Verdict[]): string[] {
  return [
    ...build.filter(({ fine }) => !fine).map(({ name }) => `${name} is slower than its baseline allows`),
    ...slowed
      .filter(({ fine }) => fine)
      .map(({ name }) => `${name} slowed to half is not caught: ${name} guards nothing`),
  ];
}

export function readBaseline(file: string): Baseline {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
}

export function writeBaseline(
  file: string,
  ratios: readonly { readonly name: string; readonly ratio: number }[],
): void {
  const measured = ratios.map(({ name, ratio }) => [name, Number(ratio.toPrecision(3))] as const);
  const all = { ...readBaseline(file), ...Object.fromEntries(measured) };
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
}
