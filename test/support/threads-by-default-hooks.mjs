/** The hook of `threads-by-default.mjs`. */

const BUILT = new URL("../../dist/index.js", import.meta.url).href;
const DEFAULT = 'worker = "process"';

export function load(url, context, next) {
  const loaded = next(url, context);
  if (url !== BUILT) return loaded;
  return loaded instanceof Promise ? loaded.then(changed) : changed(loaded);
}

function changed(loaded) {
  const parts = Buffer.from(loaded.source).toString().split(DEFAULT);
  if (parts.length !== 2) throw new Error(`dist/index.js does not say ${DEFAULT} once`);
  return { ...loaded, source: parts.join('worker = "thread"') };
}
