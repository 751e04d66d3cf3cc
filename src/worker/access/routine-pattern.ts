/** Patterns of routines' identities, in which each `*` stands for any characters, also none. */

/** Whether an identity fits a pattern. Takes time in proportion to the product of their lengths at most. */
export function fitsRoutinePattern(id: string, pattern: string): boolean {
  const [head = "", ...rest] = pattern.split("*");
  if (rest.length === 0) return id === pattern;
  const tail = rest.pop() ?? "";
  if (!id.startsWith(head) || id.length < head.length + tail.length || !id.endsWith(tail)) return false;
  let at = head.length;
  const end = id.length - tail.length;
  for (const part of rest) {
    const found = id.indexOf(part, at);
    if (found === -1 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}
