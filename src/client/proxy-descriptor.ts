/**
 * A proxy as data, which travels with every task so that calls nested in it reach the same workers.
 * Credentials never travel.
 */
import type { DiscoveryDescriptor } from "../discovery/discovery.ts";
import { PayloadError } from "../errors/payload-error.ts";
import { type BuildDescriptor, isBuildDescriptor } from "./membership/build-rule.ts";

/** A proxy that another process can rebuild. */
export interface ProxyDescriptor {
  readonly id: string;
  /** Absent: the pool's discovery works in its own process only, and calls nested in its tasks are refused. */
  readonly discovery?: DiscoveryDescriptor | undefined;
  readonly lease?: number | undefined;
  readonly balancer?: { readonly kind: string } | undefined;
  /** Only workers with at least one of these tags. */
  readonly tags?: readonly string[] | undefined;
  /** Which builds it takes; absent: all. Workers of older versions do not know it, and take all. */
  readonly build?: BuildDescriptor | undefined;
  readonly killGraceMs: number;
}

const MAX_DESCRIPTOR_BYTES = 64 * 1024;

/** Writes a descriptor as JSON. */
export function encodeProxyDescriptor(descriptor: ProxyDescriptor): Uint8Array {
  return Buffer.from(JSON.stringify(descriptor));
}

/**
 * Reads a descriptor.
 *
 * @throws {@link PayloadError} when the bytes are no descriptor. The parameters of the discovery are checked in
 *   `discovery/discovery-from-descriptor.ts`.
 */
export function decodeProxyDescriptor(bytes: Uint8Array): ProxyDescriptor {
  if (bytes.length > MAX_DESCRIPTOR_BYTES) throw new PayloadError("A proxy descriptor is larger than 64 KiB");
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("utf8"));
  } catch (error) {
    throw new PayloadError("A proxy descriptor is not JSON", { cause: error });
  }
  if (!isDescriptor(value)) throw new PayloadError("A proxy descriptor has fields of a wrong type");
  return value;
}

function isDescriptor(value: unknown): value is ProxyDescriptor {
  if (typeof value !== "object" || value === null) return false;
  const { id, discovery, lease, balancer, tags, build, killGraceMs } = value as Record<string, unknown>;
  return (
    typeof id === "string" &&
    id.length <= 128 &&
    (discovery === undefined || isKinded(discovery)) &&
    (lease === undefined || (Number.isInteger(lease) && (lease as number) >= 1)) &&
    (balancer === undefined || isKinded(balancer)) &&
    (tags === undefined || (Array.isArray(tags) && tags.every((tag) => typeof tag === "string"))) &&
    (build === undefined || isBuildDescriptor(build)) &&
    typeof killGraceMs === "number" &&
    killGraceMs >= 0
  );
}

function isKinded(value: unknown): value is { readonly kind: string } {
  return (
    typeof value === "object" && value !== null && typeof (value as { kind?: unknown }).kind === "string"
  );
}
