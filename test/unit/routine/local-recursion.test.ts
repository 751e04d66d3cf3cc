/** Routines that call themselves by the name of their function, told apart by their text. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { warnOfLocalRecursion } from "../../../src/routine/local-recursion.ts";
import { routine } from "../../../src/routine/routine.ts";
import { useWarnings } from "../../support/use-warnings.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Makes a function of its text. Nothing in it is run. */
function functionOf(text: string): (...args: never[]) => unknown {
  return new Function(`return ${text}`)() as (...args: never[]) => unknown;
}

let made = 0;
async function codesFor(text: string): Promise<readonly string[]> {
  using warnings = useWarnings();
  warnOfLocalRecursion(functionOf(text), `p/${made++}.ts#walk`, "walk");
  await turn();
  return warnings.codes;
}

for (const text of [
  "async function walk(n) { return n < 2 ? n : (await walk(n - 1)) + (await walk(n - 2)); }",
  "async function walk(n) { const [a, b] = await Promise.all([walk(n - 1), walk(n - 2)]); return a + b; }",
  "async function walk(n) { const parts = n.children.map((child) => walk(child)); await Promise.all(parts); }",
  "async function walk(n) { for (const child of n) { await walk(child); } }",
  "async function walk(n) { return walk(n - 1); }",
  "async function walk  (n) { const url = 'http://a'; const left = walk (n); return await left; }",
  "async function $(n) { await $(n - 1); }",
  "async function walk(n, rest = 1) { if (await walk(n)) return rest; }",
  "async function walk(n) { if (await walk(n)) { return 1; } }",
  "async function walk(n) { while (await walk(n - 1)) { n -= 1; } }",
  "async function walk(n) { for await (const m of await walk(n - 1)) { n += m; } }",
  "async function walk(n) { return Promise.all(n.map(async (m) => { return await walk(m); })); }",
  "async function walk(n) { try { return await walk(n - 1); } catch (error) { throw error; } }",
  "async function walk(n) { const all = []; for (const m of n) all.push(walk(m)); await Promise.all(all); }",
  "async function walk(n) { const all = new Set(); for (const m of n) { all.add(limit(() => walk(m))); } await Promise.all(all); }",
  "async function walk(n) { await Promise.all(n.map(walk)); }",
  "async function walk(n) { const parts = n.children.flatMap ( walk, n ); await Promise.all(parts); }",
  "async function walk(n) { return parent(n).then(walk); }",
]) {
  test(`a body that waits for itself is told of: ${text}`, async () => {
    assert.deepEqual(await codesFor(text), ["MERINO_LOCAL_RECURSION"]);
  });
}

for (const text of [
  "async function walk(n) { return await other(n); }",
  "async function walk(n) { return await walker(n) + await sidewalk(n) + await walk$(n); }",
  "async function walk(n) { return await this.walk(n) + await tools . walk(n); }",
  "async function walk(n) { // await walk(n) would stay here\n return n; }",
  "async function walk(n) { /* return walk(n) */ throw new Error('cannot return walk(n)'); }",
  'async function walk(n) { return "walk(n)"; }',
  "async function walk(n) { setTimeout(() => walk(n), 1_000); return await n; }",
  "async function walk(n) { await n; walk(n - 1); }",
  "async function walk(n) { const { walk } = await import('./jobs.js'); return await walk(n); }",
  "async function walk(n) { const walk = tools.walk; return await walk(n); }",
  "async function walk(n, walk) { return await walk(n); }",
  "async function walk(n) { function walk(m) { return m; } return walk(n); }",
  "async function walk(n) { function *walk(m) { yield m; } return walk(n); }",
  "async function walk(n) { const a = n, walk = tools.walk; return await walk(a); }",
  "async function walk(n) { let a = 1, walk; walk = tools.walk; return await walk(a); }",
  "async function walk(n) { const { a = 1, walk } = tools; return await walk(a); }",
  "async function walk(n) { const[walk] = n; return await walk(1); }",
  "async function walk(n) { return Promise.all([async () => 1].map(async (walk) => { return await walk(); })); }",
  "async function walk(n) { return Promise.all(n.map(async walk => await walk())); }",
  "async function walk(n) { return Promise.all(n.map((walk) => { const m = walk(); return m; })); }",
  "async function walk(n) { return Promise.all(n.map(async ({ walk }) => await walk())); }",
  "async function walk(n) { return Promise.all(n.map(async ({ tools: [a, { walk } = {}] }, b = f(1)) => await walk())); }",
  "async function walk(n) { return Promise.all(n.map(async (m, ...walk) => await walk(0))); }",
  "async function walk(n) { return Promise.all(n.map(async (m, walk = f({ m })) => { return await walk(); })); }",
  "async function walk(n) { return await n.map(async function (walk) { return await walk(); }); }",
  "async function walk(n) { return await n.map(async function step(m, walk) { return await walk(); }); }",
  "async function walk(n) { const tools = { async step(walk) { return await walk(); } }; return tools.step(n); }",
  "async function walk(n) { class Step { async go({ walk }) { return await walk(); } } return new Step().go(n); }",
  "async function walk(n) { try { await n; } catch (walk) { return await walk(); } }",
  "async function walk(n) { try { await n; } catch ({ walk }) { return await walk(); } }",
  "async function walk({ walk } = {}) { return await walk(); }",
  "async function walk(n) { return queue.add(walk, n); }",
  "async function walk(n) { n.forEach(walk); return await n; }",
  "async function walk(n) { return await tools.map(n, (m) => m, tools.walk); }",
  "async (n) => await walk(n)",
  "async function (n) { return await walk(n); }",
  "({ async walk(n) { return await walk(n); } }).walk",
  "(async function walk(n) { return await walk(n); }).bind()",
]) {
  test(`a body that does not is left alone: ${text}`, async () => {
    assert.deepEqual(await codesFor(text), []);
  });
}

test("routine() warns once for each identity, of async functions only, with what to write, and not if told", async () => {
  using warnings = useWarnings();
  const declare = (name: string, text: string, options = {}): void =>
    void routine(functionOf(text) as never, { id: `p/recursion.ts#${name}`, ...options });
  const text = (name: string): string => `async function ${name}(n) { return n && (await ${name}(n - 1)); }`;

  declare("fib", text("fib"));
  declare("fib", text("fib"), { id: "p/recursion.ts#meant", name: "meant", localRecursion: true });
  declare("plain", "function plain(n) { return n && plain(n - 1); }");
  declare("stream", "async function* stream(n) { yield* stream(n - 1); }");
  warnOfLocalRecursion(functionOf(text("fib")), "p/recursion.ts#fib", "fib");
  await turn();

  assert.deepEqual(warnings.codes, ["MERINO_LOCAL_RECURSION"]);
  assert.match(warnings.messages[0] ?? "", /#fib'.*\{ name: "fib" \}.*\{ localRecursion: true \}/);
  assert.throws(() => declare("bad", text("bad"), { localRecursion: "yes" }), { option: "localRecursion" });
});

test("nothing is said in production", async (context) => {
  const before = process.env.NODE_ENV;
  context.after(() => {
    if (before === undefined) delete process.env.NODE_ENV;
    else process.env.NODE_ENV = before;
  });
  process.env.NODE_ENV = "production";

  assert.deepEqual(await codesFor("async function walk(n) { return await walk(n); }"), []);
});
