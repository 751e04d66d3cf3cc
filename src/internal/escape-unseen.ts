/**
 * Escapes the characters of a text that are not seen as themselves. Peers may send texts that hold nothing else, so that
 * an escape has to cost about as much as the bytes that it was sent in.
 */

/**
 * Characters that are not seen as themselves: controls (C0, DEL, C1), line and paragraph separators, formatting
 * (bidirectional controls, zero width), what is invisible by default (fillers, variation selectors, tags), and halves of
 * surrogate pairs.
 */
const UNSEEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Default_Ignorable_Code_Point}]/u;

/** The engine keeps other texts in half the memory. */
const WIDE = /[^\0-\xff]/;

/** Line feed and tab, which make the form of a text of several lines. */
const FORM = 1;
const HIDDEN = 2;
/** Half a surrogate pair: the other half decides. */
const HALF = 3;

/** What the 256 units from a multiple of 256 on are, 0 if they are seen. Filled when a text has one of them. */
const pages: (Uint8Array | undefined)[] = new Array<undefined>(256).fill(undefined);

const LONGEST_ESCAPE = 6; // units for each of the text
const HEX_DIGITS = Buffer.from("0123456789abcdef");
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const ZERO = 0x30;
const SHORT_ESCAPES: readonly (number | undefined)[] = Object.assign([], { 9: 0x74, 10: 0x6e, 13: 0x72 });

/**
 * Writes escapes as in JavaScript for characters that are not seen as themselves.
 *
 * @param inLines Whether line feeds and tabs stay.
 * @example
 * escapeUnseen("a\n\u202e", { inLines: true }); // => "a\n\\u202e"
 */
export function escapeUnseen(text: string, { inLines }: { readonly inLines: boolean }): string {
  const hidden = inLines ? HIDDEN : FORM;
  const start = nextHidden(text, 0, hidden);
  if (start === text.length) return text;
  const room = (text.length - start) * LONGEST_ESCAPE;
  const isWide = WIDE.test(text);
  const shown = isWide ? new Uint16Array(room) : Buffer.allocUnsafe(room);
  let count = 0;
  for (let at = start; at < text.length; ) {
    const code = text.codePointAt(at) as number;
    count = writeEscape(shown, count, code);
    at += code > 0xffff ? 2 : 1;
    const end = nextHidden(text, at, hidden);
    for (; at < end; at++) shown[count++] = text.charCodeAt(at);
  }
  const bytes = Buffer.from(shown.buffer, shown.byteOffset, isWide ? 2 * count : count);
  return text.slice(0, start) + bytes.toString(isWide ? "utf16le" : "latin1");
}

/** Where the next character is that is hidden, or the end. */
function nextHidden(text: string, from: number, hidden: number): number {
  for (let at = from; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    const page = pages[unit >> 8] ?? newPage(unit >> 8);
    const kind = page[unit & 0xff] as number;
    if (kind < hidden) continue;
    if (kind !== HALF || isHiddenPair(text, at)) return at;
    at++;
  }
  return text.length;
}

/** Whether half a surrogate pair is without its other half, or the pair is of a character that is hidden. */
function isHiddenPair(text: string, at: number): boolean {
  const code = text.codePointAt(at) as number;
  return code <= 0xffff || UNSEEN.test(String.fromCodePoint(code));
}

function newPage(number: number): Uint8Array {
  const page = new Uint8Array(256);
  for (let unit = 0; unit < 256; unit++) {
    const character = String.fromCharCode(256 * number + unit);
    if (UNSEEN.test(character)) page[unit] = character === "\n" || character === "\t" ? FORM : HIDDEN;
  }
  if (number >= 0xd8 && number <= 0xdf) page.fill(HALF);
  pages[number] = page;
  return page;
}

function writeEscape(shown: Uint16Array | Uint8Array, from: number, code: number): number {
  let count = from;
  shown[count++] = BACKSLASH;
  const short = SHORT_ESCAPES[code];
  if (short !== undefined) {
    shown[count++] = short;
    return count;
  }
  shown[count++] = LETTER_U;
  if (code < 0x100) {
    shown[count] = shown[count + 1] = ZERO;
    shown[count + 2] = HEX_DIGITS[code >> 4] as number;
    shown[count + 3] = HEX_DIGITS[code & 0x0f] as number;
    return count + 4;
  }
  const isLong = code > 0xffff;
  if (isLong) shown[count++] = 0x7b;
  for (let shift = code > 0xf_ffff ? 20 : isLong ? 16 : 12; shift >= 0; shift -= 4) {
    shown[count++] = HEX_DIGITS[(code >> shift) & 0x0f] as number;
  }
  if (isLong) shown[count++] = 0x7d;
  return count;
}
