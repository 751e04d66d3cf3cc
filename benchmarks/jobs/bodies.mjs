/**
 * Jobs as programs have them: what a call gets, and what is done with it. The same functions run everywhere; the forms that
 * Merino and Piscina want are beside it. A library is loaded where it is first used.
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";

let sharp;
let React;
let renderToString;
let highlight;
let babel;

/** A picture in, a thumbnail out. */
export async function thumbnail({ picture, width }) {
  sharp ??= (await import("sharp")).default;
  sharp.concurrency(1); // as many threads as there are workers
  return await sharp(picture).resize(width).jpeg({ quality: 80 }).toBuffer();
}

/** Rows in, a page of a shop out. */
export async function page({ title, rows }) {
  React ??= (await import("react")).default;
  renderToString ??= (await import("react-dom/server")).renderToString;
  const { createElement: h } = React;
  const item = ({ id, name, price, tags }) =>
    h("li", { key: id, className: "item" }, [
      h("h2", { key: 1 }, name),
      h("p", { key: 2 }, `€ ${price.toFixed(2)}`),
      h(
        "ul",
        { key: 3 },
        tags.map((tag) => h("li", { key: tag }, tag)),
      ),
    ]);
  return renderToString(h("main", null, [h("h1", { key: 0 }, title), h("ul", { key: 1 }, rows.map(item))]));
}

/** A chunk of lines of JSON in, what they come to out. */
export function aggregate({ lines }) {
  const totals = new Map();
  const hash = createHash("sha256");
  for (const line of Buffer.from(lines.buffer, lines.byteOffset, lines.byteLength).toString().split("\n")) {
    if (line === "") continue;
    const { user, bytes } = JSON.parse(line);
    totals.set(user, (totals.get(user) ?? 0) + bytes);
    hash.update(line);
  }
  return { totals: [...totals], sha256: hash.digest("hex") };
}

/** Source in, HTML with colours out. */
export async function colour({ source, language }) {
  highlight ??= (await import("highlight.js")).default;
  return highlight.highlight(source, { language }).value;
}

/** Source in, older source out. */
export async function transpile({ source }) {
  babel ??= (await import("@babel/core")).default;
  const options = {
    presets: [["@babel/preset-env", { targets: "ie 11" }]],
    configFile: false,
    babelrc: false,
  };
  return (await babel.transformAsync(source, { ...options, cwd: import.meta.dirname })).code;
}
