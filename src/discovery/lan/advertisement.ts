/** A worker's announcement as DNS records. Pure; `announcer.ts` decides when and where they are sent. */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { type AdvertisedEndpoint, resolveAdvertisedEndpoint } from "./advertised-host.ts";
import type { LanInterface } from "./multicast/interface.ts";
import type { LanRecord } from "./multicast/packet.ts";
import { instanceName, MAX_LABEL_BYTES, serviceType } from "./service.ts";
import { encodeLanText } from "./text.ts";

/** The announcement of a worker, which is the same on every network. */
export interface LanAdvertisement {
  readonly uid: string;
  readonly service: string;
  /** Name of the service record. */
  readonly instance: string;
  /** Name of the host: its own, or one made up for the addresses. */
  readonly target: string;
  readonly endpoint: AdvertisedEndpoint;
  readonly text: readonly Buffer[];
}

/**
 * Makes the announcement of a worker.
 *
 * @param worker A complete record.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, options `event.worker…`, fault: caller) for a
 *   worker that cannot be announced.
 */
export function createAdvertisement(
  worker: WorkerMetadata,
  options: {
    readonly namespace: string;
    readonly advertise: string | undefined;
    /** Larger than that of any earlier announcement of the worker. */
    readonly revision: number;
  },
): LanAdvertisement {
  const { namespace, advertise } = options;
  const { uid } = worker;
  if (uid.length > MAX_LABEL_BYTES) {
    throw new InvalidOptionError("event.worker.uid", {
      value: uid,
      expected: `at most ${MAX_LABEL_BYTES} characters, which is what a name in DNS has room for`,
    });
  }
  const service = serviceType(namespace);
  const endpoint = resolveAdvertisedEndpoint(worker.address, advertise);
  return {
    uid,
    service,
    instance: instanceName(uid, service),
    target: endpoint.host.kind === "name" ? endpoint.host.name : `${uid}.local`,
    endpoint,
    text: encodeLanText(worker, options),
  };
}

/**
 * Lists the records to send by one interface.
 *
 * @param ttlS Seconds for which the records are valid; 0 takes them back.
 * @returns Empty if the worker cannot be reached by this interface.
 */
export function recordsOf(
  advertisement: LanAdvertisement,
  lanInterface: LanInterface,
  ttlS: number,
): readonly LanRecord[] {
  const { service, instance, target, endpoint, text } = advertisement;
  const addresses = addressesOf(advertisement, lanInterface);
  if (addresses.length === 0 && endpoint.host.kind !== "name") return [];
  return [
    // Every worker has a pointer of this name, so this one must not flush the others from caches.
    { type: "PTR", name: service, ttl: ttlS, flush: false, data: instance },
    { type: "SRV", name: instance, ttl: ttlS, flush: true, data: { port: endpoint.port, target } },
    { type: "TXT", name: instance, ttl: ttlS, flush: true, data: text },
    ...addresses.map((data): LanRecord => {
      return { type: data.includes(":") ? "AAAA" : "A", name: target, ttl: ttlS, flush: true, data };
    }),
  ];
}

function addressesOf(
  { endpoint: { host } }: LanAdvertisement,
  { ipv4, ipv6 }: LanInterface,
): readonly string[] {
  switch (host.kind) {
    case "interface":
      return [...(host.ipv4 ? ipv4 : []), ...(host.ipv6 ? ipv6 : [])];
    case "address":
      return [host.address];
    case "name":
      return [];
  }
}
