/**
 * Asks a worker that is not a member who it is: connects, waits for its Hello, and leaves. Checks only what
 * every connection requires: the worker greets once, is the expected one, and has a version and codec that this side
 * understands. It applies no rules of a pool.
 */
import { runOutsideScope } from "../../context/scope.ts";
import { HandshakeError } from "../../errors/handshake-error.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import { ClientSession } from "../../session/client-session.ts";
import type { Hello } from "../../wire/frames.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { ConnectOptions } from "./member-connection.ts";

/**
 * Connects to a worker and leaves again.
 *
 * @param signal Aborts the attempt; the promise then rejects with its reason.
 * @returns Its Hello.
 * @throws {@link HandshakeError} if the worker does not greet in time, is not the one expected, or ends the
 *   connection first.
 * @throws {@link VersionError} if its major version differs; {@link ProtocolError} if it breaks the protocol.
 */
export function probeWorker(
  worker: WorkerMetadata,
  options: ConnectOptions,
  signal: AbortSignal,
): Promise<Hello> {
  const { uid, address } = worker;
  return new Promise((resolve, reject) => {
    let session: ClientSession | undefined;
    let over = false;
    const end = (settle: () => void): void => {
      if (over) return;
      over = true;
      deadlines.cancel(timeout);
      signal.removeEventListener("abort", onAbort);
      session?.connection.close();
      settle();
    };
    const fail = (error: unknown): void => end(() => reject(error));
    const onAbort = (): void => fail(signal.reason);
    const timeout = deadlines.after(options.connectTimeoutMs, () =>
      fail(
        new HandshakeError(
          `Cannot connect to worker '${uid}' at '${address}': no greeting within ${options.connectTimeoutMs} ms`,
        ),
      ),
    );
    signal.addEventListener("abort", onAbort);
    runOutsideScope(() => options.connect(worker)).then((carrier) => {
      if (over) {
        carrier.destroy();
        return;
      }
      session = new ClientSession(carrier, options.hello(), {
        ready: (hello) => {
          if (hello.uid === uid) end(() => resolve(hello));
          else fail(new HandshakeError(`Expected worker '${uid}' at '${address}', found '${hello.uid}'`));
        },
        goAway: (frame) =>
          fail(new HandshakeError(`Worker '${uid}' ended the connection: ${shownBriefly(frame.detail)}`)),
        pong() {},
        progress() {},
        closed: (error) =>
          fail(error ?? new HandshakeError(`Worker '${uid}' at '${address}' closed the connection`)),
      });
    }, fail);
  });
}
