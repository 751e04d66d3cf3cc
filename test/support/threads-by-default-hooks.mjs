/** The hook of `threads-by-default.mjs`. */

const BUILT = new URL("../../dist/", import.meta.url).href;
const DEFAULT = 'worker = "process"';
/** Said by the file that has the default, once that is another. */
const CHANGED = "globalThis[Symbol.for('merino-test.threads-by-default')] = true;";

export function load(url, context, next) {
  const loaded = next(url, context);
  if (!url.startsWith(BUILT)) return loaded;
  return loaded instanceof Promise ? loaded.then(changed) : changed(loaded);
}

function changed(loaded) {
  const parts = Buffer.from(loaded.source ?? "")
    .toString()
    .split(DEFAULT);
  return parts.length === 1
    ? loaded
    : { ...loaded, source: `${parts.join('worker = "thread"')}\n${CHANGED}\n` };
}
