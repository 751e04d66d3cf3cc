/** Text of others as it is shown: every hidden character is to be seen, lines cannot be forged, long texts are cut. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  shownBelow,
  shownBriefly,
  shownLines,
  shownOutput,
  shownText,
} from "../../../src/internal/shown-text.ts";
import { assertHarmless, assertHarmlessLine, HOSTILE_TEXT } from "../../support/hostile/text.ts";

const anyText = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 0xffff }),
      fc.constantFrom(...HOSTILE_TEXT).map((c) => c.charCodeAt(0)),
    ),
  )
  .map((units) => String.fromCharCode(...units));

for (const [name, show, check] of [
  ["shownText", shownText, assertHarmlessLine],
  ["shownBriefly", shownBriefly, assertHarmlessLine],
  ["shownLines", shownLines, assertHarmless],
  ["shownBelow", shownBelow, assertHarmless],
] as const) {
  test(`${name} shows nothing that a terminal would obey, and no forged line`, () => {
    check(show(HOSTILE_TEXT), name);
    check(show(`first\n${HOSTILE_TEXT}`), name);
    fc.assert(fc.property(anyText, (text) => check(show(text), name)));
  });

  test(`${name} leaves what it has shown as it is`, () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const shown = show(text);

        assert.equal(show(shown), shown);
      }),
    );
  });
}

test("shownText escapes as JavaScript does, and leaves text of any language alone", () => {
  assert.equal(shownText("a\n\r\t\u001b\u0085\u202e\u{e0041}"), "a\\n\\r\\t\\u001b\\u0085\\u202e\\u{e0041}");
  for (const text of [
    "plain 'text' \\ \"quoted\"",
    "Größe, naïve, ¿qué?",
    "日本語　テキスト",
    "עברית",
    "हिन्दी",
    "🦙 🎉",
  ]) {
    assert.equal(shownText(text), text);
  }
});

test("shownBriefly says how much it has left out, and cuts no character in two", () => {
  assert.equal(shownBriefly("abcdef", 6), "abcdef");
  assert.equal(shownBriefly("abcdef", 4), "abcd… (2 more characters)");
  assert.equal(shownBriefly("ab\u{1f999}cdef", 3), "ab… (6 more characters)");
  assert.ok(shownBriefly("x".repeat(1_000_000)).length < 1_100);
});

test("shownLines keeps the lines of a stack, and cuts one of a megabyte", () => {
  const stack = `Error: m\n    at a (b.ts:1:2)\n\tat [worker 1]`;

  assert.equal(shownLines(stack), stack);
  assert.ok(shownLines(`${stack}\n`.repeat(100_000)).length < 70_000);
});

test("shownBelow indents what follows the first line", () => {
  assert.equal(shownBelow("a\nb\n  c\n\nd"), "a\n    b\n  c\n\n    d");
});

test("shownOutput makes JSON of any value safe, and keeps the value", () => {
  fc.assert(
    fc.property(fc.oneof(anyText, fc.dictionary(anyText, fc.array(anyText)), fc.jsonValue()), (value) => {
      for (const json of [JSON.stringify(value), JSON.stringify(value, undefined, 2)]) {
        const shown = shownOutput(json);

        assertHarmless(shown, "JSON");
        assert.deepEqual(JSON.parse(shown), JSON.parse(json));
      }
    }),
  );
});
