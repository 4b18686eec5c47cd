import type { GrowthResult } from './growth.js';
import { figure } from './report.js';

const WIDTH = 360;
const HEIGHT = 220;
const LEFT = 58;
const BOTTOM = 40;
const TOP = 34;
const RIGHT = 16;

/** One SVG with a small log-log plot a result, two in a row. */
export function plot(results: readonly GrowthResult[]): string {
  const rows = Math.ceil(results.length / 2);
  const panels = results.map(
    (result, i) =>
      `<g transform="translate(${(i % 2) * WIDTH} ${Math.floor(i / 2) * HEIGHT})">${panel(result)}</g>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${2 * WIDTH}" height="${rows * HEIGHT}" font-family="system-ui, sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>
${panels.join('\n')}
</svg>
`;
}

function panel({ name, x, y, points }: GrowthResult): string {
  const xs = scale(
    points.map(([size]) => size),
    LEFT,
    WIDTH - RIGHT,
  );
  const ys = scale(
    points.map(([, cost]) => cost),
    HEIGHT - BOTTOM,
    TOP,
    2,
  );
  const line = points.map(([size, cost]) => `${xs(size).toFixed(1)},${ys(cost).toFixed(1)}`).join(' ');
  const dots = points.map(
    ([size, cost]) =>
      `<circle cx="${xs(size).toFixed(1)}" cy="${ys(cost).toFixed(1)}" r="3" fill="#b45309"/><text x="${xs(size).toFixed(1)}" y="${(ys(cost) - 7).toFixed(1)}" text-anchor="middle">${figure(cost)}</text><text x="${xs(size).toFixed(1)}" y="${HEIGHT - BOTTOM + 15}" text-anchor="middle" fill="#555">${size.toLocaleString('en')}</text>`,
  );
  return `<text x="${LEFT}" y="16" font-weight="600">${name}</text><path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#999"/><text x="${LEFT - 8}" y="${TOP + 4}" text-anchor="end" fill="#555">${y}</text><text x="${WIDTH - RIGHT}" y="${HEIGHT - 8}" text-anchor="end" fill="#555">${x}</text><polyline points="${line}" fill="none" stroke="#b45309" stroke-width="2"/>${dots.join('')}`;
}

/** Logarithmic; at least `decades` of room, so that what hardly grows looks flat. */
function scale(values: readonly number[], from: number, to: number, decades = 0): (value: number) => number {
  const logs = values.map((value) => Math.log10(Math.max(value, 1e-9)));
  const middle = (Math.min(...logs) + Math.max(...logs)) / 2;
  const half = Math.max(Math.max(...logs) - Math.min(...logs), decades, 0.1) / 2;
  return (value) =>
    from +
    ((Math.log10(Math.max(value, 1e-9)) - (middle - half)) / (2 * half)) * 0.92 * (to - from) +
    0.04 * (to - from);
}
