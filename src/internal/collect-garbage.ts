/** Has the engine collect all garbage of this thread at once, which stops it for as long as what is kept is large. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/** Collects. */
export function collectGarbage(): void {
  collect ??= globalThis.gc ?? exposed();
  collect();
}

/** The engine's own function, which only a context has that is made while the flag is set. */
function exposed(): () => void {
  setFlagsFromString("--expose-gc");
  try {
    return runInNewContext("gc") as () => void;
  } finally {
    setFlagsFromString("--no-expose-gc");
  }
}
