/** Both ends of the flows of one call, without a session between them: messages arrive a turn later, and are recorded. */
import { decodeValue } from "../../src/codec/decode/decoder.ts";
import { encodeThrown, encodeValue } from "../../src/codec/encode/encoder.ts";
import type { FlowKind } from "../../src/codec/format.ts";
import { type Bindings, NO_BINDINGS } from "../../src/context/variables/bindings.ts";
import { processReferences as references } from "../../src/routine/process-references.ts";
import { FlowContext, type FlowContextHost } from "../../src/session/context/flow-context.ts";
import type { Deferrable } from "../../src/session/deferred-work.ts";
import type { FlowLink } from "../../src/session/flows/flow-link.ts";
import { OwnFlows } from "../../src/session/flows/own-flows.ts";
import { ReceivedFlows } from "../../src/session/flows/received-flows.ts";
import type { FlowHead } from "../../src/wire/messages/flow.ts";
import type { Payload } from "../../src/wire/payload.ts";

/** A message that one end has sent. */
export type SentFlow = FlowHead & {
  readonly from: "owner" | "reader";
  readonly value: unknown;
  /** Changes of context variables that go with it, encoded. */
  readonly variables: Uint8Array | undefined;
};

type Deliver = (head: FlowHead, payload: Payload, variables: Uint8Array | undefined) => string | undefined;

/**
 * @param aheadBytes How many bytes of items may be on their way.
 * @param told What both ends know of the context variables.
 */
export function flowPair({
  aheadBytes = 1024 * 1024,
  told = NO_BINDINGS,
}: {
  readonly aheadBytes?: number;
  readonly told?: Bindings;
} = {}) {
  const sent: SentFlow[] = [];
  const problems: string[] = [];
  let kept = 0;
  let awaited = 0;
  const deferred = new Set<Deferrable>();
  const readers = { areFull: false };
  const decode = (payload: Payload): unknown => decodeValue(payload, { references, source: { local: true } });
  let held = 0;
  const link = (from: SentFlow["from"], deliver: Deliver) =>
    ({
      routine: "jobs.ts#test",
      peerWindow: aheadBytes,
      ownWindow: aheadBytes,
      encode: (value, root) => encodeValue(value, { root, references }),
      encodeThrown: (error) => encodeThrown(error, { root: "error", references }),
      decode,
      context() {
        const host: FlowContextHost = {
          contextOptions: () => ({ references, back: from === "reader" }),
          contextOrigin: () => ({
            references,
            source: { local: true },
            module: undefined,
            routine: "jobs.ts#test",
          }),
          holds() {},
        };
        return new FlowContext(host, () => told);
      },
      holds(bytes) {
        held += bytes;
      },
      send(head, { bytes, start, end, parts }, variables) {
        const payload = { bytes: bytes.slice(start, end), start: 0, end: end - start, parts };
        sent.push({ ...head, from, value: start === end ? undefined : decode(payload), variables });
        queueMicrotask(() => {
          const problem = deliver(head, payload, variables);
          if (problem !== undefined) problems.push(problem);
        });
      },
      keep(payload) {
        kept += 1;
        return payload;
      },
      release({ start, end }) {
        if (start !== end) kept -= 1;
      },
      defers(work) {
        if (readers.areFull) deferred.add(work);
        return readers.areFull;
      },
      givesUp(work) {
        deferred.delete(work);
      },
      awaits(isAwaited) {
        awaited += isAwaited ? 1 : -1;
      },
    }) satisfies FlowLink;
  const own: OwnFlows = new OwnFlows(link("owner", (...message) => received.take(...message)));
  const received: ReceivedFlows = new ReceivedFlows(link("reader", (...message) => own.take(...message)));
  return {
    own,
    received,
    /** Whether the connection takes no more of what is read; what waits for that. */
    readers,
    deferred,
    /** In the order of being sent. */
    sent,
    /** Rules that an end has broken. */
    problems,
    /** Payloads that are kept until they are read. */
    kept: () => kept,
    /** Bytes of variables that are kept with them. */
    held: () => held,
    /** Flows of which somebody awaits an item. */
    awaited: () => awaited,
    /** Passes a value on, and gives what has arrived. */
    pass<T>(value: object, kind: FlowKind): T {
      return received.flowOf(kind, own.add(value, kind) as number) as T;
    },
  };
}
