/** Which modules give a backpressure hook, in which form, and which are refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LOCAL_PEER } from "../../../../src/credentials/peers/peer.ts";
import { InvalidOptionError } from "../../../../src/errors/invalid-option-error.ts";
import { loadAcceptHook } from "../../../../src/host/modules/accept-module.ts";
import { createModuleLoader } from "../../../../src/host/modules/module-loader.ts";
import type { AcceptHook } from "../../../../src/worker/accept-hook.ts";
import { temporaryPackage } from "../../../support/temporary-package.ts";

async function load(file: string, text: string): Promise<AcceptHook> {
  using fixtures = temporaryPackage({ [file]: text });
  return await loadAcceptHook(createModuleLoader({ entry: undefined }), fixtures.url(file));
}

const STATE: Parameters<AcceptHook>[0] = {
  inFlight: 3,
  task: {
    id: "1",
    routine: "thumbs/jobs.js#resize",
    tag: undefined,
    caller: undefined,
    nested: false,
    peer: LOCAL_PEER,
  },
};

for (const [form, { file, text }] of Object.entries({
  "an export": { file: "a.mjs", text: "export const accept = ({ inFlight }) => inFlight === 3;" },
  "a default export": { file: "b.mjs", text: "export default ({ inFlight }) => inFlight === 3;" },
  "an export beside another default": {
    file: "c.mjs",
    text: "export function accept({ inFlight }) { return inFlight === 3; } export default () => false;",
  },
  "what a CommonJS module exports": {
    file: "d.cjs",
    text: "module.exports = ({ inFlight }) => inFlight === 3;",
  },
  "an export of a CommonJS module": {
    file: "e.cjs",
    text: "exports.accept = ({ inFlight }) => inFlight === 3;",
  },
  "an export in TypeScript": {
    file: "f.mts",
    text: "export const accept = (state: { inFlight: number }): boolean => state.inFlight === 3;",
  },
})) {
  test(`loadAcceptHook takes ${form}`, async () => {
    const hook = await load(file, text);

    assert.equal(hook(STATE), true);
  });
}

for (const [form, text] of Object.entries({
  "a module without exports": "const unused = 1;",
  "a hook that is no function": "export const accept = true;",
  "a default export that is no function": "export default 3;",
  "an async function": "export const accept = async () => true;",
  "a generator function": "export function* accept() {}",
})) {
  test(`loadAcceptHook refuses ${form}`, async () => {
    await assert.rejects(
      load("hook.mjs", text),
      (error) => error instanceof InvalidOptionError && error.option === "accept",
    );
  });
}

test("loadAcceptHook says why a module cannot be imported", async () => {
  await assert.rejects(load("hook.mjs", "throw new Error('no such luck');"), /hook\.mjs.*no such luck/);
});
