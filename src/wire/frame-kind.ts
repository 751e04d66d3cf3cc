/** The kinds of frames: the schema's nested oneofs as one flat list, on which the session switches. */

/** Every frame a batch can carry, flattened. The numbers are internal; they never travel. */
export const FrameKind = {
  /** The frame's own bytes are broken; the batch around it is intact. */
  Malformed: -1,
  /** A variant this version does not know. */
  Unknown: 0,
  Task: 1,
  Next: 2,
  Send: 3,
  Throw: 4,
  Return: 5,
  Cancel: 6,
  Credit: 7,
  Signal: 8,
  Ack: 9,
  Nack: 10,
  Result: 11,
  Exception: 12,
  Done: 13,
  Parked: 14,
  Hello: 15,
  GoAway: 16,
  Window: 17,
  Chunk: 18,
  Define: 19,
  Ping: 20,
  Pong: 21,
  Reset: 22,
  /** A Flow in a request. */
  CallerFlow: 23,
  /** A Flow in a response. */
  WorkerFlow: 24,
} as const;
export type FrameKind = (typeof FrameKind)[keyof typeof FrameKind];
