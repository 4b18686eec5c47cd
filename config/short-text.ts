const MOST = 100;

/** Text of a file as an error shows it: a hostile one may be as long as the file. */
export function shortText(text: string): string {
  return text.length > MOST ? `${text.slice(0, MOST)}…` : text;
}
