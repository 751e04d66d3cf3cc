/** Rebuilds a discovery from what travelled with a task. Knows the registered kinds and nothing else: a descriptor may be hostile. */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { ParseWorkerMetadataOptions } from "../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { Discovery } from "./discovery.ts";
import { LocalDiscovery } from "./local-discovery.ts";
import { StaticDiscovery } from "./static-discovery.ts";

/**
 * Makes the discovery that a descriptor names: kind `local` with a `namespace`, or `static` with `workers`.
 *
 * @param options `unix`: whether the descriptor came over a local carrier, whose `unix:` addresses are
 *   believed. Default false.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION) for a kind that is not registered and for
 *   parameters that its constructor refuses.
 * @example
 * discoveryFromDescriptor({ kind: "local", parameters: { namespace: "thumbs" } });
 */
export function discoveryFromDescriptor(
  descriptor: unknown,
  options: ParseWorkerMetadataOptions = { unix: false },
): Discovery {
  const kind = fieldOf(descriptor, "kind");
  const parameters = fieldOf(descriptor, "parameters");
  switch (kind) {
    case "local":
      // Checked by the constructor, as everything it is given.
      return new LocalDiscovery(fieldOf(parameters, "namespace") as string);
    case "static":
      return new StaticDiscovery(fieldOf(parameters, "workers") as readonly WorkerMetadata[], options);
    default:
      throw new InvalidOptionError("discovery.kind", { value: kind, expected: "'local' or 'static'" });
  }
}

function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, field)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[field];
}
