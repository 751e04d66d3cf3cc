/**
 * One socket for multicast DNS on one interface, in one family. Packets from other networks are not passed on:
 * multicast DNS is for one link, and a host that answers outside of it can be made to flood others.
 */
import { createSocket, type RemoteInfo } from "node:dgram";
import { once } from "node:events";
import type createMulticastDns from "multicast-dns";
import type { LanInterface } from "./interface.ts";
import type { LanPacket, LanQuestion, LanRecord, MulticastDns } from "./packet.ts";
import { readLanPacket } from "./read-packet.ts";

/** A packet to send. */
export type OutgoingPacket =
  | { readonly questions: readonly LanQuestion[] }
  | {
      readonly answers: readonly LanRecord[];
      /** Id of the question, if it came from another port and is answered there. */
      readonly id?: number;
      readonly questions?: readonly LanQuestion[];
    };

/** Where a packet came from. */
export interface LanSource {
  readonly address: string;
  readonly port: number;
}

/** Events of a socket. */
export interface EndpointListener {
  packet(packet: LanPacket, source: LanSource): void;
  /** Bytes that are no DNS message. */
  garbage(source: LanSource): void;
  /** The socket is of no use any more. */
  failed(error: Error): void;
}

/** Sends to one network. */
export interface Endpoint {
  readonly interface: LanInterface;
  /**
   * Sends to all, or to one.
   *
   * @throws the system's error if the packet could not be sent.
   */
  send(packet: OutgoingPacket, to?: LanSource): Promise<void>;
}

const GROUP_IPV4 = "224.0.0.251";
const GROUP_IPV6 = "ff02::fb";

/** RFC 6762, section 11: lets receivers see that nothing has forwarded the packet. */
const HOP_LIMIT = 255;

/** An open socket. It does not keep the process alive. */
export class LanEndpoint implements Endpoint {
  readonly interface: LanInterface;
  readonly #mdns: MulticastDns;
  readonly #listener: EndpointListener;
  #closed: Promise<void> | undefined;

  private constructor(lanInterface: LanInterface, mdns: MulticastDns, listener: EndpointListener) {
    this.interface = lanInterface;
    this.#mdns = mdns;
    this.#listener = listener;
  }

  /**
   * Opens a socket and joins the group, beside any other of this host that does.
   *
   * @throws the system's error, having closed the socket.
   */
  static async open(
    create: typeof createMulticastDns,
    lanInterface: LanInterface,
    { port, listener }: { readonly port: number; readonly listener: EndpointListener },
  ): Promise<LanEndpoint> {
    const { name } = lanInterface;
    const ipv4 = lanInterface.family === 4;
    const [group, local] = ipv4 ? [GROUP_IPV4, lanInterface.ipv4[0] ?? ""] : [GROUP_IPV6, `::%${name}`];
    const socket = createSocket(
      ipv4 ? { type: "udp4", reuseAddr: true } : { type: "udp6", reuseAddr: true, ipv6Only: true },
    );
    socket.unref();
    const mdns = create({
      socket,
      port,
      type: ipv4 ? "udp4" : "udp6",
      ip: ipv4 ? group : `${group}%${name}`,
      interface: local,
      bind: ipv4 ? "0.0.0.0" : "::",
      // Its own membership is for one address in all and keeps the process alive.
      multicast: false,
    });
    // Its own reader takes a packet of 64 KiB with names that refer to names for a quarter of a second.
    socket.removeAllListeners("message");
    const endpoint = new LanEndpoint(lanInterface, mdns, listener);
    // From here on no error is without a listener, however late it comes.
    mdns.on("error", (error: Error) => listener.failed(error));
    try {
      await once(mdns, "ready");
      socket.addMembership(group, local);
      socket.setMulticastInterface(local);
      socket.setMulticastTTL(HOP_LIMIT);
      socket.setMulticastLoopback(true);
    } catch (error) {
      await endpoint.close();
      throw error;
    }
    socket.on("message", (bytes, from) => endpoint.#receive(bytes, from));
    mdns.on("warning", (error: Error) => {
      if (endpoint.#closed === undefined) listener.failed(error);
    });
    return endpoint;
  }

  send(packet: OutgoingPacket, to?: LanSource): Promise<void> {
    if (this.#closed !== undefined) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const done = (error: Error | null): void => (error ? reject(error) : resolve());
      // Taken over: the encoder writes into the lists.
      if ("answers" in packet) {
        const { answers, questions = [], id = 0 } = packet;
        const message = { id, questions: asked(questions), answers: answers.map(asAnswer) };
        if (to === undefined) this.#mdns.respond(message, done);
        else this.#mdns.respond(message, { address: to.address, port: to.port }, done);
      } else {
        this.#mdns.query({ questions: asked(packet.questions) }, done);
      }
    });
  }

  /** Closes the socket. Idempotent. Packets handed over before are still sent. */
  close(): Promise<void> {
    this.#closed ??= new Promise((resolve) => {
      try {
        this.#mdns.destroy(resolve);
      } catch {
        // It never came to be open.
        resolve();
      }
    });
    return this.#closed;
  }

  #receive(bytes: Buffer, from: RemoteInfo): void {
    if (this.#closed !== undefined || !this.interface.isOnLink(from.address)) return;
    const packet = readLanPacket(bytes);
    if (packet === undefined) this.#listener.garbage(from);
    else this.#listener.packet(packet, from);
  }
}

/** The library's types leave ANY out, which it knows. */
function asked(questions: readonly LanQuestion[]): createMulticastDns.QueryOutgoingPacket["questions"] {
  return [...questions] as createMulticastDns.QueryOutgoingPacket["questions"];
}

function asAnswer(record: LanRecord): createMulticastDns.ResponseOutgoingPacket["answers"][number] {
  return record.type === "TXT" ? { ...record, data: [...record.data] } : { ...record };
}
