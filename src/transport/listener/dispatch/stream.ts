/**
 * Connects three things: a gRPC `dispatch` call, the relay that translates its messages, and the carrier to the thread
 * that runs its task. It handles back-pressure and the end of either side; `relay.ts` handles the messages.
 */
import { CARRIER_HEADROOM } from "../../../session/carrier.ts";
import type { PortCarrier } from "../../thread/port-carrier.ts";
import type { ServerCall, ServerCallEvents } from "../server-call.ts";
import { DispatchRelay } from "./relay.ts";

const NO_HEAD = new Uint8Array(CARRIER_HEADROOM);

/**
 * Connects a call with a carrier, until either ends.
 *
 * @returns What the call is to tell.
 */
export function relayDispatch(
  call: Pick<ServerCall, "send" | "pause" | "resume" | "setBacklog" | "end">,
  carrier: PortCarrier,
): ServerCallEvents {
  /** Answers wait for the caller to read them. */
  let unread = false;
  /** The task is over. Its session ends when the answers have been read: until then the thread counts them as unread. */
  let over = false;
  const relay = new DispatchRelay(
    {
      send: (batch) => {
        if (carrier.send(NO_HEAD, batch)) return;
        call.pause();
        call.setBacklog(carrier.backlogBytes);
      },
      close: () => {
        over = true;
        if (!unread) carrier.close();
      },
    },
    {
      response: (bytes) => {
        if (call.send(bytes)) return;
        unread = true;
        carrier.pauseCredit();
      },
      end: (status) => call.end(status),
    },
  );
  carrier.events = {
    batch: (bytes, start, end) => relay.batch(bytes, start, end),
    drain() {
      call.setBacklog(0);
      call.resume();
    },
    closed: (error) => relay.closed(error),
  };
  return {
    message: (bytes, start, end) => relay.request(bytes.subarray(start, end)),
    drain() {
      unread = false;
      if (over) carrier.close();
      else carrier.resumeCredit();
    },
    halfClosed: () => relay.halfClosed(),
    closed() {
      if (over) carrier.close();
      else relay.cancelled();
      // Nobody reads the stream any more: what the thread still sends is dropped, so let it go on sending. Behind the
      // cancellation, so that it makes no more answers.
      carrier.resumeCredit();
    },
  };
}
