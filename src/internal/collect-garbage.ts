/** Has the engine collect garbage of this thread at once. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

type Collect = (options?: { readonly type: "minor" }) => void;

let collect: Collect | undefined;

/** Collects all of it, which stops the thread for as long as what is kept is large. */
export function collectGarbage(): void {
  collect ??= own() ?? exposed();
  collect();
}

/** Collects what young objects have left, which takes about a tenth of a millisecond. */
export function collectYoungGarbage(): void {
  collect ??= own() ?? exposed();
  collect({ type: "minor" });
}

/** What a program has that was started with `--expose-gc`. */
function own(): Collect | undefined {
  return globalThis.gc as Collect | undefined; // the types know an older form only
}

/** The engine's own function, which only a context has that is made while the flag is set. */
function exposed(): Collect {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("gc") as Collect;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
