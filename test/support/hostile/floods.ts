/** Floods of small frames, as a hostile client sends them: each a batch of its own, or many in one. */

import { NO_PAYLOAD } from "../../../src/wire/payload.ts";
import { encodeChunkHead } from "../chunk-head.ts";
import { batchOf, headOf, payloadOf } from "../protocol-peers.ts";

const HEADROOM = 4;

/** Makes the batch of one turn; turns count from 1. */
export type Flood = (turn: number) => Uint8Array;

/**
 * The floods, by what they consist of.
 *
 * @param frames Frames of each batch.
 * @param routine Identity of a routine that the worker serves.
 */
export function floodsOf(frames: number, routine: string): Readonly<Record<string, Flood>> {
  const each = (turn: number, write: (n: number) => void): void => {
    for (let n = 0; n < frames; n++) write((turn - 1) * frames + n + 1);
  };
  const task = headOf({ callable: routine });
  return {
    pings: (turn) => batchOf((writer) => each(turn, (n) => writer.ping(n))),
    tasks: (turn) => batchOf((writer) => each(turn, (n) => writer.task(n, task, payloadOf([1, 2])))),
    resets: (turn) =>
      batchOf((writer) =>
        each(turn, (n) => {
          writer.task(n, task, payloadOf([1, 2]));
          writer.reset(n, 0, "");
        }),
      ),
    definitions: (turn) =>
      batchOf((writer) =>
        each(turn, (n) =>
          writer.define({ kind: 3, index: (n % 60_000) + 1, value: Buffer.from("a"), location: "" }),
        ),
      ),
    "empty chunks": (turn) => {
      const chunk = encodeChunkHead(1, 0, 0, true, 0).subarray(HEADROOM);
      const first =
        turn === 1
          ? batchOf((writer) => writer.task(1, headOf({ callable: routine, parts: 20_000 }), NO_PAYLOAD))
          : new Uint8Array(0);
      return Buffer.concat([first, ...Array.from({ length: frames }, () => chunk)]);
    },
  };
}
