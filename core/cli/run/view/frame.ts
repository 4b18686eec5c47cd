import { HELP } from './help.js';
import { Line, type Palette } from './line.js';
import type { Reading } from './meter.js';
import { grouped, rateText } from './numbers.js';
import type { Area, Pane } from './pane.js';
import { cut, displayWidth } from './text.js';

/** Everything that is on the screen. Texts are safe for a terminal. */
export interface Scene {
  readonly probe: string;
  /** Its programs' sections. */
  readonly programs: string;
  readonly url: string;
  readonly reading: Reading | undefined;
  readonly panes: readonly Pane[];
  readonly selected: number;
  readonly isPaused: boolean;
  /** First line of the help, while it is shown. */
  readonly help: number | undefined;
  /** What is being typed after `/`. */
  readonly prompt: string | undefined;
  /** Of what was typed last. */
  readonly problem: string | undefined;
  readonly log: string | undefined;
}

/** Lines of the screen, as many as it has or fewer. What matters least goes first where there is no room. */
export function frame(scene: Scene, area: Area, colors: Palette): string[] {
  const { width, height } = area;
  const make = (): Line => new Line(width, colors);
  const above: string[] = [];
  if (height >= 8) above.push(title(scene, make()));
  if (height >= 3) above.push(stats(scene, make()));
  if (height >= 4) above.push(tabs(scene, make()));
  const isTyping = scene.prompt !== undefined || scene.problem !== undefined;
  const hasFooter = height >= 6 || isTyping;
  const room = Math.max(0, height - above.length - (hasFooter ? 1 : 0));
  const body = bodyOf(scene, { width, height: room }, colors).slice(0, room);
  while (body.length < room) body.push('');
  const below = hasFooter ? [footer(scene, make())] : [];
  return [...above, ...body, ...below].slice(0, height);
}

function title({ probe, programs, url }: Scene, line: Line): string {
  const room = line.width - displayWidth(url) - 2;
  const hasRoom = url !== '' && room >= displayWidth(probe);
  line.add(probe, 'bold').add('  ');
  line.add(cut(programs, (hasRoom ? room : line.width) - line.column), 'dim');
  if (hasRoom) line.endAt(line.width, url, 'dim');
  return line.toString();
}

function stats({ reading, isPaused, panes, selected }: Scene, line: Line): string {
  if (isPaused) line.add('PAUSED', 'warning').add('  ');
  if (reading) {
    line.add(reading.rate === undefined ? '–/s' : `${rateText(reading.rate)}/s`, 'bold');
    line.add(`  total ${grouped(reading.total)}  `);
    lost(reading, line);
  }
  const described = panes[selected]?.describe() ?? '';
  if (described !== '') line.add('  ').add(described, 'accent');
  return line.toString();
}

function lost({ lost: losses, isLossUnknown }: Reading, line: Line): void {
  const told = [...losses].filter(([reason, count]) => count > 0 || reason === 'ring_full');
  const isBad = told.some(([, count]) => count > 0);
  const text = told.map(([reason, count]) => `${reason} ${grouped(count)}`).join(', ');
  line.add(`lost ${text === '' ? '0' : text}`, isBad ? 'bad' : 'plain');
  if (isLossUnknown) line.add(' (full rings: not counted)', 'dim');
}

/** The selected map is always in view. */
function tabs({ panes, selected }: Scene, line: Line): string {
  const texts = panes.map(({ map, note }, i) => {
    const text = note === '' ? map : `${map} ${note}`;
    // Without colours the brackets alone tell which one is selected.
    return i === selected ? `[${text}]` : ` ${text} `;
  });
  let first = 0;
  const widthFrom = (from: number): number =>
    texts.slice(from, selected + 1).reduce((sum, text) => sum + displayWidth(text), 0);
  while (first < selected && widthFrom(first) > line.width) first++;
  for (let i = first; i < texts.length; i++) line.add(texts[i] ?? '', i === selected ? 'selected' : 'dim');
  return line.toString();
}

function footer({ prompt, problem, log, help, panes, selected }: Scene, line: Line): string {
  if (prompt !== undefined) {
    // The end of what is typed is what is being looked at.
    const text = displayWidth(prompt) + 2 > line.width ? prompt.slice(-Math.max(0, line.width - 2)) : prompt;
    return line.add('/', 'accent').add(text).add('▏', 'accent').toString();
  }
  if (problem !== undefined) return line.add(problem, 'bad').toString();
  if (log !== undefined) return line.add(log, 'warning').toString();
  line.add('? help  q quit  / filter  s sort  space pause', 'dim');
  if (help === undefined && panes[selected]?.isCut) line.add('  < > more columns', 'accent');
  return line.toString();
}

function bodyOf({ panes, selected, help, url }: Scene, area: Area, colors: Palette): string[] {
  if (help !== undefined) return helpLines(help, url, area, colors);
  const pane = panes[selected];
  const note = (text: string): string[] => [new Line(area.width, colors).add(text, 'dim').toString()];
  if (!pane) return note('None of its maps is exported.');
  if (area.height === 0) return [];
  const lines = pane.draw(area, colors);
  return lines.length > 0 ? lines : note('Nothing yet.');
}

function helpLines(first: number, url: string, area: Area, colors: Palette): string[] {
  const lines = HELP.map(([keys, what]) =>
    new Line(area.width, colors).add(keys, 'accent').to(22).add(what).toString(),
  );
  if (url !== '')
    lines.push(new Line(area.width, colors).add(`${url}/metrics  ${url}/events`, 'dim').toString());
  return lines.slice(Math.max(0, Math.min(first, lines.length - area.height)));
}
