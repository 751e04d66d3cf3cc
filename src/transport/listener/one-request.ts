/** Methods whose calls have one request, which is served when the caller has said that it is the only one. */
import type { Peer } from "../../credentials/peers/peer.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import type { CallStatus, ServerCall, ServerMethod } from "./server-call.ts";

/** The longest request: a name, a number, or nothing. */
const MAX_REQUEST_BYTES = 4 * 1024;

const TOO_MANY_REQUESTS = "The call takes one request";

/** A method of one request and one answer: bytes, or the status that stands for them. A promise of one never rejects. */
export function unary(
  answer: (request: Uint8Array, peer: Peer) => Uint8Array | CallStatus | Promise<Uint8Array | CallStatus>,
): ServerMethod {
  return oneRequest((request, call) => {
    const answered = answer(request, call.peer);
    if (answered instanceof Promise) void answered.then((later) => give(call, later));
    else give(call, answered);
    return undefined;
  });
}

/**
 * A method of one request and any number of answers.
 *
 * @param serve Serves the call, and may return what is to happen when it is over.
 */
export function oneRequest(
  serve: (request: Uint8Array, call: ServerCall) => (() => void) | undefined,
): ServerMethod {
  return {
    maxMessageBytes: MAX_REQUEST_BYTES,
    open(call) {
      let request: Uint8Array | undefined;
      let over: (() => void) | undefined;
      return {
        message(bytes, start, end) {
          if (request !== undefined) call.end({ code: GrpcStatus.UNIMPLEMENTED, details: TOO_MANY_REQUESTS });
          request = bytes.subarray(start, end);
        },
        drain() {},
        halfClosed() {
          if (request !== undefined) over = serve(request, call); // a call is opened by its first message
        },
        closed: () => over?.(),
      };
    },
  };
}

function give(call: ServerCall, answer: Uint8Array | CallStatus): void {
  if (!(answer instanceof Uint8Array)) return call.end(answer);
  call.send(answer);
  call.end();
}
