import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { describe, test } from "node:test";
import { ArgumentSignals } from "../../../../src/client/call/argument-signals.ts";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import type { ClientSession } from "../../../../src/session/client-session.ts";
import type { Payload } from "../../../../src/wire/payload.ts";

function useSignals(count: number) {
  const controllers = Array.from({ length: count }, () => new AbortController());
  const signals = new ArgumentSignals(processReferences);
  const said: unknown[][] = [];
  const session = {
    open: true,
    signal(stream: number, index: number, payload: Payload) {
      said.push([stream, index, decodeValue(payload, { references: processReferences })]);
    },
  };
  return {
    signals,
    controllers,
    said,
    session,
    forward: (stream: number) => signals.forward(session as unknown as ClientSession, stream),
    listeners: () =>
      controllers.reduce((sum, { signal }) => sum + getEventListeners(signal, "abort").length, 0),
  };
}

describe("ArgumentSignals", () => {
  test("numbers signals in order, and watches none before the call is sent", () => {
    const t = useSignals(2);

    assert.deepEqual(
      t.controllers.map(({ signal }) => t.signals.add(signal)),
      [0, 1],
    );
    t.controllers[0]?.abort("early");

    assert.equal(t.listeners(), 0);
    assert.deepEqual(t.said, []);
  });

  test("announces those that have fired at once, and the others when they do, once", () => {
    const t = useSignals(2);
    for (const { signal } of t.controllers) t.signals.add(signal);
    t.controllers[1]?.abort("early");

    t.forward(7);
    assert.deepEqual(t.said, [[7, 1, "early"]]);
    t.controllers[0]?.abort("late");
    t.controllers[0]?.abort("again");

    assert.deepEqual(t.said, [
      [7, 1, "early"],
      [7, 0, "late"],
    ]);
    assert.equal(t.listeners(), 0);
  });

  test("says nothing over a connection that has ended, nor once it is dropped", () => {
    const t = useSignals(2);
    for (const { signal } of t.controllers) t.signals.add(signal);
    t.forward(7);

    t.session.open = false;
    t.controllers[0]?.abort("nobody hears");
    t.session.open = true;
    t.signals.drop();
    t.controllers[1]?.abort("nobody listens");

    assert.deepEqual(t.said, []);
    assert.equal(t.listeners(), 0);
  });

  test("is watched anew for a call that is sent elsewhere", () => {
    const t = useSignals(1);
    for (const { signal } of t.controllers) t.signals.add(signal);
    t.forward(7);
    t.signals.drop();

    t.forward(9);
    t.controllers[0]?.abort("now");

    assert.deepEqual(t.said, [[9, 0, "now"]]);
  });
});
