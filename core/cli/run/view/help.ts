/** Keys and what they do. */
export const HELP: readonly (readonly [keys: string, what: string])[] = [
  ['ctrl-n, tab, →', 'next map'],
  ['ctrl-p, shift-tab, ←', 'previous map; 1 to 9 go to one'],
  ['↑ ↓ PgUp PgDn', 'scroll'],
  ['g, G', 'to the start, to the end and follow'],
  ['< >', 'columns to the left, to the right'],
  ['space', 'pause; what comes meanwhile is not lost'],
  ['s, S', 'sort by the next column, turn the order'],
  ['/', 'filter: text, or ret < 0 && comm != "sh"'],
  ['Esc', 'everything again'],
  ['ctrl-l', 'draw anew'],
  ['?', 'this help'],
  ['q, ctrl-c', 'quit'],
];
