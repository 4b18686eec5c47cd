/** One thing that is measured, beside its reference, in the same run. */
export interface BenchCase {
  readonly name: string;
  /** What is done, in a sentence. */
  readonly what: string;
  readonly unit: string;
  /** Which way is good: ratios are turned so that more is better. */
  readonly better: 'higher' | 'lower';
  readonly target?: Target;
  /** Runs unless `--runs` says otherwise. */
  readonly runs?: number;
  prepare(options: BenchOptions): Promise<Prepared>;
}

/** What is to be reached: all that is given. */
export interface Target {
  readonly text: string;
  /** The least that the ratio may be. */
  readonly ratio?: number;
  /** The worst that the value may be. */
  readonly value?: number;
  /** The most that further figures may be, by their names: in each run, not in the median. */
  readonly most?: Readonly<Record<string, number>>;
}

export interface Prepared {
  /** One measurement. */
  ours(): Promise<Sample>;
  /** What the reference is, and one measurement of it; or a figure that was published. */
  readonly reference:
    | { readonly what: string; measure(): Promise<Sample> }
    | { readonly what: string; readonly published: number };
  end?(): Promise<unknown>;
}

export type Figures = Readonly<Record<string, number>>;

export interface Sample {
  readonly value: number;
  /** Further figures of the same measurement, by name with unit. */
  readonly also?: Figures;
}

export interface BenchOptions {
  /** Binaries of peers, to be run on the same work. */
  readonly bee?: string;
  readonly ig?: string;
  readonly ebpfExporter?: string;
}

export interface BenchResult {
  readonly name: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** Ours to the reference's, turned so that more is better. */
  readonly ratio: number;
  readonly reference: string;
  readonly referenceValue: number;
  readonly published: boolean;
  readonly target?: string;
  readonly met?: boolean;
  /** Medians; of those with a limit, the highest. */
  readonly also?: Figures;
  readonly referenceAlso?: Figures;
  readonly runs: number;
}
