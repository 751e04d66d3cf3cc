/**
 * How text that others have written is shown to people: in messages of errors, warnings and the output of commands. It
 * may come from a worker, a caller, DNS, the network, or a file that anybody may have put there. Whatever it holds, it
 * cannot command a terminal, change the order or the look of what stands around it, or pass for a line of ours.
 *
 * All escaping is here. Values are not text to show: they arrive as they were sent.
 */
import { escapeUnseen } from "./escape-unseen.ts";

/** What is not seen as itself, without line feed and tab; see `escape-unseen.ts`. */
const UNSEEN_IN_LINES = /[^\P{Cc}\n\t]|[\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/gu;
/** Most texts hold nothing else, and finding that out is cheap. */
const PLAIN = /^[ -~]*$/;

/** Enough for any explanation of ours, and less than a screen. */
const MAX_BRIEF = 1_000;
/** Enough for any stack. */
const MAX_LINES = 64 * 1_024;
/** The beginnings of lines that only this library and Node write: of its command, and of warnings. */
const LINE_OF_OURS = /(?<=\n)(?=merino:|\(node:)/g;

/**
 * Writes a text in one line, with escapes as in JavaScript for characters that are not seen as themselves.
 *
 * @example
 * shownText("a\nb\u202e"); // => "a\\nb\\u202e"
 */
export function shownText(text: string): string {
  return PLAIN.test(text) ? text : escapeUnseen(text, { inLines: false });
}

/**
 * As {@link shownText}; of a long text the beginning, and how much was left out.
 *
 * @param limit Code units that are shown before anything is left out.
 * @example
 * shownBriefly("abcdef", 4); // => "abcd… (2 more characters)"
 */
export function shownBriefly(text: string, limit: number = MAX_BRIEF): string {
  return cut(text, limit, shownText);
}

/**
 * Writes a text of several lines, such as an error's stack, with its line breaks. No line but the first begins as a
 * line of ours does. Of a very long text the beginning.
 */
export function shownLines(text: string): string {
  return cut(text, MAX_LINES, (part) =>
    PLAIN.test(part) ? part : indentOurs(escapeUnseen(part, { inLines: true })),
  );
}

function indentOurs(text: string): string {
  return text.includes("\n") ? text.replace(LINE_OF_OURS, "    ") : text;
}

/** As {@link shownLines}, with every line but the first indented: for what others add to a message of ours. */
export function shownBelow(text: string): string {
  return shownLines(text).replace(/\n(?=\S)/g, "\n    ");
}

/**
 * Makes a whole output safe to show, of any length, with its line breaks. JSON stays JSON of the same value: its
 * strings alone can hold such characters, and the escapes are its own.
 */
export function shownOutput(output: string): string {
  return output.replace(UNSEEN_IN_LINES, (found) => {
    let escaped = "";
    for (let at = 0; at < found.length; at++) escaped += escapeUnit(found.charCodeAt(at));
    return escaped;
  });
}

function cut(text: string, limit: number, show: (part: string) => string): string {
  if (text.length <= limit) return show(text);
  // Not between the halves of a surrogate pair.
  const end = /[\ud800-\udbff]/.test(text.charAt(limit - 1)) ? limit - 1 : limit;
  return `${show(text.slice(0, end))}… (${text.length - end} more characters)`;
}

function escapeUnit(unit: number): string {
  return `\\u${unit.toString(16).padStart(4, "0")}`;
}
