import type { AttachChoice } from './choices.js';

/** A field of a record or key. */
export interface SkeletonField {
  /** `char comm[16]` */
  readonly declaration: string;
  /** Statement that sets it; `{x}` stands for the record: `event->` or `key.`. */
  readonly fill: string;
}

/** One form of a kind: the same occurrence, seen from another place. */
export interface SkeletonForm {
  readonly attach: AttachChoice;
  /** Programs, and the functions around them that are not the same for every form. */
  readonly programs: string;
}

/** Something worth watching, from which a skeleton is made for every map and output. */
export interface ProbeKind {
  /** As `--program-type` takes it. */
  readonly name: string;
  /** For the list of `bee init` and the head of the file. */
  readonly summary: string;
  /** What the head of the file says besides. */
  readonly notes: readonly string[];
  /** In map names: `print_<plural>`, `hist_<quantity>`. */
  readonly plural: string;
  readonly quantity: string;
  /** A time is measured from a beginning to an end; a size is there at once. */
  readonly measures: 'time' | 'bytes';
  readonly includes?: readonly string[];
  /** Definitions in front of everything else. */
  readonly preamble?: string;
  /** Nanoseconds; default of the parameter `shortest`. */
  readonly shortest?: number;
  /** What is noted at the beginning, and under which key. Sizes need neither. */
  readonly start?: { readonly key: string; readonly members: readonly string[] };
  /** Parameters of `report`, before the value. */
  readonly reportParameters: readonly string[];
  /** Few different values each: labels of metrics. */
  readonly labels: readonly SkeletonField[];
  /** For events only. */
  readonly details: readonly SkeletonField[];
  /** Functions in front of `report` that its fields call. */
  readonly helpers?: string;
  /** The first one is taken where nothing speaks against it. */
  readonly forms: readonly SkeletonForm[];
}
