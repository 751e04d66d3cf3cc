/**
 * The caller's side of TLS: connects, and makes sure that the other side is the worker that is meant. It goes by the
 * worker's certificate alone, never by what a record or the worker itself says.
 */
import type { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import type { ConnectionOptions, TLSSocket } from "node:tls";
import { judgeWorker } from "../../credentials/peers/peer-judgement.ts";
import type { Trust } from "../../credentials/trust.ts";
import { assertUsable } from "../../credentials/uses.ts";
import { HandshakeError } from "../../errors/handshake-error.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import { classifyTlsError } from "./failure.ts";
import { callerContext, nodeTls } from "./secure-context.ts";

/** Where to connect to, and who should be there. */
export interface ConnectTlsOptions {
  readonly host: string;
  readonly port: number;
  readonly trust: Trust;
  /** The name that the worker's certificate has to present. Absent: one that `peers` allows, or the host. */
  readonly identity?: string | undefined;
  readonly timeoutMs: number;
}

/**
 * Connects, and shakes hands.
 *
 * @returns A socket to the worker that is meant, which nobody reads from yet. It does not keep the process alive.
 * @throws {@link HandshakeError}, with the reason if credentials are to blame.
 * @throws {@link CredentialsError} if this side has none that may be used.
 */
export async function connectTls(options: ConnectTlsOptions): Promise<TLSSocket> {
  const { host, port, trust, timeoutMs } = options;
  const endMs = deadlines.now() + timeoutMs;
  const material = await trust.current();
  assertUsable(material, trust.policy, "caller");
  const { mutual } = trust.policy;
  const how: ConnectionOptions = {
    host,
    port,
    secureContext: callerContext(material, { mutual }),
    ALPNProtocols: ["h2"],
    // Names of hosts only: an address may not be asked for by name.
    ...(isIP(host) === 0 ? { servername: host } : {}),
  };
  return new Promise((resolve, reject) => {
    // The certificate of the socket and not the one that is handed over, of which only the bytes could be used: to parse
    // these again takes a third of the handshake.
    const check = (): Error | undefined => judge(socket.getPeerX509Certificate(), options);
    const socket: TLSSocket = nodeTls().connect({ ...how, checkServerIdentity: check });
    socket.unref();
    socket.setNoDelay(true);
    const fail = (error: HandshakeError): void => {
      deadlines.cancel(timeout);
      socket.destroy();
      reject(error);
    };
    const timeout = deadlines.add(endMs, () => {
      const what = socket.pending || socket.connecting ? "connection" : "TLS handshake";
      fail(new HandshakeError(`no ${what} within ${timeoutMs} ms`));
    });
    socket.once("error", (cause) => {
      socket.on("error", () => {}); // what may still follow
      if (cause instanceof HandshakeError) return fail(cause);
      const { reason, why } = classifyTlsError(cause);
      fail(new HandshakeError(why, { reason, cause }));
    });
    socket.once("secureConnect", () => {
      deadlines.cancel(timeout);
      socket.removeAllListeners("error");
      resolve(socket);
    });
  });
}

/** Called once the certificate has been found to lead to a known authority, so that there is one. */
function judge(
  certificate: X509Certificate | undefined,
  { host, identity, trust }: ConnectTlsOptions,
): Error | undefined {
  if (certificate === undefined) return new HandshakeError("it presents no certificate");
  const strange = judgeWorker(certificate, { trust, identity, host });
  if (strange === undefined) return undefined;
  const { expected, presented } = strange;
  const names = presented.length === 0 ? "no name" : shownBriefly(presented.join(", "));
  return new HandshakeError(`expected ${expected}, but its certificate presents ${names}`, {
    reason: "name-mismatch",
  });
}
