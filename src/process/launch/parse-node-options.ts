/** The text of `NODE_OPTIONS` ↔ its arguments, by the rules of Node itself. */

/**
 * Splits the value of `NODE_OPTIONS`. Spaces separate, double quotes group, a backslash escapes within quotes.
 *
 * @returns `undefined` if Node would refuse to start: an open quote, or a backslash at the end of one.
 * @see ParseNodeOptionsEnvVar in https://github.com/nodejs/node/blob/main/src/node_options.cc
 */
export function parseNodeOptions(text: string): readonly string[] | undefined {
  const parsed: string[] = [];
  let current: string | undefined;
  let quoted = false;
  for (let index = 0; index < text.length; index++) {
    let character = text.charAt(index);
    if (character === "\\" && quoted) {
      index += 1;
      if (index === text.length) return undefined;
      character = text.charAt(index);
    } else if (character === " " && !quoted) {
      if (current !== undefined) parsed.push(current);
      current = undefined;
      continue;
    } else if (character === '"') {
      quoted = !quoted;
      continue;
    }
    current = (current ?? "") + character;
  }
  if (quoted) return undefined;
  if (current !== undefined) parsed.push(current);
  return parsed;
}

/** Writes arguments as a value of `NODE_OPTIONS`. An empty argument cannot be written and is left out. */
export function formatNodeOptions(args: readonly string[]): string {
  return args
    .filter((arg) => arg !== "")
    .map((arg) => (/[ "]/.test(arg) ? `"${arg.replace(/["\\]/g, "\\$&")}"` : arg))
    .join(" ");
}
