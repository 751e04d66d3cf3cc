/**
 * Rebuilds a discovery from a descriptor that travelled with a task. Knows the registered kinds and nothing else: a
 * descriptor may be hostile.
 */
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import type { ParseWorkerMetadataOptions } from "../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { Discovery } from "./discovery.ts";
import { DnsDiscovery } from "./dns/dns-discovery.ts";
import type { DnsDiscoveryOptions } from "./dns/dns-discovery-options.ts";
import { LanDiscovery } from "./lan/lan-discovery.ts";
import { LocalDiscovery } from "./local/local-discovery.ts";
import { StaticDiscovery } from "./static-discovery.ts";

/**
 * Makes the discovery that a descriptor names: kind `local` or `lan` with a `namespace`, `static` with `workers`, `dns`
 * with a `name`, a `port` and options.
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
      // The constructor checks its arguments.
      return new LocalDiscovery(fieldOf(parameters, "namespace") as string);
    case "lan":
      return lanDiscovery(parameters);
    case "dns":
      return dnsDiscovery(parameters);
    case "static":
      return new StaticDiscovery(
        fieldOf(parameters, "workers") as readonly (WorkerMetadata | string)[],
        options,
      );
    default:
      throw new InvalidOptionError("discovery.kind", {
        value: kind,
        expected: "'dns', 'lan', 'local' or 'static'",
      });
  }
}

/** Checked by the constructor, as above. */
function lanDiscovery(parameters: unknown): LanDiscovery {
  const port = fieldOf(parameters, "port") as number | undefined;
  return new LanDiscovery(fieldOf(parameters, "namespace") as string, port === undefined ? {} : { port });
}

/** Checked by the constructor, as above. */
function dnsDiscovery(parameters: unknown): DnsDiscovery {
  return new DnsDiscovery(
    fieldOf(parameters, "name") as string,
    fieldOf(parameters, "port") as number,
    {
      pollInterval: fieldOf(parameters, "pollInterval"),
      describeTimeout: fieldOf(parameters, "describeTimeout"),
      servers: fieldOf(parameters, "servers"),
      family: fieldOf(parameters, "family"),
    } as DnsDiscoveryOptions,
  );
}

function fieldOf(value: unknown, field: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, field)) return undefined;
  return (value as Readonly<Record<string, unknown>>)[field];
}
