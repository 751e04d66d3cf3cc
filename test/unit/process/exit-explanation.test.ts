import assert from "node:assert/strict";
import { test } from "node:test";
import { explainExit, explainSpawnError, type WorkerEnd } from "../../../src/process/exit-explanation.ts";

const ENDS: readonly (readonly [string, WorkerEnd, readonly RegExp[]])[] = [
  ["code 0", { exitCode: 0, signal: undefined }, [/code 0/, /ended by itself/]],
  ["code 1", { exitCode: 1, signal: undefined }, [/code 1/, /uncaught/]],
  ["code 7", { exitCode: 7, signal: undefined }, [/code 7/, /process\.exit\(7\)/]],
  ["code 9", { exitCode: 9, signal: undefined }, [/code 9/, /execArgv/, /NODE_OPTIONS/]],
  ["code 13", { exitCode: 13, signal: undefined }, [/code 13/, /top-level await/]],
  ["code 42", { exitCode: 42, signal: undefined }, [/^exited with code 42$/]],
  ["code 127", { exitCode: 127, signal: undefined }, [/code 127/, /setpriv/]],
  ["code 134", { exitCode: 134, signal: undefined }, [/code 134/, /SIGABRT/, /memory/]],
  ["code 137", { exitCode: 137, signal: undefined }, [/code 137/, /SIGKILL/]],
  ["code 200", { exitCode: 200, signal: undefined }, [/^exited with code 200$/]],
  ["SIGABRT", { exitCode: undefined, signal: "SIGABRT" }, [/SIGABRT/, /memory/]],
  ["SIGKILL", { exitCode: undefined, signal: "SIGKILL" }, [/SIGKILL/, /from outside/, /memory/]],
  ["SIGSEGV", { exitCode: undefined, signal: "SIGSEGV" }, [/SIGSEGV/, /addon/]],
  ["a signal without words", { exitCode: undefined, signal: "SIGUSR2" }, [/^was ended by SIGUSR2$/]],
  ["no code and no signal", { exitCode: undefined, signal: undefined }, [/^ended$/]],
];

for (const [name, end, expected] of ENDS) {
  test(`explainExit explains ${name}`, () => {
    const text = explainExit(end);

    for (const part of expected) assert.match(text, part);
  });
}

test("explainExit tells an exhausted heap from other aborts by what Node printed", () => {
  const stderr = "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory";

  assert.match(explainExit({ exitCode: undefined, signal: "SIGABRT", stderr }), /--max-old-space-size/);
  assert.doesNotMatch(explainExit({ exitCode: undefined, signal: "SIGABRT" }), /--max-old-space-size/);
});

test("explainSpawnError names the limit behind a system error and keeps its message", () => {
  const text = explainSpawnError(Object.assign(new Error("spawn node EMFILE"), { code: "EMFILE" }));

  assert.match(text, /spawn node EMFILE/);
  assert.match(text, /open files/);
});

test("explainSpawnError accepts anything", () => {
  assert.match(explainSpawnError("nonsense"), /nonsense/);
  assert.match(explainSpawnError(undefined), /undefined/);
});
