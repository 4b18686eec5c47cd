/** What `bee init` may be asked for, by BumbleBee's names where it has them. */
export const LANGUAGES = ['C'] as const;
export const MAPS = ['RingBuffer', 'HashMap'] as const;
export const OUTPUTS = ['print', 'counter', 'gauge', 'histogram'] as const;
export const ATTACHMENTS = ['kprobe', 'tracepoint', 'uprobe', 'xdp'] as const;

export type Language = (typeof LANGUAGES)[number];
export type MapChoice = (typeof MAPS)[number];
export type OutputChoice = (typeof OUTPUTS)[number];
export type AttachChoice = (typeof ATTACHMENTS)[number];

export const MAP_HINTS: Readonly<Record<MapChoice, string>> = {
  RingBuffer: 'each occurrence is handed over, in order',
  HashMap: 'the kernel keeps the sums, which are read every second',
};

export const OUTPUT_HINTS: Readonly<Record<OutputChoice, string>> = {
  print: 'an event for each',
  counter: 'how often',
  gauge: 'the last value',
  histogram: 'how the values spread',
};
