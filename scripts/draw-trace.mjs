/**
 * Draws a trace as SVG, from what a collector is sent: OTLP in JSON (`resourceSpans`). A line for each span, below its
 * parent; a colour for each process.
 *
 * @see https://github.com/open-telemetry/opentelemetry-proto/blob/v1.7.0/docs/specification.md#json-protobuf-encoding
 */
const WIDTH = 960;
const LABELS = 330;
const ROW = 26;
const TOP = 76;
const INDENT = 14;
const TICKS = 5;
const COLOURS = ["#4b5563", "#2563eb", "#0d9488", "#b45309", "#7c3aed", "#be185d"];
const KINDS = { 2: "SERVER", 3: "CLIENT" };

/**
 * @param {{ resourceSpans: readonly object[] }} recording One trace.
 * @returns {string} The picture.
 * @throws {Error} if there is not exactly one trace with one first span.
 */
export function drawTrace({ resourceSpans }) {
  const processes = resourceSpans.map(({ resource }) => attribute(resource, "service.instance.id"));
  const spans = resourceSpans.flatMap(({ scopeSpans }, process) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => ({ ...span, process }))),
  );
  const begin = spans.reduce(
    (least, { startTimeUnixNano }) => min(least, BigInt(startTimeUnixNano)),
    undefined,
  );
  const ms = (time) => Number(BigInt(time) - begin) / 1e6;
  const totalMs = Math.max(...spans.map(({ endTimeUnixNano }) => ms(endTimeUnixNano)));
  const rows = inOrder(spans);
  const scale = (WIDTH - LABELS - 20) / totalMs;
  const height = TOP + rows.length * ROW + 16;
  const x = (time) => round(LABELS + time * scale);

  const legend = processes.map((name, index) => {
    const left = 20 + index * 120;
    return `<rect x="${left}" y="18" width="12" height="12" rx="2" fill="${COLOURS[index % COLOURS.length]}"/><text x="${left + 18}" y="28">${escape(name)}</text>`;
  });
  const axis = Array.from({ length: TICKS + 1 }, (_, tick) => {
    const time = (totalMs * tick) / TICKS;
    const label = `<text x="${x(time)}" y="${TOP - 14}" text-anchor="${tick === TICKS ? "end" : "middle"}" fill="#6b7280">${Math.round(time)} ms</text>`;
    return `<line x1="${x(time)}" y1="${TOP - 6}" x2="${x(time)}" y2="${height - 10}" stroke="#e5e7eb"/>${label}`;
  });
  const lines = rows.map(({ span, depth }, index) => {
    const top = TOP + index * ROW;
    const [start, end] = [ms(span.startTimeUnixNano), ms(span.endTimeUnixNano)];
    const colour = COLOURS[span.process % COLOURS.length];
    const kind = KINDS[span.kind] ?? "";
    const name = span.name.replace(/^.*#/, "");
    const took = end - start;
    const after = x(end) + 60 < WIDTH;
    return [
      `<text x="${20 + depth * INDENT}" y="${top + 17}">${escape(name)} <tspan fill="#6b7280" font-size="10">${kind}</tspan></text>`,
      `<rect x="${x(start)}" y="${top + 5}" width="${Math.max(2, round(took * scale))}" height="${ROW - 10}" rx="3" fill="${colour}"/>`,
      `<text x="${after ? x(end) + 5 : x(end) - 5}" y="${top + 17}" font-size="11" text-anchor="${after ? "start" : "end"}" fill="${after ? "#374151" : "#ffffff"}">${took.toFixed(1)} ms</text>`,
    ].join("");
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" font-family="system-ui, sans-serif" font-size="13" role="img">`,
    `<title>A trace of ${rows.length} spans in ${processes.length} processes</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...legend,
    ...axis,
    ...lines,
    "</svg>",
    "",
  ].join("\n");
}

/** Parents before their children, these by their start. */
function inOrder(spans) {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const firsts = spans.filter(({ parentSpanId }) => !ids.has(parentSpanId));
  const traces = new Set(spans.map(({ traceId }) => traceId));
  if (firsts.length !== 1 || traces.size !== 1) {
    throw new Error(
      `Cannot draw ${traces.size} traces with ${firsts.length} first spans; expected one of each`,
    );
  }
  const rows = [];
  const add = (span, depth) => {
    rows.push({ span, depth });
    const children = spans.filter(({ parentSpanId }) => parentSpanId === span.spanId);
    children.sort((one, other) => (BigInt(one.startTimeUnixNano) < BigInt(other.startTimeUnixNano) ? -1 : 1));
    for (const child of children) add(child, depth + 1);
  };
  add(firsts[0], 0);
  return rows;
}

function attribute({ attributes = [] } = {}, name) {
  return attributes.find(({ key }) => key === name)?.value.stringValue ?? "";
}

function min(least, value) {
  return least === undefined || value < least ? value : least;
}

function round(value) {
  return Math.round(value * 10) / 10;
}

function escape(text) {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
