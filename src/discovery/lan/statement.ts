/**
 * Reads the statements in one packet: about workers, and about the addresses of hosts. Leaves out records that
 * are no worker's. `cache.ts` decides which statements are believed.
 */
import type { HeardRecord } from "./multicast/packet.ts";
import { lifetimeOf } from "./record-life.ts";
import { isHostName, uidOfInstance } from "./service.ts";
import { decodeLanText, type LanText } from "./text.ts";

/** A text as it came, and as it was decoded; undefined if it could not be decoded. */
export interface HeardText {
  readonly bytes: Buffer;
  readonly content: LanText | undefined;
}

/** The statement of a packet about one worker. */
export interface LanStatement {
  /** Whether one of its records is taken back. */
  readonly gone: boolean;
  readonly lifetimeMs: number;
  readonly service: { readonly target: string; readonly port: number } | undefined;
  readonly text: HeardText | undefined;
}

/** The statement of a packet about the addresses of the host with this name. */
export interface AddressStatement {
  readonly name: string;
  readonly address: string;
  readonly lifetimeMs: number;
}

/** How to read a packet. */
export interface StatementOptions {
  /** Type of the service that is of interest. */
  readonly service: string;
  /** The text heard of a worker so far: the same bytes again are not decoded again. */
  readonly textOf: (uid: string) => HeardText | undefined;
  /** Told of each record that is left out although it claims to be of the service. */
  readonly malformed: (detail: string) => void;
}

/** Longer texts are not read; our own are far shorter. */
const MAX_FOREIGN_TEXT_BYTES = 16_384;

/** Reads the records of one packet. */
export function readStatements(
  records: Iterable<HeardRecord>,
  options: StatementOptions,
): {
  readonly workers: ReadonlyMap<string, LanStatement>;
  readonly addresses: readonly AddressStatement[];
} {
  const workers = new Map<string, LanStatement>();
  const addresses: AddressStatement[] = [];
  for (const record of records) {
    const { ttl } = record;
    if (record.type === "A" || record.type === "AAAA") {
      addresses.push({ name: record.name, address: record.data, lifetimeMs: lifetimeOf(ttl) });
      continue;
    }
    const uid = subjectOf(record, options);
    if (uid === undefined) continue;
    workers.set(uid, withRecord(workers.get(uid), record, { ...options, uid, lifetimeMs: lifetimeOf(ttl) }));
  }
  return { workers, addresses };
}

/** The worker that a record is about; undefined: it is about no worker of this service. */
function subjectOf(record: HeardRecord, { service, malformed }: StatementOptions): string | undefined {
  const { type } = record;
  if (type === "SRV" || type === "TXT") return uidOfInstance(record.name, service);
  if (type !== "PTR" || record.name.toLowerCase() !== service) return undefined;
  const uid = uidOfInstance(record.data, service);
  if (uid === undefined) malformed("a name without a uid");
  return uid;
}

function withRecord(
  said: LanStatement | undefined,
  record: HeardRecord,
  options: StatementOptions & { readonly uid: string; readonly lifetimeMs: number },
): LanStatement {
  const { lifetimeMs } = options;
  const statement = {
    gone: lifetimeMs === 0 || said?.gone === true,
    lifetimeMs: Math.max(lifetimeMs, said?.lifetimeMs ?? 0),
    service: said?.service,
    text: said?.text,
  };
  // A text that is taken back is read for its revision.
  if (record.type === "TXT") return { ...statement, text: textIn(record.data, options) };
  if (record.type === "SRV" && lifetimeMs > 0)
    return { ...statement, service: serviceIn(record.data, options) };
  return statement;
}

function serviceIn(
  { target, port }: NonNullable<LanStatement["service"]>,
  { uid, malformed }: StatementOptions & { readonly uid: string },
): LanStatement["service"] {
  if (isHostName(target) && port > 0) return { target, port };
  malformed(`the service of '${uid}'`);
  return undefined;
}

function textIn(
  entries: readonly Uint8Array[],
  { uid, textOf, malformed }: StatementOptions & { readonly uid: string },
): HeardText | undefined {
  // With the length of each entry, since the same bytes cut at other places are another text. Copied, since the
  // packet may be large.
  const bytes = Buffer.concat(entries.flatMap((entry) => [Buffer.of(entry.length), entry]));
  if (bytes.length <= MAX_FOREIGN_TEXT_BYTES) {
    const known = textOf(uid);
    return { bytes, content: known?.bytes.equals(bytes) ? known.content : decodeLanText(entries) };
  }
  malformed(`the text of '${uid}', which is too long`);
  return undefined;
}
