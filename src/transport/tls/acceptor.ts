/**
 * The worker's side of TLS: takes sockets through the handshake, and judges who has come. Keys are replaced while it
 * runs: new connections use the new ones, those there are go on. Whoever is not accepted learns why, and is never
 * served.
 */
import type { Socket } from "node:net";
import type { Server, TLSSocket } from "node:tls";
import { identitiesOf } from "../../credentials/peers/identities.ts";
import { isAccepted } from "../../credentials/peers/peer-judgement.ts";
import type { TrustMaterial, TrustPolicy } from "../../credentials/trust.ts";
import type { HandshakeReason } from "../../errors/handshake-error.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import { certificateFault, explainReason } from "./failure.ts";
import { nodeTls, workerContextOptions } from "./secure-context.ts";

/** What becomes of a socket. Exactly one of these is called, unless it ends by itself before. */
export interface TlsEvents {
  /** The handshake is complete and the caller accepted; in one-way TLS it has no identities. */
  secured(socket: TLSSocket, identities: readonly string[] | undefined): void;
  /** The caller is not accepted; the socket, in plain text for one that speaks no TLS, is there to tell it so. */
  refused(socket: Socket, reason: HandshakeReason, why: string): void;
  /** The handshake has failed, and the socket is destroyed. */
  failed(): void;
}

/** The first byte of a TLS connection: a record of the handshake. */
const HANDSHAKE_RECORD = 0x16;

/** Shakes hands with callers. One for a server. */
export class TlsAcceptor {
  readonly #server: Server;
  readonly #policy: TrustPolicy;
  readonly #handshakeMs: number;
  /** By the caller's address and port: Node shows no other way from the socket of TLS to the one below. */
  readonly #waiting = new Map<string, TlsEvents>();
  #endsAtMs: number | undefined;

  /** @param options `handshakeMs`: how long a caller may take for its handshake, in milliseconds. */
  constructor(
    trust: { readonly policy: TrustPolicy; readonly material: TrustMaterial },
    options: { readonly handshakeMs: number },
  ) {
    const { policy, material } = trust;
    this.#policy = policy;
    this.#handshakeMs = options.handshakeMs;
    this.#server = nodeTls().createServer({
      ...workerContextOptions(material),
      requestCert: policy.mutual,
      // Judged below: Node would end the connection without a word.
      rejectUnauthorized: false,
      ALPNProtocols: ["h2"],
      handshakeTimeout: options.handshakeMs,
    });
    this.#endsAtMs = material.endsAtMs;
    this.#server.on("secureConnection", (socket) => this.#secured(socket));
  }

  /** Uses other keys for new connections. */
  renew(material: TrustMaterial): void {
    this.#endsAtMs = material.endsAtMs;
    this.#server.setSecureContext(workerContextOptions(material));
  }

  /** Takes a socket that nobody has read from. */
  accept(socket: Socket, events: TlsEvents): void {
    let over = false;
    const key = keyOf(socket);
    const settle = (): boolean => {
      if (over) return false;
      over = true;
      deadlines.cancel(silence);
      this.#waiting.delete(key);
      return true;
    };
    const silence = deadlines.after(this.#handshakeMs, () => socket.destroy());
    socket.once("close", () => {
      if (settle()) events.failed();
    });
    socket.once("readable", () => {
      const first: Buffer | null = socket.read();
      if (first === null) return; // it ends
      socket.unshift(first);
      if (first[0] !== HANDSHAKE_RECORD) {
        if (settle()) events.refused(socket, "encrypted", explainReason("encrypted"));
      } else {
        this.#waiting.set(key, {
          ...events,
          secured: (...verdict) => settle() && events.secured(...verdict),
          refused: (...verdict) => settle() && events.refused(...verdict),
        });
        this.#server.emit("connection", socket);
      }
    });
  }

  #secured(socket: TLSSocket): void {
    const events = this.#waiting.get(keyOf(socket));
    if (events === undefined) return void socket.destroy(); // it has gone meanwhile
    // A caller that looks at the certificate has found out by itself, unless its clock is behind.
    if (this.#endsAtMs !== undefined && Date.now() >= this.#endsAtMs)
      return events.refused(socket, "expired", "its keys have ended, and it has no new ones yet");
    const certificate = this.#policy.mutual ? socket.getPeerX509Certificate() : undefined;
    if (!this.#policy.mutual) return events.secured(socket, undefined);
    if (certificate === undefined)
      return events.refused(socket, "certificate-missing", explainReason("certificate-missing"));
    // Said to the other side: "it" is this worker.
    const refuse = (why: string): void => events.refused(socket, "certificate-refused", why);
    if (!socket.authorized) return refuse(certificateFault(socket.authorizationError));
    const identities = identitiesOf(certificate);
    if (isAccepted(identities, { policy: this.#policy })) return events.secured(socket, identities);
    refuse(`its 'peers' do not include ${shownBriefly(identities.join(", "))}`);
  }
}

function keyOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`;
}
