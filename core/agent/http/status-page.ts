import { html, raw } from 'hono/html';
import { lossText } from '../losses.js';
import type { AgentStatus, ProbeStatus, SinkStatus } from '../status.js';

const STYLE = `
:root { color-scheme: light dark; --bad: light-dark(#b93c09, #ff9966); --good: light-dark(#16803c, #57c97f); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
code { font-size: .9em; } code, small { font-weight: normal; } small, .none { opacity: .65; }
.table { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .8rem .25rem 0; vertical-align: top; font-weight: inherit; }
th:last-child, td:last-child { padding-right: 0; }
thead { opacity: .65; } thead tr, tbody tr:last-child { border-bottom: 1px solid #8886; }
tbody > tr:first-child > :first-child { font-weight: 600; }
tbody.of-maps > tr:not(:first-child) > :first-child { padding-left: 1.2rem; }
code, .error { overflow-wrap: anywhere; } .n, .state { white-space: nowrap; }
.n { text-align: right; font-variant-numeric: tabular-nums; }
.state { color: var(--bad); } .running, .up { color: var(--good); } .starting, .pulling, .stopped { color: inherit; }
.error { color: var(--bad); white-space: pre-line; }
@media (max-width: 40rem) { body { margin: 1rem auto; font-size: 14px; } th, td { padding-right: .5rem; } tbody.of-maps > tr:not(:first-child) > :first-child { padding-left: .6rem; } .wide { display: none; } }
`;

/** One page without scripts: what runs, what it counted, what was lost. Every text is escaped by `html`. */
export function statusPage(status: AgentStatus, scraped: readonly string[]): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="5"><title>bee-agent</title>
<style>${raw(STYLE)}</style></head><body>
<h1>bee-agent ${status.version}</h1>
<p>Started ${time(status.started)}. See
${[...scraped, '/events?limit=20', '/api/v1/probes', '/readyz'].map((path) => html`<a href="${path}"><code>${path}</code></a> `)}</p>
<h2>Probes</h2>
<div class="table"><table><thead><tr><th>probe, map</th><th class="wide">export</th><th class="n">records</th><th class="n">filtered</th><th class="n">lost</th></tr></thead>
${status.probes.map(probeRows)}</table></div>
<h2>Sinks</h2>
<div class="table"><table><thead><tr><th>sink</th><th>state</th><th class="n">received</th><th class="n">delivered</th><th class="n">queued</th><th class="n">lost</th></tr></thead>
${status.sinks.map(sinkRows)}</table></div>
</body></html>`;
  return String(page);
}

function probeRows({ name, source, state, error, retryAt, programs, maps }: ProbeStatus): unknown {
  const retry = retryAt === undefined ? '' : `\nTried again at ${time(retryAt)}.`;
  return html`<tbody class="of-maps">
<tr><td colspan="3">${name} <code>${source}</code></td><td class="wide"></td><td class="n state ${state}">${state}</td></tr>
${error ? html`<tr><td colspan="4" class="error">${error}${retry}</td><td class="wide"></td></tr>` : ''}
${programs.map(({ name, notAttached }) =>
  notAttached === undefined
    ? ''
    : html`<tr><td colspan="4" class="error">program ${name} is not attached: ${notAttached}</td><td class="wide"></td></tr>`,
)}
${maps.map(
  (
    map,
  ) => html`<tr><td>${map.name} <small class="wide">${map.type}</small></td><td class="wide">${map.export}</td>
${number(map.records)}${number(map.filtered)}${losses(map.lost)}</tr>`,
)}</tbody>`;
}

function sinkRows({
  name,
  type,
  state,
  error,
  circuit,
  received,
  delivered,
  queued,
  lost,
}: SinkStatus): unknown {
  const pause = circuit.retryAt === undefined ? '' : `\nTried again at ${time(circuit.retryAt)}.`;
  return html`<tbody><tr><td>${name} ${type === name ? '' : html`<small class="wide">${type}</small>`}</td><td class="state ${state}">${state}</td>
${number(received)}${number(delivered)}${number(queued)}${losses(lost)}</tr>
${error ? html`<tr><td colspan="6" class="error">${error}${pause}</td></tr>` : ''}</tbody>`;
}

function number(count: number): unknown {
  return html`<td class="n">${count.toLocaleString('en')}</td>`;
}

function losses(lost: Readonly<Record<string, number>>): unknown {
  const text = lossText(lost);
  return html`<td class="n${text === '0' ? ' none' : ''}">${text.split(', ').map((one, i) => html`${i > 0 ? raw('<br>') : ''}${one}`)}</td>`;
}

/** `2026-01-02 03:04:05 UTC` of ISO 8601. */
function time(iso: string): string {
  return `${iso.slice(0, 19).replace('T', ' ')} UTC`;
}
