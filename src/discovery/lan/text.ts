/**
 * A worker's record as the text entries (TXT) of its announcement, and back. The uid and the address are not in
 * them: they are in the announcement's name and its other records.
 *
 * An entry has at most 255 bytes. A value that needs more is cut into numbered pieces, `extra.0`, `extra.1` and
 * so on, in place of `extra`: nothing is lost, and a reader that does not know of pieces finds the key absent
 * rather than half a value.
 */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { WIRE_CODEC } from "../../wire/version.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

/** The largest size of one entry, key and `=` included: RFC 6763, section 6.1. */
const MAX_ENTRY_BYTES = 255;

/**
 * The largest size of all entries with their lengths. A packet has at most 9 000 bytes (RFC 6762, section 17);
 * names and addresses need some of them.
 *
 * @internal for tests as well
 */
export const MAX_TEXT_BYTES = 8_000;

/** The decoded text of an announcement. Unchecked: it comes from the network. */
export interface LanText {
  /** Undefined: not stated, as by other implementations. */
  readonly namespace: string | undefined;
  /**
   * Grows with every change, the taking back included: a host's packets come over several sockets, and an older
   * one may be read after a newer one. Undefined: not stated.
   */
  readonly revision: number | undefined;
  /** For `parseWorkerMetadata`, once uid and address are added. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/**
 * Writes the text of a worker's announcement.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `event.worker`, fault: caller) if it
 *   does not fit in a packet.
 */
export function encodeLanText(
  worker: WorkerMetadata,
  { namespace, revision }: { readonly namespace: string; readonly revision: number },
): readonly Buffer[] {
  const { pid, version, tags, extra, secure, options, codecs = [WIRE_CODEC] } = worker;
  const { identity, runtime, build, resources } = worker;
  const entries = [
    ...entriesOf("pid", String(pid)),
    ...entriesOf("version", version),
    ...entriesOf("tags", tags.length === 0 ? undefined : JSON.stringify(tags)),
    ...entriesOf("extra", Object.keys(extra).length === 0 ? undefined : JSON.stringify(extra)),
    ...entriesOf("secure", String(secure)),
    ...(Object.keys(options).length === 0 ? [] : entriesOf("options", JSON.stringify(options))),
    ...(identity === undefined ? [] : entriesOf("identity", identity)),
    ...(runtime === undefined ? [] : entriesOf("runtime", runtime)),
    ...(build === undefined ? [] : entriesOf("build", build)),
    ...(resources === undefined ? [] : entriesOf("resources", JSON.stringify(resources))),
    ...entriesOf("codecs", codecs.length === 0 ? undefined : JSON.stringify(codecs)),
    ...entriesOf("namespace", namespace),
    ...entriesOf("revision", String(revision)),
  ];
  const lengthBytes = entries.reduce((sum, entry) => sum + 1 + entry.length, 0);
  if (lengthBytes > MAX_TEXT_BYTES) {
    throw new InvalidOptionError("event.worker", {
      value: { uid: worker.uid, lengthBytes },
      expected: `a record that fits in one packet: version, tags, extra and the rest in at most ${MAX_TEXT_BYTES} bytes`,
    });
  }
  return entries;
}

/**
 * Reads the text of an announcement.
 *
 * @returns Undefined if a value does not have the type of its key.
 */
export function decodeLanText(entries: readonly Uint8Array[]): LanText | undefined {
  const values = valuesOf(entries);
  const text = (key: string): string | undefined => joined(values, key)?.toString("utf8");
  const pid = text("pid");
  if (pid === undefined || !/^[0-9]{1,15}$/.test(pid)) return undefined;
  try {
    return {
      namespace: text("namespace"),
      revision: parseRevision(text("revision")),
      fields: {
        pid: Number(pid),
        version: text("version"),
        tags: jsonOf(text("tags"), []),
        extra: jsonOf(text("extra"), {}),
        // An old publisher does not state it: then it is false.
        secure: parseSecure(text("secure")),
        options: jsonOf(text("options"), {}),
        ...definedText("identity", text("identity")),
        ...definedText("runtime", text("runtime")),
        ...definedText("build", text("build")),
        ...definedJson("resources", text("resources")),
        // A worker that names no codec speaks none of ours.
        codecs: jsonOf(text("codecs"), []),
      },
    };
  } catch {
    // Not JSON.
    return undefined;
  }
}

function entriesOf(key: string, value: string | undefined): readonly Buffer[] {
  if (value === undefined) return [Buffer.from(key)];
  const bytes = Buffer.from(value);
  const whole = Buffer.concat([Buffer.from(`${key}=`), bytes]);
  if (whole.length <= MAX_ENTRY_BYTES) return [whole];
  const pieces: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const head = Buffer.from(`${key}.${pieces.length}=`);
    const end = offset + MAX_ENTRY_BYTES - head.length;
    pieces.push(Buffer.concat([head, bytes.subarray(offset, end)]));
    offset = end;
  }
  return pieces;
}

/** The first entry of a key counts, and keys are of any case: RFC 6763, section 6.4. */
function valuesOf(entries: readonly Uint8Array[]): ReadonlyMap<string, Buffer> {
  const values = new Map<string, Buffer>();
  for (const entry of entries) {
    const bytes = Buffer.from(entry.buffer, entry.byteOffset, entry.byteLength);
    const split = bytes.indexOf("=");
    const key = bytes
      .subarray(0, split === -1 ? undefined : split)
      .toString("latin1")
      .toLowerCase();
    if (key === "" || values.has(key)) continue;
    values.set(key, split === -1 ? Buffer.alloc(0) : bytes.subarray(split + 1));
  }
  return values;
}

function joined(values: ReadonlyMap<string, Buffer>, key: string): Buffer | undefined {
  const whole = values.get(key);
  if (whole !== undefined) return whole;
  const pieces: Buffer[] = [];
  for (
    let piece = values.get(`${key}.0`);
    piece !== undefined;
    piece = values.get(`${key}.${pieces.length}`)
  ) {
    pieces.push(piece);
  }
  return pieces.length === 0 ? undefined : Buffer.concat(pieces);
}

/** A key without a value stands for an empty list or object. */
function jsonOf(text: string | undefined, empty: unknown): unknown {
  return text === undefined || text === "" ? empty : JSON.parse(text);
}

function parseSecure(text: string | undefined): unknown {
  if (text === undefined || text === "false") return false;
  return text === "true" ? true : text;
}

function parseRevision(text: string | undefined): number | undefined {
  return text !== undefined && /^[0-9]{1,15}$/.test(text) ? Number(text) : undefined;
}

function definedJson(key: string, text: string | undefined): Readonly<Record<string, unknown>> {
  return text === undefined ? {} : { [key]: JSON.parse(text) };
}

function definedText(key: string, text: string | undefined): Readonly<Record<string, string>> {
  return text === undefined ? {} : { [key]: text };
}
