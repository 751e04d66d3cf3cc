/** What a dispatcher is made of. */
import type { Balancer } from "../../balancer/balancer.ts";
import type { References } from "../../codec/references.ts";
import type { Definable } from "../../session/definitions.ts";
import type { MemberSupply } from "../membership/member-supply.ts";
import type { Members } from "../placement/placement.ts";
import type { Overflow } from "../waiting/queue-bound.ts";
import type { TaskEventSink } from "./call-reporter.ts";

/** Parts and settings of a dispatcher. */
export interface CallDispatcherOptions {
  readonly references: References;
  readonly balancer: Balancer;
  readonly members: Members;
  readonly supply: MemberSupply;
  /** Whether there may be workers in threads of this process. Default false. */
  readonly hasThreads?: boolean | undefined;
  /** How long calls wait for a member when there is none, in milliseconds. */
  readonly waitTimeoutMs: number;
  /** How long a cancelled call's worker may leave a ping unanswered, in milliseconds. */
  readonly killGraceMs: number;
  /** The descriptor that travels with each task, for calls nested in it; absent: none does. */
  readonly descriptor?: Definable | undefined;
  /** How many calls may wait. Default: any number. */
  readonly maxQueue?: number | undefined;
  /** What becomes of further ones. Default: they fail. */
  readonly overflow?: Overflow | undefined;
  /** Told of each call. Absent: nobody is. */
  readonly events?: TaskEventSink | undefined;
  /** Told when there is a call and was none. Absent: nobody is. */
  readonly begun?: (() => void) | undefined;
}
