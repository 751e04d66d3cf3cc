/**
 * Reads the packets of multicast DNS, which anybody on the network can send, in time in proportion to their length: each
 * label is read once, however many names end in it. Records of other kinds than announcements are made of are skipped.
 *
 * @see The format: https://www.rfc-editor.org/rfc/rfc1035#section-4
 */
import { canonicalIPv6 } from "../../../internal/canonical-ipv6.ts";
import type { HeardRecord, LanPacket, LanQuestion } from "./packet.ts";

/** RFC 6762, section 17: the longest packet, headers of IP and UDP included. */
const MAX_PACKET_BYTES = 9_000;
const HEADER_BYTES = 12;
/** RFC 1035, section 3.1: lengths of its labels included. */
const MAX_NAME_BYTES = 255;

const RESPONSE = 0x8000;

const TYPES: ReadonlyMap<number, LanQuestion["type"]> = new Map([
  [1, "A"],
  [12, "PTR"],
  [16, "TXT"],
  [28, "AAAA"],
  [33, "SRV"],
  [255, "ANY"],
]);

/** @returns The packet; `undefined` if it is too long, or none. */
export function readLanPacket(bytes: Buffer): LanPacket | undefined {
  if (bytes.length < HEADER_BYTES || bytes.length > MAX_PACKET_BYTES) return undefined;
  try {
    return new PacketReader(bytes).packet();
  } catch (error) {
    // Only reading beyond the end throws one of these.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

class PacketReader {
  readonly #bytes: Buffer;
  #position = HEADER_BYTES;
  /** The names that begin at each place from which one has been read, so that none is read twice. */
  readonly #names = new Map<number, string>();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  packet(): LanPacket {
    const bytes = this.#bytes;
    const questions = this.#repeat(bytes.readUInt16BE(4), () => this.#question());
    const answers = this.#repeat(bytes.readUInt16BE(6), () => this.#record());
    this.#repeat(bytes.readUInt16BE(8), () => this.#record()); // of authority, which nothing is asked about
    const additionals = this.#repeat(bytes.readUInt16BE(10), () => this.#record());
    const type = (bytes.readUInt16BE(2) & RESPONSE) === 0 ? "query" : "response";
    return { type, id: bytes.readUInt16BE(0), questions, answers, additionals };
  }

  /** Those that are of interest of so many, each of which takes some of the packet. */
  #repeat<T>(count: number, read: () => T | undefined): T[] {
    const found: T[] = [];
    for (let rest = count; rest > 0; rest--) {
      const one = read();
      if (one !== undefined) found.push(one);
    }
    return found;
  }

  #question(): LanQuestion | undefined {
    const name = this.#name();
    const type = TYPES.get(this.#uint16());
    this.#uint16(); // its class
    return type === undefined ? undefined : { name, type };
  }

  #record(): HeardRecord | undefined {
    const name = this.#name();
    const type = TYPES.get(this.#uint16());
    this.#uint16();
    const ttl = this.#bytes.readUInt32BE(this.#position);
    this.#position += 4;
    const lengthBytes = this.#uint16();
    const start = this.#position;
    const end = start + lengthBytes;
    if (end > this.#bytes.length) throw new RangeError("A record is cut off");
    const record = this.#content({ name, ttl }, { type, end });
    if (this.#position > end) throw new RangeError("A name is cut off");
    this.#position = end;
    return record;
  }

  #content(
    common: { readonly name: string; readonly ttl: number },
    { type, end }: { readonly type: LanQuestion["type"] | undefined; readonly end: number },
  ): HeardRecord | undefined {
    const bytes = this.#bytes;
    const start = this.#position;
    switch (type) {
      case "PTR":
        return { type, ...common, data: this.#name() };
      case "SRV": {
        const port = bytes.readUInt16BE(start + 4);
        this.#position = start + 6; // behind priority, weight and port
        return { type, ...common, data: { port, target: this.#name() } };
      }
      case "TXT":
        return { type, ...common, data: this.#texts(end) };
      case "A":
        return end - start === 4
          ? { type, ...common, data: bytes.subarray(start, end).join(".") }
          : undefined;
      case "AAAA":
        return end - start === 16 ? { type, ...common, data: addressIn(bytes, start) } : undefined;
      default:
        return undefined;
    }
  }

  #texts(end: number): Buffer[] {
    const texts: Buffer[] = [];
    while (this.#position < end) {
      const from = this.#position + 1;
      const to = from + this.#bytes.readUInt8(this.#position);
      if (to > end) throw new RangeError("A text is cut off");
      texts.push(this.#bytes.subarray(from, to));
      this.#position = to;
    }
    return texts;
  }

  /** Reads a name, and goes behind it. Its end may be elsewhere, at a place before: that of another name. */
  #name(): string {
    const bytes = this.#bytes;
    const labels: { readonly at: number; readonly label: string | undefined }[] = [];
    let at = this.#position;
    /** Pointers lead ever further to the front, so that they come to an end. */
    let least = at;
    let next: number | undefined;
    let name: string | undefined;
    while (name === undefined) {
      name = this.#names.get(at);
      if (name !== undefined) break;
      const length = bytes.readUInt8(at);
      if (length === 0) {
        name = "";
        next ??= at + 1;
      } else if (length < 0x40) {
        const end = at + 1 + length;
        if (end > bytes.length) throw new RangeError("A label is cut off");
        labels.push({ at, label: bytes.toString("utf8", at + 1, end) });
        at = end;
      } else {
        const target = bytes.readUInt16BE(at) - 0xc000;
        if (target < HEADER_BYTES || target >= least) throw new RangeError("A pointer leads nowhere");
        labels.push({ at, label: undefined });
        next ??= at + 2;
        at = target;
        least = target;
      }
    }
    // Where the rest was known, this one still has to be walked to its own end.
    this.#position = next ?? this.#endOf(at);
    for (const { at: place, label } of labels.reverse()) {
      if (label !== undefined) name = name === "" ? label : `${label}.${name}`;
      if (name.length >= MAX_NAME_BYTES) throw new RangeError("A name is too long");
      this.#names.set(place, name);
    }
    return name;
  }

  /** Where a name that has been read ends, as it stands there. */
  #endOf(place: number): number {
    let at = place;
    for (;;) {
      const length = this.#bytes.readUInt8(at);
      if (length >= 0x40) return at + 2;
      at += 1 + length;
      if (length === 0) return at;
    }
  }

  #uint16(): number {
    const value = this.#bytes.readUInt16BE(this.#position);
    this.#position += 2;
    return value;
  }
}

function addressIn(bytes: Buffer, start: number): string {
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(start + 2 * group).toString(16));
  return canonicalIPv6(groups.join(":"));
}
