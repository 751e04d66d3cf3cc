/** The exchange of context variables of one call, end by end. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { runInInnerScope } from "../../../../src/context/inner-scope.ts";
import { ContextVar } from "../../../../src/context/variables/context-var.ts";
import { currentBranch } from "../../../../src/context/variables/current-branch.ts";
import { fork } from "../../../../src/context/variables/fork.ts";
import { NETWORK } from "../../../../src/identity/taint.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import { routine } from "../../../../src/routine/routine.ts";
import { ContextExchange } from "../../../../src/session/context/context-exchange.ts";
import { type ContextChanges, decodeContextChanges } from "../../../../src/wire/messages/context-changes.ts";

const x = new ContextVar<unknown>("context-exchange.test x");
const oneWay = new ContextVar<unknown>("context-exchange.test one way", { back: false });
const references = processReferences;
const LOCAL = { references, source: { local: true }, module: undefined, routine: "local" };
const REMOTE = { references, source: NETWORK, module: undefined, routine: "remote" };

function told(exchange: ContextExchange, back = false): ContextChanges | undefined {
  const bytes = exchange.tell({ references, back });
  return bytes === undefined ? undefined : decodeContextChanges(Uint8Array.from(bytes));
}

/** What the caller of a call tells its worker, with these variables set. */
function sent(set: () => void): ContextChanges {
  return fork(() => {
    set();
    return told(new ContextExchange(currentBranch())) as ContextChanges;
  });
}

test("ContextExchange says nothing where nothing is set, and nothing twice", () => {
  fork(() => {
    const exchange = new ContextExchange(currentBranch());
    assert.equal(told(exchange), undefined);

    x.set(1);
    assert.equal(told(exchange)?.changes.length, 1);
    assert.equal(told(exchange), undefined);
  });
});

test("a branch whose values cannot change is encoded once for all its calls, until one of them is set", () => {
  fork(() => {
    x.set("a");
    const tell = () => new ContextExchange(currentBranch()).tell({ references, back: false });
    const first = tell();
    assert.equal(tell(), first);

    x.set("b");
    assert.notDeepEqual(tell(), first);
    x.set("a");
    assert.deepEqual(tell(), first);
  });
});

test("a branch with a value that can change is encoded for each call", () => {
  fork(() => {
    const value = { n: 1 };
    x.set(value);
    const seen = () => {
      const changes = told(new ContextExchange(currentBranch()));
      return ContextExchange.atWorker(changes, LOCAL).branch.bindings.get(x.id)?.value;
    };
    assert.deepEqual(seen(), { n: 1 });
    value.n = 2;
    assert.deepEqual(seen(), { n: 2 });
  });
});

test("a variable that does not come back is left out of what a worker tells, also where all was encoded before", () => {
  fork(() => {
    x.set("a");
    oneWay.set("b");
    const outward = told(new ContextExchange(currentBranch()));
    const back = told(new ContextExchange(currentBranch()), true);

    assert.equal(outward?.changes.length, 2);
    assert.deepEqual(
      back?.changes.map(({ name }) => name),
      [x.id],
    );
  });
});

test("ContextExchange tells again what was not sent", () => {
  fork(() => {
    x.set(1);
    const exchange = new ContextExchange(currentBranch());
    told(exchange);
    exchange.untell();

    assert.equal(told(exchange)?.changes.length, 1);
  });
});

test("a variable that a worker has not read goes on as the bytes that it came in", () => {
  const first = sent(() => x.set({ a: new Map([[1, 2]]) }));
  const worker = ContextExchange.atWorker(first, LOCAL);
  const second = told(new ContextExchange(worker.branch));

  assert.deepEqual(second?.changes, first.changes);
});

test("a variable whose value cannot be read here goes on as well", () => {
  const unreadable: ContextChanges = {
    changes: [{ name: "other#y", value: Uint8Array.of(0xc1), tainted: false }],
    stores: [],
    branch: [],
    spentTokens: [],
  };
  const worker = ContextExchange.atWorker(unreadable, LOCAL);

  assert.deepEqual(told(new ContextExchange(worker.branch))?.changes, unreadable.changes);
});

test("an object that was read is encoded anew, since it may have been changed", () => {
  const worker = ContextExchange.atWorker(
    sent(() => x.set({ n: 1 })),
    LOCAL,
  );
  runInInnerScope({ branch: worker.branch }, () => {
    (x.get() as { n: number }).n = 2;
  });
  const next = ContextExchange.atWorker(told(new ContextExchange(worker.branch)), LOCAL);

  assert.deepEqual(
    runInInnerScope({ branch: next.branch }, () => x.get()),
    { n: 2 },
  );
});

test("what has come over a network stays tainted, read or unread, however often it goes on", () => {
  const job = routine(
    async function job() {
      return 1;
    },
    { id: "context-exchange.test#job" },
  );
  for (const read of [true, false]) {
    const fromNetwork = ContextExchange.atWorker(
      sent(() => x.set({ job })),
      REMOTE,
    );
    const value = read ? runInInnerScope({ branch: fromNetwork.branch }, () => x.get()) : undefined;
    const onward = told(new ContextExchange(fromNetwork.branch));
    const local = ContextExchange.atWorker(onward, LOCAL);
    const again = told(new ContextExchange(local.branch));

    assert.notEqual((value as { job?: unknown } | undefined)?.job, job);
    assert.deepEqual([onward?.changes[0]?.tainted, again?.changes[0]?.tainted], [true, true]);
    const seen = runInInnerScope({ branch: local.branch }, () => x.get()) as { job: unknown };
    assert.notEqual(seen.job, job, "a routine from the network must not become one of this host");
  }
});

test("a variable without `back` is not told to the caller, and not taken from a body that tells it all the same", () => {
  const worker = ContextExchange.atWorker(undefined, LOCAL);
  runInInnerScope({ branch: worker.branch }, () => oneWay.set("inside"));
  assert.deepEqual(told(worker, true), undefined);

  fork(() => {
    oneWay.set("outside");
    const caller = new ContextExchange(currentBranch());
    told(caller);
    caller.merge(
      sent(() => oneWay.set("forced")),
      LOCAL,
    );
    assert.equal(oneWay.get(), "outside");
  });
});

test("a branch has no more variables than travel, whoever sets them", () => {
  const many = (prefix: string): ContextChanges => ({
    changes: Array.from({ length: 40 }, (_, index) => ({
      name: `${prefix}#${index}`,
      value: Uint8Array.of(0x08, 1),
      tainted: false,
    })),
    stores: [],
    branch: [],
    spentTokens: [],
  });
  const worker = ContextExchange.atWorker(many("a"), LOCAL);

  assert.throws(() => worker.follow(many("b"), LOCAL), { code: "ERR_MERINO_PROTOCOL" });
  fork(() => {
    const caller = new ContextExchange(currentBranch());
    caller.merge(many("a"), LOCAL);
    assert.throws(() => caller.merge(many("b"), LOCAL), { code: "ERR_MERINO_PROTOCOL" });
    assert.equal(currentBranch().bindings.size, 40);
  });
});
