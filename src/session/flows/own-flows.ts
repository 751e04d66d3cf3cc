/** The iterables, streams and callbacks among the arguments of one call, or in its answer, at the end that has them. */
import { callbackFunction } from "../../codec/beside/callback.ts";
import { FlowKind } from "../../codec/format.ts";
import { FlowAct, type FlowHead } from "../../wire/messages/flow.ts";
import type { Payload } from "../../wire/payload.ts";
import type { FlowLink, FlowsOwner, OwnFlow } from "./flow-link.ts";
import { isToken, NOT_AWAY, NOT_GIVABLE } from "./hand-over.ts";
import { MAX_FLOWS } from "./limits.ts";
import { type Called, OwnCallback } from "./own-callback.ts";
import { OwnIterable } from "./own-iterable.ts";
import { OwnWritable } from "./own-writable.ts";

/** By their numbers. */
export class OwnFlows {
  readonly #link: FlowLink;
  readonly #owner: FlowsOwner | undefined;
  readonly #flows: OwnFlow[] = [];

  constructor(link: FlowLink, owner?: FlowsOwner) {
    this.#link = link;
    this.#owner = owner;
  }

  get size(): number {
    return this.#flows.length;
  }

  /** @returns Its number, or why it cannot be one more, as a clause. */
  add(value: object, kind: FlowKind): number | string {
    const index = this.#flows.length;
    if (index >= MAX_FLOWS) return `more than ${MAX_FLOWS} iterables, streams and callbacks are in one call`;
    this.#flows.push(this.#make(index, value, kind));
    return index;
  }

  /**
   * Something has come for one of them.
   *
   * @param variables Changes of context variables that have come with it, encoded.
   * @returns What of the rules is broken; usually nothing.
   */
  take(head: FlowHead, payload: Payload, variables?: Uint8Array): string | undefined {
    const { index, act, number, taken } = head;
    const flow = this.#flows[index];
    if (flow === undefined) return `a message for flow ${index}, which there is not`;
    switch (act) {
      case FlowAct.Pull:
        return flow.pull(number, taken, variables);
      case FlowAct.Stop:
        if (flow.stop(payload.start === payload.end ? undefined : this.#read(payload))) this.#unwanted();
        return undefined;
      case FlowAct.Call: {
        const parameters = this.#read(payload);
        if (!Array.isArray(parameters)) return "the arguments of a callback are no list that can be read";
        return flow.call(number, parameters, { variables, trace: head.trace });
      }
      case FlowAct.Give: {
        const token = this.#read(payload);
        return isToken(token) && flow.give !== undefined ? flow.give(token, variables) : NOT_GIVABLE;
      }
      case FlowAct.Here:
        return flow.here === undefined ? NOT_AWAY : flow.here();
      default:
        return "a message of a flow from its wrong end";
    }
  }

  /** The call has ended. @param failure Why, if not well. */
  end(failure: { readonly reason: unknown } | undefined): void {
    for (const flow of this.#flows) flow.end(failure);
  }

  /** As far as it can be read: else it is an error. */
  #read(payload: Payload): unknown {
    try {
      return this.#link.decode(payload);
    } catch (error) {
      return error;
    }
  }

  #make(index: number, value: object, kind: FlowKind): OwnFlow {
    switch (kind) {
      case FlowKind.CALLBACK:
        return new OwnCallback(index, callbackFunction(value) as Called, this.#link);
      case FlowKind.WRITABLE:
        return new OwnWritable(index, value as WritableStream, this.#link);
      default:
        return new OwnIterable(index, value, {
          link: this.#link,
          owner: this.#owner,
          unwanted: () => this.#unwanted(),
        });
    }
  }

  /** An item of one is being awaited in vain. */
  #unwanted(): void {
    if (!this.#flows.some(({ isOpen }) => isOpen)) this.#owner?.flowsUnwanted();
  }
}
