/** Types of multicast DNS messages, and how records are dealt out to packets. */
import type createMulticastDns from "multicast-dns";

export type MulticastDns = createMulticastDns.MulticastDNS;

/** A question: for the records of a name that are of a kind, or for all of them. */
export interface LanQuestion {
  readonly name: string;
  readonly type: LanRecord["type"] | "ANY";
}

/** A message as it was received. */
export interface LanPacket {
  readonly type: "query" | "response";
  readonly id: number;
  readonly questions: readonly LanQuestion[];
  /** Of a query: the answers that the asker already knows. */
  readonly answers: readonly HeardRecord[];
  readonly additionals: readonly HeardRecord[];
}

/** A record of the kinds that announcements are made of, as it has come. */
export type HeardRecord = { readonly name: string; readonly ttl: number } & (
  | { readonly type: "PTR" | "A" | "AAAA"; readonly data: string }
  | { readonly type: "SRV"; readonly data: { readonly port: number; readonly target: string } }
  | { readonly type: "TXT"; readonly data: readonly Buffer[] }
);

/** The same, to be sent. */
export type LanRecord = HeardRecord & { readonly flush: boolean };

/** Bytes for records in a packet that Ethernet carries in one piece: 1 500 less the headers of IPv6, UDP and DNS. */
const PACKET_BYTES: number = 1_500 - 40 - 8 - 12;

/** Deals records that belong together out to packets, in order. A group larger than a packet gets a packet to itself. */
export function packRecords(groups: Iterable<readonly LanRecord[]>): LanRecord[][] {
  const packets: LanRecord[][] = [];
  let roomBytes = 0;
  for (const group of groups) {
    if (group.length === 0) continue;
    const lengthBytes = group.reduce((sum, record) => sum + lengthOf(record), 0);
    const last = packets.at(-1);
    if (last === undefined || lengthBytes > roomBytes) {
      packets.push([...group]);
      roomBytes = PACKET_BYTES - lengthBytes;
    } else {
      last.push(...group);
      roomBytes -= lengthBytes;
    }
  }
  return packets;
}

/** Without compression of names, which the encoder does not do. */
function lengthOf(record: LanRecord): number {
  const fixed = record.name.length + 2 + 10;
  switch (record.type) {
    case "A":
      return fixed + 4;
    case "AAAA":
      return fixed + 16;
    case "PTR":
      return fixed + record.data.length + 2;
    case "SRV":
      return fixed + 6 + record.data.target.length + 2;
    case "TXT":
      return fixed + record.data.reduce((sum, entry) => sum + 1 + entry.length, 0);
  }
}
