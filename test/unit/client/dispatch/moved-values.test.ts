/** What becomes of moved values when a call is refused, cancelled, lost or cannot be sent. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { move } from "../../../../src/codec/beside/move.ts";
import { ContextVar } from "../../../../src/index.ts";
import { createNack } from "../../../../src/wire/messages/nack.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { useDispatcher } from "../../../support/use-dispatcher.ts";

const LARGE = 100_000;
const DRAINING = createNack(NackCode.DRAINING, "it ends");

/** Tells what has arrived. */
const bodies = {
  look: (value: unknown) => {
    const bytes = value as Uint8Array;
    return [bytes.length, bytes[1]];
  },
};

for (const threads of [["a", "b"], ["a"], ["b"], []]) {
  test(`a value moved to a worker that refuses the call goes on to the next; in threads: [${threads}]`, async () => {
    await using use = useDispatcher({ refusing: { a: DRAINING }, threads });
    use.add("a", {});
    await use.ready(1);
    const small = new Uint8Array(10).fill(7);
    const large = new Uint8Array(LARGE).fill(8);

    const calls = Promise.all([
      use.call("look", [move(small)]),
      use.call(
        "look",
        [{ 0: 0 }].map(() => move(large)),
      ),
    ]);
    use.add("b", bodies);

    assert.deepEqual(await calls, [
      [10, 7],
      [LARGE, 8],
    ]);
    assert.equal(small.length, 0);
    assert.equal(large.length, 0);
  });
}

test("a port moved to a thread that refuses the call comes back, and goes on to the next", async () => {
  await using use = useDispatcher({ refusing: { a: DRAINING }, threads: ["a", "b"] });
  use.add("a", {});
  await use.ready(1);
  const { port1, port2 } = new MessageChannel();
  const told = new Promise((resolve) => port1.once("message", resolve));

  const call = use.call("talk", [{ port: move(port2) }]);
  use.add("b", {
    talk: (value) => {
      const { port } = value as { port: typeof port2 };
      port.postMessage("from b");
      port.close();
    },
  });
  await call;

  assert.equal(await told, "from b");
  port1.close();
});

test("what a call was to move stays with the caller when no worker is ever given it", async () => {
  await using use = useDispatcher({ threads: [] });
  const controller = new AbortController();
  const bytes = new Uint8Array(LARGE);
  const call = use.call("look", [move(bytes)], { signal: controller.signal });

  await assert.rejects(async () => use.call("look", [move(bytes)]), {
    path: "args[0]",
    message: /going to move/,
  });
  await assert.rejects(async () => use.call("look", [bytes]), {
    path: "args[0]",
    message: /going to move it/,
  });
  controller.abort();
  await assert.rejects(call);

  assert.equal(bytes.length, LARGE);
  use.add("b", bodies);
  assert.deepEqual(await use.call("look", [move(bytes)]), [LARGE, 0]);
});

test("memory that a call is sent from cannot be moved before that call is over", async () => {
  await using use = useDispatcher();
  const bytes = new Uint8Array(LARGE);
  const call = use.call("look", [bytes]);

  await assert.rejects(async () => use.call("look", [move(bytes)]), {
    path: "args[0]",
    message: /copy: true/,
  });
  use.add("a", bodies);
  await call;

  assert.deepEqual(await use.call("look", [move(bytes)]), [LARGE, 0]);
  assert.equal(bytes.length, 0);
});

test("memory that was transferred away while the call waited fails it, and sends nothing", async () => {
  await using use = useDispatcher();
  const bytes = new Uint8Array(LARGE);
  const call = use.call("look", [bytes]);

  structuredClone(bytes, { transfer: [bytes.buffer] });
  use.add("a", bodies);

  await assert.rejects(call, { code: "ERR_MERINO_NOT_SERIALIZABLE", message: /detached/ });
});

test("an object that cannot pass fails the call, and nothing beside it has changed hands", async () => {
  await using use = useDispatcher({ threads: ["a"] });
  use.add("a", bodies);
  await use.ready(1);
  const bytes = new Uint8Array(LARGE);
  const stream = new ReadableStream();
  const reader = stream.getReader();

  const call = use.call("look", [move(bytes), { stream: move(stream) }]);

  await assert.rejects(call, {
    code: "ERR_MERINO_NOT_SERIALIZABLE",
    message: /cannot be passed to the thread/,
  });
  assert.equal(bytes.length, LARGE);
  reader.releaseLock();
});

test("a call whose moved values went with a lost thread fails, though it has not started", async () => {
  await using use = useDispatcher({ threads: ["a"] });
  use.add("a", bodies);
  await use.ready(1);
  const bytes = new Uint8Array(LARGE);

  const call = use.call("look", [move(bytes)]);
  use.carrier("a").cut();
  use.add("b", bodies);

  await assert.rejects(call, { code: "ERR_MERINO_WORKER_LOST" });
  assert.equal(bytes.length, 0);
});

test("an object goes to a worker in a thread, whichever the balancer prefers", async () => {
  await using use = useDispatcher({ threads: ["b"] });
  use.add("a", { read: () => assert.fail("it was sent to a process") });
  use.add("b", { read: (value) => new Uint8Array(value as SharedArrayBuffer)[0] });
  await use.ready(2);
  const memory = new SharedArrayBuffer(8);
  new Uint8Array(memory)[0] = 5;

  assert.deepEqual(
    await Promise.all([use.call("read", [memory]), use.call("read", [memory]), use.call("read", [memory])]),
    [5, 5, 5],
  );
});

test("an object fails a call that only workers in other processes could take, by its path", async () => {
  await using use = useDispatcher({ threads: [] });
  use.add("a", bodies);

  await assert.rejects(use.call("look", [{ key: new SharedArrayBuffer(8) }]), {
    code: "ERR_MERINO_NOT_SERIALIZABLE",
    path: "args[0].key",
    message: /send a copy/,
  });
});

test("a moved piece of memory that Node hands out in pieces keeps no other call from its own piece", async () => {
  await using use = useDispatcher();
  const [one, two, three] = ["hello", "there", "again"].map((text) => Buffer.from(text));

  const calls = Promise.all([
    use.call("look", [move(one as Buffer)]),
    use.call("look", [move(two as Buffer)]),
    use.call("look", [three]),
  ]);
  use.add("a", bodies);

  assert.deepEqual(await calls, [
    [5, 101],
    [5, 104],
    [5, 103],
  ]);
  assert.equal(one?.length, 5); // others have the rest of its memory: it was copied
});

test("a call that goes to one worker in particular, as to each one, gives nothing away", async () => {
  await using use = useDispatcher();
  const bytes = new Uint8Array(LARGE);

  await assert.rejects(async () => use.callOnly("a", "look", [{ deep: move(bytes) }]), {
    path: "args[0].deep",
    message: /goes to each worker/,
  });

  assert.equal(bytes.length, LARGE);
});

test("a call that cannot be made, and a generator that is never begun, lay hands on nothing", async () => {
  await using use = useDispatcher();
  use.add("a", bodies);
  const bytes = new Uint8Array(LARGE);
  const variable = new ContextVar<unknown>("moved-values-test");

  await variable.run(
    () => {},
    async () => {
      await assert.rejects(async () => use.call("look", [move(bytes)]), {
        code: "ERR_MERINO_NOT_SERIALIZABLE",
      });
    },
  );
  await use.stream("count", {}, [move(bytes)]).return(undefined);
  await assert.rejects(use.stream("count", {}, [move(bytes)]).throw(new RangeError("no")), RangeError);

  assert.deepEqual(await use.call("look", [move(bytes)]), [LARGE, 0]);
});
