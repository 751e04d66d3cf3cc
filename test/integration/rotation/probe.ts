/** Which pair a side presents to a new connection. */
import { connect as connectTls } from "node:tls";
import { WorkerConnection, type WorkerMetadata } from "merino";
import type { IssuedCertificate } from "../../support/issue-certificate.ts";
import { caller } from "../network-worker/fixtures/network-routines.ts";
import { pairNumber, type RotatedPair } from "./rotated-pair.ts";

const HOST = "127.0.0.1";

/**
 * The number of the pair that the worker presents.
 *
 * @param own With which the worker is asked, by nothing but TLS.
 * @throws Error if there is no handshake.
 */
export async function pairOfWorker({ address }: WorkerMetadata, own: IssuedCertificate): Promise<number> {
  const { ca, cert, key } = own;
  const port = Number(address.split(":").at(-1));
  const socket = connectTls({ host: HOST, port, ca, cert, key, ALPNProtocols: ["h2"] });
  try {
    await new Promise((resolve, reject) => {
      socket.once("secureConnect", resolve);
      socket.once("error", reject);
      socket.once("close", () => reject(new Error("closed without a handshake")));
    });
    const names = socket.getPeerX509Certificate()?.subjectAltName?.split(", ") ?? [];
    return pairNumber(
      names.map((name) => name.replace(/^URI:/, "")),
      "worker",
    );
  } finally {
    socket.destroy();
  }
}

/** The number of the pair that a caller presents, as the worker knows it. */
export async function pairOfCaller(worker: WorkerMetadata, { credentials }: RotatedPair): Promise<number> {
  await using connection = new WorkerConnection(worker, { credentials, timeout: 20_000 });
  return pairNumber((await caller.with({ pool: connection })()).identities ?? [], "caller");
}
