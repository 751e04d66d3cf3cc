/** A call as a dispatcher gets it: one to which the library itself may have added something. Types only. */
import type { CallRequest } from "../../context/dispatcher.ts";
import type { Amounts } from "../../internal/amounts.ts";
import type { ReservedPlace } from "./reserved-place.ts";

/** The call, and what it has beyond what its routine was called with. */
export interface PlacedRequest extends CallRequest {
  /** The reservation within which it is to run. */
  readonly within?: ReservedPlace | undefined;
  /** What it needs of a worker's resources. Default: what its routine does. */
  readonly needs?: Amounts | undefined;
  /** When it came, among others, if the dispatcher has put it off. Default: when it is to be sent. */
  readonly arrival?: number | undefined;
}
