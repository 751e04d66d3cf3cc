/** Stand-ins for tasks and members, with no more than the small classes of the client look at. */

import type { OutgoingTask } from "../../src/client/call/outgoing-task.ts";
import type { TaskRefusals } from "../../src/client/call/task-refusals.ts";
import type { Member } from "../../src/client/members/member.ts";
import { ReadyMembers } from "../../src/client/members/ready-members.ts";

/** What a test may say about a task. */
export interface TaskWish {
  readonly nested?: boolean;
  readonly tag?: string;
  readonly us?: number | undefined;
}

/** A task of which nothing is real but what is asked for here. */
export function stubTask(name: string, wish: TaskWish = {}) {
  const failures: unknown[] = [];
  const aborts: unknown[] = [];
  const task = {
    name,
    nested: wish.nested ?? false,
    tag: wish.tag,
    routine: name,
    definition: { id: name, module: undefined },
    estimate: { us: wish.us },
    settled: false,
    phase: "queued",
    stream: 0,
    member: undefined as Member | undefined,
    node: undefined,
    queue: undefined,
    refusals: undefined as TaskRefusals | undefined,
    reserved: false,
    reservedUs: 0,
    permit: false,
    lastUid: "",
    proxyRef: 0,
    routineRef: 0,
    failures,
    aborts,
    prepare() {},
    sent(member: Member, stream: number) {
      task.member = member;
      task.stream = stream;
      task.phase = "sent";
    },
    fail: (error: unknown) => failures.push(error),
    abort: (reason: unknown) => aborts.push(reason),
  };
  // The classes under test know tasks by this type and touch no other field.
  return task as typeof task & OutgoingTask;
}

/** A member whose room the test decides. It keeps what a task takes up. */
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
    completed: 0,
    draining: false,
    ready: true,
    free: true,
    state: { kind: "ready" },
    opened,
    session: {
      routineRef: () => 1,
      proxyRef: () => 0,
      openStream: (task: unknown) => opened.push(task),
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
