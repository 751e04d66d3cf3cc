/** The iterables, streams and callbacks that have come with one call, or with its answer, by the numbers that these name. */

import { FlowKind } from "../../codec/format.ts";
import type { FlowSource } from "../../codec/references.ts";
import type { FlowHead } from "../../wire/messages/flow.ts";
import type { Payload } from "../../wire/payload.ts";
import type { FlowLink } from "./flow-link.ts";
import { MAX_FLOWS } from "./limits.ts";
import { ReceivedCallback } from "./received-callback.ts";
import type { ReceivedFlow } from "./received-flow.ts";
import { ReceivedIterable } from "./received-iterable.ts";

/** Of one call. */
export class ReceivedFlows implements FlowSource {
  readonly #link: FlowLink;
  readonly #flows = new Map<number, ReceivedFlow>();

  constructor(link: FlowLink) {
    this.#link = link;
  }

  get size(): number {
    return this.#flows.size;
  }

  flowOf(kind: number, index: number): unknown {
    const known = this.#flows.get(index);
    if (known !== undefined) return known.kind === kind ? known.value : "it names two things by one number";
    if (this.#flows.size >= MAX_FLOWS)
      return `it has more than ${MAX_FLOWS} iterables, streams and callbacks`;
    const flow = this.#make(kind, index);
    if (flow === undefined) return "it holds an iterable, a stream or a callback of an unknown kind";
    this.#flows.set(index, flow);
    return flow.value;
  }

  /** As {@link OwnFlows.take}. */
  take(head: FlowHead, payload: Payload, variables?: Uint8Array): string | undefined {
    const flow = this.#flows.get(head.index);
    return flow === undefined
      ? `a message for flow ${head.index}, which there is not`
      : flow.take(head, payload, variables);
  }

  /** Nothing comes any more; what has come of those that have ended may still be read. @param makeError As of `end`. */
  endOpen(makeError: (what: string) => unknown): void {
    for (const flow of this.#flows.values()) if (!flow.hasEnded) flow.end(makeError);
  }

  /** Nothing comes any more, and nothing is read. @param makeError Makes the error of whoever still uses one of them. */
  end(makeError: (what: string) => unknown): void {
    for (const flow of this.#flows.values()) flow.end(makeError);
  }

  #make(kind: number, index: number): ReceivedFlow | undefined {
    switch (kind) {
      case FlowKind.ITERABLE:
      case FlowKind.READABLE:
        return new ReceivedIterable(index, kind, this.#link);
      case FlowKind.WRITABLE:
      case FlowKind.CALLBACK:
        return new ReceivedCallback(index, kind, this.#link);
      default:
        return undefined;
    }
  }
}
