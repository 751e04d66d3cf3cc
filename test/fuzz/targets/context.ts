/** Context variables as a call or an answer brings them: the message, the values in it, and what is passed on of them. */
import { runInInnerScope } from "../../../src/context/inner-scope.ts";
import { NETWORK } from "../../../src/identity/taint.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import { ContextExchange } from "../../../src/session/context/context-exchange.ts";
import {
  decodeContextChanges,
  encodeContextChange,
  encodeContextChanges,
} from "../../../src/wire/messages/context-changes.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import { expectCodes, type FuzzTarget } from "../target.ts";
import { anyPayload } from "./value-grammar.ts";

const NAMES = ["a#x", "a#y", "b/c#z", "", "#", "é#ü", "x".repeat(600)];

function anyChange(random: Random): Uint8Array {
  return encodeContextChange({
    name: random.pick(NAMES),
    value: random.oneIn(8) ? undefined : anyPayload(random),
    tainted: random.oneIn(3),
  });
}

/** Changes as a peer might write them. */
export function anyContextChanges(random: Random): Uint8Array {
  const some = (most: number): Uint8Array[] =>
    Array.from({ length: random.small(most) }, () => anyChange(random));
  const ids = (most: number): string[] =>
    Array.from({ length: random.small(most) }, () => random.pick(["b:1", "b:2", "", "t".repeat(60)]));
  return encodeContextChanges({ changes: some(5), stores: some(2), branch: ids(18), spentTokens: ids(70) });
}

const origin = { references: processReferences, source: NETWORK, module: undefined, routine: "a.ts#b" };

export const contextVariables: FuzzTarget = {
  name: "context variables",
  share: 2,
  make(random) {
    const changes = anyContextChanges(random);
    return random.oneIn(5) ? changes : mutate(changes, random, anyContextChanges(random));
  },
  run(bytes) {
    try {
      const changes = decodeContextChanges(bytes);
      const worker = ContextExchange.atWorker(changes, origin);
      const { bindings, stores } = worker.branch;
      runInInnerScope({ branch: worker.branch }, () => {
        for (const binding of [...bindings.values(), ...stores.values()]) read(binding);
      });
      // What a caller merges, and what goes on to the next worker, whatever could be read of it.
      new ContextExchange(worker.branch.fork()).merge(changes, origin);
      new ContextExchange(worker.branch).tell(
        { references: processReferences, back: false, lenient: true },
        stores,
      );
    } catch (error) {
      expectCodes(
        error,
        "ERR_MERINO_PROTOCOL",
        "ERR_MERINO_CONTEXT",
        "ERR_MERINO_NOT_SERIALIZABLE",
        "ERR_MERINO_BAD_PAYLOAD",
      );
    }
  },
};

function read(binding: { readonly value: unknown }): void {
  try {
    void binding.value;
  } catch (error) {
    expectCodes(error, "ERR_MERINO_BAD_PAYLOAD");
  }
}
