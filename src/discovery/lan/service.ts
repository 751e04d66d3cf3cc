/** The DNS-SD names under which the workers of a namespace are found, and what they contain. Pure text. */
import { createHash } from "node:crypto";
import { isWorkerUid } from "../../wire/parse-worker-metadata.ts";

/** The name that tools ask for to list the kinds of services on a network: RFC 6763, section 9. */
export const SERVICE_ENUMERATION = "_services._dns-sd._udp.local";

/** Longest part of a name between two dots, in bytes: RFC 1035, section 2.3.4. */
export const MAX_LABEL_BYTES = 63;

/**
 * Names the service of a namespace. The hash has only 24 bits, so that two namespaces may get one service; the
 * TXT record therefore names the namespace as well. The prefix is the protocol's.
 *
 * @example
 * serviceType("thumbs"); // => "_wool-750fab._tcp.local"
 */
export function serviceType(namespace: string): string {
  const hash = createHash("md5").update(namespace).digest("hex").slice(0, 6);
  return `_wool-${hash}._tcp.local`;
}

/** The DNS name of a worker's entry in a service. */
export function instanceName(uid: string, service: string): string {
  return `${uid}.${service}`;
}

/** The uid in such a name; undefined if the name belongs to another service, or its first part is no uid. */
export function uidOfInstance(name: string, service: string): string | undefined {
  const split = name.indexOf(".");
  if (split < 1 || !isSameName(name.slice(split + 1), service)) return undefined;
  const uid = name.slice(0, split);
  return isWorkerUid(uid) ? uid : undefined;
}

/** Compares names as DNS does: capital letters are the same as small ones. */
export function isSameName(one: string, other: string): boolean {
  return one.length === other.length && one.toLowerCase() === other.toLowerCase();
}

const NAME = /^[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*$/;

/** Tells whether a text can stand for a host in a record: labels of letters, digits, `_` and `-`, 253 bytes at most. */
export function isHostName(text: string): boolean {
  return text.length <= 253 && NAME.test(text);
}
