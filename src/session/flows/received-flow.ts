/** One end of a flow at whoever reads, writes or calls it. Types only. */
import type { FlowHead } from "../../wire/messages/flow.ts";
import type { Payload } from "../../wire/payload.ts";

/** What has come with a call or its answer, and goes on while that runs. */
export interface ReceivedFlow {
  /** A {@link FlowKind}: as what it has come. */
  readonly kind: number;
  /** What the routine has: an object or a function. */
  readonly value: unknown;
  /** Nothing more comes of it in any case. */
  readonly hasEnded: boolean;
  /**
   * Something has come from its owner.
   *
   * @param variables What that has changed of the context variables, encoded.
   * @returns What of the rules is broken; usually nothing.
   */
  take(head: FlowHead, payload: Payload, variables: Uint8Array | undefined): string | undefined;
  /** Nothing comes any more, and nothing can be sent. @param makeError Makes the error of whoever still uses it. */
  end(makeError: (what: string) => unknown): void;
}
