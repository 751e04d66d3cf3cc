/**
 * Has a worker's callers on the network told that it ends because it was told to, also while a body blocks its main
 * thread: its listener thread tells them. Without that, they would lose their calls to a worker that has just vanished.
 */
import { controlSocketPath } from "../transport/unix/socket-path.ts";

/** How long the request may take; nobody waits for it. */
const TIMEOUT_MS = 1_000;

/**
 * The listener kills a worker that has not ended so long after it was asked to. Where its parent would wait for longer,
 * the listener must not be asked.
 */
export const LISTENER_KILLS_AFTER_MS = 5_000;

/**
 * Asks the listener. Never rejects: a worker that cannot be reached has gone, or announces its end itself.
 *
 * @param socketPath Of the worker's Unix socket.
 */
export async function announceEnd(socketPath: string): Promise<void> {
  try {
    const { requestStop } = await import("../transport/grpc/unary.ts"); // most programs need it for nothing else
    const address = `unix:${controlSocketPath(socketPath)}`;
    await requestStop(address, { graceMs: 0, timeoutMs: TIMEOUT_MS, background: true });
  } catch {
    // As above.
  }
}
