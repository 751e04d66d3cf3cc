/**
 * Gives memory outside the heap back at once, by whoever knows that nobody refers to it any more. Left to the collector
 * of garbage it stays until tens of megabytes of such have gathered, in each thread, however little is allowed to be held.
 */
import { MessageChannel } from "node:worker_threads";

/** Smaller pieces are not worth the call. */
const LEAST_BYTES = 16 * 1024;

/** Node 20 does not have it. */
const transfer = (ArrayBuffer.prototype as { transfer?(this: ArrayBuffer, lengthBytes: number): ArrayBuffer })
  .transfer;

/** What is transferred to a port that is closed is gone. */
let nowhere: MessageChannel["port1"] | undefined;

/**
 * Gives the memory of a view back, if the view is all of it. The view, and every other of the same memory, is of length
 * 0 afterwards.
 */
export function releaseMemory(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length < LEAST_BYTES || !ownsMemory(bytes) || !(buffer instanceof ArrayBuffer)) return;
  if (transfer === undefined) portToNowhere().postMessage(undefined, [buffer]);
  else transfer.call(buffer, 0);
}

/** Whether a view is all of its memory. */
export function ownsMemory({ byteLength, buffer }: Uint8Array): boolean {
  return byteLength === buffer.byteLength;
}

function portToNowhere(): MessageChannel["port1"] {
  if (nowhere === undefined) {
    const { port1, port2 } = new MessageChannel();
    port2.close();
    port1.unref();
    nowhere = port1;
  }
  return nowhere;
}
