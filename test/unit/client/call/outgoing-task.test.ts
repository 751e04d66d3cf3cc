/** What a Task says of what has come over a network. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeCall, TaskHead } from "../../../../src/client/call/outgoing-task.ts";
import { portable } from "../../../../src/codec/portable.ts";
import type { CallRequest } from "../../../../src/context/dispatcher.ts";
import type { RoutineDefinition } from "../../../../src/identity/routine-definition.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import type { ClientSession } from "../../../../src/session/client-session.ts";
import { TaskFlag } from "../../../../src/wire/task/flags.ts";

class Holder {
  readonly job: unknown;

  constructor(job: unknown) {
    this.job = job;
  }
}
portable(Holder, { id: "app/outgoing.js#Holder" });

const job = processReferences.resolveRoutine({
  id: "app/jobs.js#job",
  module: "file:///app/jobs.js",
  generator: false,
  tainted: true,
});

function requestFor(tainted: boolean): CallRequest {
  const definition: RoutineDefinition = {
    id: "app/jobs.js#job",
    name: "job",
    module: undefined,
    kind: "function",
    body: () => undefined,
    declaredIn: undefined,
    timeoutMs: undefined,
    routine: {},
    tainted,
  };
  return { definition, receiver: undefined, parameters: [], options: undefined, parent: undefined };
}

/** A session that has room for definitions. */
function sessionOf(takesTainted: boolean): ClientSession {
  // A head asks no more of a session than this.
  return { connection: { takesTainted }, routineRef: () => 7, proxyRef: () => 9 } as unknown as ClientSession;
}

test("TaskHead names a tainted routine by its identity, says so, and takes up no definition for it", () => {
  const [clean, tainted] = [false, true].map((isTainted) => {
    const request = requestFor(isTainted);
    const head = new TaskHead(request, 0);
    head.addressTo(sessionOf(true), request.definition, undefined);
    return [head.flags & TaskFlag.Tainted, head.routineRef, head.callable];
  });

  assert.deepEqual(clean, [0, 7, undefined]);
  assert.deepEqual(tainted, [TaskFlag.Tainted, 0, "app/jobs.js#job"]);
});

test("TaskHead leaves a tainted descriptor behind for a worker that would take it for one of this host", () => {
  const { definition, ...rest } = requestFor(false);
  const refs = [true, false].flatMap((takesTainted) =>
    [true, false].map((tainted) => {
      const head = new TaskHead({ definition, ...rest }, 0);
      head.addressTo(sessionOf(takesTainted), definition, {
        value: Buffer.from("{}"),
        location: "",
        tainted,
      });
      return head.proxyRef;
    }),
  );

  assert.deepEqual(refs, [9, 9, 0, 9]);
});

test("encodeCall says where the first tainted routine is, as its caller knows the place", () => {
  const options = { root: "args", references: processReferences };
  const paths = [
    encodeCall({ receiver: undefined, parameters: [1, { jobs: [job, job] }] }, options).tainted,
    encodeCall({ receiver: new Holder(job), parameters: [job] }, options).tainted,
    encodeCall({ receiver: new Holder(1), parameters: [new Holder(job)] }, options).tainted,
    encodeCall({ receiver: new Holder(1), parameters: [] }, options).tainted,
  ];

  assert.deepEqual(paths, ["args[1].jobs[0]", "this.job", "args[0].job", undefined]);
});
