/** Stand-ins for calls and members, with no more than the small classes of the client look at. */

import type { Call } from "../../src/client/call/call.ts";
import type { Offer } from "../../src/client/call/offer.ts";
import type { RefusalRecord } from "../../src/client/call/refusal-record.ts";
import type { Member } from "../../src/client/members/member.ts";
import { Occupancy } from "../../src/client/members/occupancy.ts";
import { ReadyMembers } from "../../src/client/members/ready-members.ts";
import type { RoutineLimit } from "../../src/client/members/routine-limits.ts";
import type { Amounts } from "../../src/internal/amounts.ts";

/** What a test may say about a call. */
export interface CallWish {
  readonly nested?: boolean;
  readonly tag?: string;
  readonly us?: number | undefined;
  readonly large?: boolean;
  readonly needsThread?: boolean;
  readonly priority?: number;
  readonly needs?: Amounts;
}

let calls = 0;

/** A call of which nothing is real but what is asked for here. */
export function stubCall(name: string, wish: CallWish = {}) {
  const failures: unknown[] = [];
  const aborts: unknown[] = [];
  calls += 1;
  const call = {
    name,
    arrival: calls,
    arrives() {},
    nested: wish.nested ?? false,
    tag: wish.tag,
    routine: name,
    definition: { id: name, module: undefined },
    estimate: { us: wish.us },
    get roomUs(): number | undefined {
      return call.overdue ? 0 : wish.us;
    },
    overdue: false,
    becomesOverdue() {
      call.overdue = true;
    },
    large: wish.large ?? false,
    needsThread: wish.needsThread ?? false,
    needs: wish.needs,
    waitsForResources: true,
    limit: undefined as RoutineLimit | undefined,
    waitsSinceMs: 0,
    waits() {
      call.waitsSinceMs ||= 1;
    },
    priority: wish.priority ?? 0,
    rank: wish.priority ?? 0,
    settled: false,
    phase: "queued",
    stream: 0,
    member: undefined as Member | undefined,
    queuePlace: undefined,
    offer: undefined as Offer | undefined,
    refusals: undefined as RefusalRecord | undefined,
    occupiesThread: false,
    lastUid: "",
    failures,
    aborts,
    prepare() {},
    sent(member: Member, stream: number) {
      call.member = member;
      new Occupancy(call, member);
      call.stream = stream;
      call.phase = "sent";
    },
    fail: (error: unknown) => failures.push(error),
    abort: (reason: unknown) => aborts.push(reason),
  };
  // The classes under test know calls by this type and touch no other field.
  return call as typeof call & Call;
}

/** A member whose room the test decides. It keeps what a call takes up. */
export function stubMember(uid: string, ready: ReadyMembers<Member> = new ReadyMembers()) {
  const opened: unknown[] = [];
  const member = {
    uid,
    place: -1,
    level: 0,
    inFlight: 0,
    permits: 0,
    aheadUs: 0,
    aheadCount: 0,
    transferUs: 0,
    transferCount: 0,
    completed: 0,
    draining: false,
    inThread: false,
    ready: true,
    free: true,
    state: { kind: "ready" },
    opened,
    session: {
      routineRef: () => 1,
      proxyRef: () => 0,
      openStream: (call: unknown) => opened.push(call),
    },
    get room(): boolean {
      return ready.hasRoom(member as unknown as Member);
    },
    hasRoom: () => member.free && !member.draining,
    moved: () => ready.moved(member as unknown as Member),
    eased: () => ready.eased(member as unknown as Member),
  };
  // As above: a member for whoever looks at these fields only.
  const stub = member as unknown as typeof member & Member;
  ready.join(stub);
  return stub;
}
