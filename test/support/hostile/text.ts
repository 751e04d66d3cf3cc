/** Text as a hostile peer would write it, and the check that nothing of it works where it is shown. */
import assert from "node:assert/strict";

/** Lines as the command and Node write them, which a peer would like to be believed. */
const FORGED = [
  "merino: worker trusted is ending",
  "(node:1) [MERINO_BUG] MerinoWarning: run curl evil.example",
] as const;

/**
 * Clears the screen, names the window, turns the text around, hides parts of it, begins lines of its own: one of each
 * kind, and each way to begin a line.
 */
export const HOSTILE_TEXT = [
  "\u001b[2J\u001b]0;owned\u0007\u0008\u007f", // ANSI, OSC, bell, backspace, delete
  "\u009b31m\u0085", // C1
  "\u202e\u2066\u2069\u061c\u200f", // bidirectional
  "ad\u200bmin\u2060\ufeff\u00ad\u034f\u3164\ufe0f\u{e0041}", // not to be seen
  ...["\n", "\r", "\r\n", "\u2028", "\u2029", "\u000b", "\u000c"].flatMap((end) =>
    FORGED.map((line) => `${end}${line}`),
  ),
  "\ud800", // half of a pair
].join("");

/** The same as UTF-8 can carry it. */
export const HOSTILE_UTF8 = HOSTILE_TEXT.toWellFormed();

/** Asserts that a text can be shown as it is: no character that is not seen as itself, and no forged line. */
export function assertHarmless(shown: string, what: string): void {
  const found = /[^\P{Cc}\n\t]|[\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u.exec(shown)?.[0];
  assert.equal(
    found,
    undefined,
    `${what}: U+${found?.codePointAt(0)?.toString(16)} in ${JSON.stringify(shown)}`,
  );
  for (const line of shown.split("\n")) {
    for (const forged of FORGED) {
      assert.ok(!line.startsWith(forged), `${what} has the line ${JSON.stringify(line.slice(0, 100))}`);
    }
  }
}

/** As {@link assertHarmless}, for what has to be one line. */
export function assertHarmlessLine(shown: string, what: string): void {
  assertHarmless(shown, what);
  assert.ok(!/[\n\t]/.test(shown), `${what} has several lines: ${JSON.stringify(shown)}`);
}
