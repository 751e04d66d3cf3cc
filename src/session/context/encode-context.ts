/** Encodes what has changed of the variables of a branch, or refuses it under the name of the variable. */
import { assertAffordable } from "../../codec/budget/assert-affordable.ts";
import { encodeValue } from "../../codec/encode/encoder.ts";
import type { References } from "../../codec/references.ts";
import { type Binding, type Bindings, NO_BINDINGS, OwnBinding } from "../../context/variables/bindings.ts";
import type { Branch } from "../../context/variables/branch.ts";
import { variableTraits } from "../../context/variables/variable-registry.ts";
import { ContextError } from "../../errors/context-error.ts";
import type { Fault } from "../../errors/merino-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { warnOnce } from "../../internal/warn-once.ts";
import {
  encodeContextChange,
  encodeContextChanges,
  MAX_CONTEXT_BYTES,
  MAX_CONTEXT_CHANGES,
} from "../../wire/messages/context-changes.ts";
import { isChangeable, ReceivedBinding } from "./received-binding.ts";

/** How to encode. */
export interface EncodeContextOptions {
  readonly references: References;
  /** Whether they go back to the caller. */
  readonly back: boolean;
  /** Whether whatever cannot travel stays behind: beside an error, which must not be lost for its sake. */
  readonly lenient?: boolean;
  /** Whose fault a refusal is. Default: the caller's. */
  readonly fault?: Fault;
}

/**
 * Encodes all that a branch has, for whoever knows nothing of it. Of one whose values cannot change any more that is
 * done once, however many calls are made in it.
 *
 * @throws As {@link encodeContext}.
 */
export function encodeWhole(branch: Branch, options: EncodeContextOptions): Uint8Array {
  const { bindings, whole } = branch;
  if (options.back) return encodeContext(NO_BINDINGS, bindings, NO_EXTRAS, options);
  if (whole?.bindings === bindings) return whole.bytes;
  const bytes = encodeContext(NO_BINDINGS, bindings, NO_EXTRAS, options);
  if ([...bindings.values()].every(isFixed)) branch.whole = { bindings, bytes };
  return bytes;
}

/** Whether a binding will always be encoded as it just was. */
function isFixed(binding: Binding): boolean {
  return binding instanceof OwnBinding
    ? binding.encoded !== undefined
    : binding instanceof ReceivedBinding && binding.fixed;
}

/** What changes, beside the variables. */
export interface ContextExtras {
  readonly stores: Bindings;
  readonly branch: readonly string[];
  readonly spentTokens: readonly string[];
}

const NO_EXTRAS: ContextExtras = { stores: NO_BINDINGS, branch: [], spentTokens: [] };

/**
 * Encodes the differences between two states of a branch.
 *
 * @param known What the receiver knows.
 * @param now What it is to know.
 * @throws {@link NotSerializableError} naming the variable that cannot travel; {@link ContextError} where there are more
 *   variables, or larger ones, than travel.
 */
export function encodeContext(
  known: Bindings,
  now: Bindings,
  extras: ContextExtras,
  options: EncodeContextOptions,
): Uint8Array {
  const changes = new Map<string, Uint8Array>();
  for (const [id, binding] of now) {
    if (known.get(id) !== binding) addTo(changes, id, binding, options);
  }
  for (const id of known.keys()) if (!now.has(id)) addTo(changes, id, undefined, options);
  const stores = new Map<string, Uint8Array>();
  for (const [name, binding] of extras.stores) {
    stores.set(name, encodeBinding(name, "store", binding, options));
  }
  const { branch, spentTokens } = extras;
  const bytes = encodeContextChanges({
    changes: [...changes.values()],
    stores: [...stores.values()],
    branch,
    spentTokens,
  });
  assertBounded(now.size + stores.size, bytes.length, [...changes, ...stores]);
  return bytes;
}

function addTo(
  changes: Map<string, Uint8Array>,
  id: string,
  binding: Binding | undefined,
  options: EncodeContextOptions,
): void {
  const traits = variableTraits(id);
  if (options.back && traits?.back === false) return;
  if (binding === undefined) {
    changes.set(id, encodeContextChange({ name: id, value: undefined, tainted: false }));
    return;
  }
  try {
    changes.set(id, encodeBinding(id, "context variable", binding, options));
  } catch (error) {
    if (options.lenient !== true && traits?.lenient !== true) throw error;
    warnOnce("MERINO_CONTEXT_LEFT_BEHIND", `A context variable stays behind: ${errorText(error)}`);
  }
}

function encodeBinding(
  name: string,
  what: string,
  binding: Binding,
  { references, fault }: EncodeContextOptions,
): Uint8Array {
  if (binding instanceof OwnBinding && binding.encoded !== undefined) return binding.encoded;
  if (binding instanceof ReceivedBinding && binding.unchanged !== undefined) {
    return encodeContextChange({ name, value: binding.unchanged, tainted: binding.tainted });
  }
  const { value } = binding;
  const root = `the ${what} '${name}'`;
  const byFault = fault === undefined ? undefined : { fault };
  const encoded = encodeValue(value, { root, references, inline: true, ...byFault });
  const { bytes, start, end, tainted } = encoded;
  const change = encodeContextChange({
    name,
    value: bytes.subarray(start, end),
    tainted: tainted !== undefined || (binding instanceof ReceivedBinding && binding.tainted),
  });
  if (isChangeable(value)) assertAffordable(encoded, { root, ...byFault });
  else if (binding instanceof OwnBinding) binding.encoded = change;
  return change;
}

function assertBounded(
  count: number,
  sizeBytes: number,
  encoded: readonly (readonly [name: string, bytes: Uint8Array])[],
): void {
  if (count > MAX_CONTEXT_CHANGES) {
    throw new ContextError(
      `Cannot send ${count} context variables with one call: at most ${MAX_CONTEXT_CHANGES} travel, and '${encoded.at(-1)?.[0]}' is the last of them; put several values into one variable`,
    );
  }
  if (sizeBytes > MAX_CONTEXT_BYTES) {
    const [largest] = [...encoded].sort(([, one], [, other]) => other.length - one.length);
    throw new ContextError(
      `Cannot send ${sizeBytes} bytes of context variables with one call: at most ${MAX_CONTEXT_BYTES} travel, and the largest is '${largest?.[0]}'; send large values as arguments`,
    );
  }
}
