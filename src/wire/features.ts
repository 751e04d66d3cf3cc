/**
 * The numbers by which peers say which optional parts of the protocol they understand: in a Hello, in a Task on
 * `dispatch`, and in the Ack that answers it. A frame or field that needs a feature is never sent to a peer
 * that does not list it. Numbers travel and never change meaning; unknown ones are ignored.
 */

export const Feature = {
  /**
   * The whole grammar of a call: `Response.done`, and in requests `return`, `cancel`, `credit` and `signal`.
   * A peer without it gets a function's value as `result`, and learns of the end from the end of the stream.
   */
  Grammar: 1,
  /**
   * Binary beside a message, and messages in chunks. A peer without it gets each message whole, in one
   * frame and with its binary inside. On `dispatch` nobody has it: there are no frames for chunks.
   */
  Parts: 2,
  /**
   * What has come over a network says so wherever it goes from there: `TaskFlag.Tainted`, `Define.tainted`, and tainted
   * routines in payloads. A peer without it gets nothing that is tainted. On `dispatch` nobody has it.
   */
  Taint: 3,
  /**
   * Context variables: `Request.variables`, `Response.variables`. A peer without it gets none, and what its bodies
   * change stays there. On `dispatch` nobody has it.
   */
  Context: 4,
  /**
   * Long text in payloads as its code units: in Latin-1, or in UTF-16. A peer without it gets UTF-8. On `dispatch` nobody
   * has it.
   */
  TextUnits: 5,
  /**
   * Resources: `Task.held`, `Task.reservation` and `Task.reserve`. A worker without it has none that a caller knows of, and
   * gets no task that needs any. On `dispatch` nobody has it.
   */
  Resources: 6,
  /**
   * Answers are kept for a while by the key of their call, `Task.idempotency_key`. A peer without it is sent none, and runs
   * the body of every call.
   */
  Answers: 7,
  /**
   * Iterables, streams and callbacks among the arguments of a call: `Request.flow`, `Response.flow`, and what names them in
   * payloads. A peer without it gets no call that has any. On `dispatch` nobody has it.
   */
  Flows: 8,
  /**
   * Hand-over of streams from worker to worker: `Task.give`, `Task.take`, and the acts of flows that go with them. Streams
   * for and of a peer without it pass through their caller. On `dispatch` nobody has it.
   */
  HandOver: 9,
  /**
   * Objects of the platform in payloads: headers, blobs, forms, requests, responses, and objects of `Intl` and `Temporal`. A
   * peer without it gets none: what would hold one is refused by its sender. On `dispatch` nobody has it.
   */
  Platform: 10,
} as const;
export type Feature = (typeof Feature)[keyof typeof Feature];
