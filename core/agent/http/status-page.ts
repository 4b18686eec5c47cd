import { html, raw } from 'hono/html';
import { lossText } from '../losses.js';
import type { AgentStatus, ProbeStatus, SinkStatus } from '../status.js';

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.n { text-align: right; font-variant-numeric: tabular-nums; }
.running, .up { color: #16803c; } .failed, .retrying { color: #c2410c; } code { font-size: .9em; }
`;

/** One page without scripts: what runs, what it counted, what was lost. Every text is escaped by `html`. */
export function statusPage(status: AgentStatus, scraped: readonly string[]): string {
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="refresh" content="5"><title>bee-agent</title>
<style>${raw(STYLE)}</style></head><body>
<h1>bee-agent ${status.version}</h1>
<p>Started ${status.started}. See
${[...scraped, '/events?limit=20', '/api/v1/probes', '/readyz'].map((path) => html`<a href="${path}"><code>${path}</code></a> `)}</p>
<h2>Probes</h2>
<table><tr><th>probe</th><th>state</th><th>map</th><th>export</th><th>records</th><th>filtered</th><th>lost</th></tr>
${status.probes.map(probeRows)}</table>
<h2>Sinks</h2>
<table><tr><th>sink</th><th>type</th><th>state</th><th>received</th><th>delivered</th><th>queued</th><th>lost</th></tr>
${status.sinks.map(sinkRow)}</table>
</body></html>`;
  return String(page);
}

function probeRows(probe: ProbeStatus): unknown {
  const head = html`<td>${probe.name}<br><code>${probe.source}</code></td>
<td class="${probe.state}">${probe.state}${probe.error ? html`<br>${probe.error}` : ''}</td>`;
  if (probe.maps.length === 0) return html`<tr>${head}<td colspan="5"></td></tr>`;
  return probe.maps.map(
    (map, i) => html`<tr>${i === 0 ? head : html`<td></td><td></td>`}
<td>${map.name} <small>${map.type}</small></td><td>${map.export}</td>
<td class="n">${map.records}</td><td class="n">${map.filtered}</td><td>${lossText(map.lost)}</td></tr>`,
  );
}

function sinkRow(sink: SinkStatus): unknown {
  return html`<tr><td>${sink.name}</td><td>${sink.type}</td>
<td class="${sink.state}">${sink.state}${sink.error ? html`<br>${sink.error}` : ''}</td>
<td class="n">${sink.received}</td><td class="n">${sink.delivered}</td><td class="n">${sink.queued}</td>
<td>${lossText(sink.lost)}</td></tr>`;
}
