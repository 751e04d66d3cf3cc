/** When two texts count as one function. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isSameSource } from "../../../src/identity/same-source.ts";

const PLAIN = 'async function add(x){return existsSync("/x"+x)||fs.existsSync(p.join("a","b"))}';

const SAME: readonly (readonly [string, string])[] = [
  [PLAIN, PLAIN],
  [
    PLAIN,
    'async function add(x){return(0,import_node_fs.existsSync)("/x"+x)||import_node_fs.default.existsSync(p.join("a","b"))}',
  ],
  ["() => stat(1)", "() => (0, __vi_import_0__.stat)(1)"],
  ["() => (0, __vi_import_0__.stat)(fs.x)", "() => (0, import_fs.stat)(fs.x)"],
];

const DIFFERENT: readonly (readonly [string, string])[] = [
  ["() => 1", "() => 2"],
  ["() => 'a b'", "() => 'ab'"],
  ["() => stat(1)", "() => (0, import_fs.lstat)(1)"],
  ["() => import_fs.default.stat(1)", "() => import_fs.default.stat(2)"],
  ["() => fs.stat.x", "() => import_fs.default.x"],
];

test("isSameSource forgives what transforms do to imports, in either order", () => {
  for (const [a, b] of SAME) assert.deepEqual([a, isSameSource(a, b), isSameSource(b, a)], [a, true, true]);
});

test("isSameSource tells functions apart that do something else", () => {
  for (const [a, b] of DIFFERENT)
    assert.deepEqual([a, isSameSource(a, b), isSameSource(b, a)], [a, false, false]);
});
