/**
 * Tells whether two texts of a function come from the same source. One file may be evaluated twice in a
 * process by different transforms (`import` and `require` under tsx, or a test runner), which spell its
 * imports differently; no other difference is accepted.
 */

/** What transforms turn an imported binding into: `import_fs.stat`, `(0, __vi_import_0__.stat)`. */
const NAMESPACE = "(?:import_[\\w$]+|__vi_import_\\d+__|__vite_ssr_import_\\d+__)";
const REWRITTEN = new RegExp(`\\(0,\\s*${NAMESPACE}\\.([\\w$]+)\\)|\\b${NAMESPACE}\\.([\\w$]+)`, "g");

/** Stands for a default import, whose local name a transform does not keep. No source contains it. */
const ANY_NAME = "\uFFFF";

/**
 * Compares two functions by their text.
 *
 * @param a `String()` of the one.
 * @param b `String()` of the other.
 */
export function isSameSource(a: string, b: string): boolean {
  if (a === b) return true;
  const left = restoreImports(a);
  const right = restoreImports(b);
  return (left !== a && matches(left, right)) || (right !== b && matches(right, left));
}

/** Undoes the rewriting of imports. What comes out is for comparing only. */
function restoreImports(source: string): string {
  return source.replace(REWRITTEN, (_, called?: string, named?: string) => {
    const name = called ?? named ?? "";
    return name === "default" ? ANY_NAME : ` ${name}`;
  });
}

/** White space does not count here: `return(0,x.y)(1)` and `return y(1)` differ in it as well. */
function matches(pattern: string, text: string): boolean {
  const parts = withoutSpace(pattern).split(ANY_NAME);
  const expression = parts
    .map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"))
    .join(`[\\w$${ANY_NAME}]+`);
  return new RegExp(`^${expression}$`).test(withoutSpace(text));
}

function withoutSpace(text: string): string {
  return text.replace(/\s+/g, "");
}
