/**
 * Values as programs have them that mean no harm, large enough to cost something. Each must pass the budget of a payload. What
 * makes them is a loop that does no more than it has to, so that the time for it is what the engine takes for such values.
 */

function list<T>(count: number, make: (index: number) => T): T[] {
  const values = new Array<T>(count);
  for (let index = 0; index < count; index++) values[index] = make(index);
  return values;
}

function keyed(count: number, keyOf: (index: number) => string): Record<string, number> {
  // As the decoder makes large objects: with no hidden class for each of the first keys.
  const object = Object.setPrototypeOf(Object.create(null), Object.prototype) as Record<string, number>;
  for (let index = 0; index < count; index++) object[keyOf(index)] = index;
  return object;
}

/** Of so many characters, six at least, different for each index. */
function id(index: number, length: number): string {
  return `i${index.toString(36).padStart(5, "0")}`.padEnd(length, "0123456789abcdef");
}

/** Of 4 to 9 letters, different for each index. */
function shortWord(index: number): string {
  const letters = index.toString(26).replaceAll(/\d/g, (digit) => "qrstuvwxyz".charAt(Number(digit)));
  return letters.padStart(4 + (index % 6), "LMNO");
}

function uuid(index: number): string {
  return `123e4567-e89b-12d3-a456-${String(426_614_000_000 + index * 37)}`;
}

interface Row {
  readonly id: number;
  readonly name: string;
  readonly active: boolean;
  readonly score: number;
  readonly city: string;
  readonly tags: null;
}

const row = (index: number): Row => ({
  id: index,
  name: `user ${index}`,
  active: index % 3 === 0,
  score: index * 1.5,
  city: "Paris",
  tags: null,
});

type ArrayTree = readonly [left: ArrayTree | number, right: ArrayTree | number];

/** So many arrays, of which each has two; numbers are the leaves. */
function arrayTree(count: number, first: number): ArrayTree | number {
  if (count === 0) return first;
  const left = (count - 1) >> 1;
  return [arrayTree(left, first), arrayTree(count - 1 - left, first + left + 1)];
}

interface Node {
  readonly id: number;
  readonly children: readonly Node[];
}

function objectTree(count: number, first: number): Node {
  const rest = count - 1;
  const left = rest >> 1;
  const children: Node[] = [];
  if (left > 0) children.push(objectTree(left, first + 1));
  if (rest - left > 0) children.push(objectTree(rest - left, first + 1 + left));
  return { id: first, children };
}

type Outline = readonly [name: string, children: readonly Outline[]];

function outline(count: number, first: number): Outline {
  const { id: number, children } = objectTree(count, first);
  const convert = (node: Node): Outline => [`node ${node.id}`, node.children.map(convert)];
  return convert({ id: number, children });
}

/** By name, most of them of so many parts. */
export function honestValues(count: number): Readonly<Record<string, () => unknown>> {
  return {
    "1 000 rows": () => list(1_000, row),
    "10 000 rows": () => list(10_000, row),
    "many rows": () => list(count, row),
    "rows of 40 columns": () =>
      list(2_500, (index) =>
        Object.fromEntries(list(40, (column) => [`column ${column}`, index + column] as const)),
      ),
    "object keyed by ids of 6 characters": () => keyed(count, (index) => id(index, 6)),
    "object keyed by ids of 12 characters": () => keyed(count, (index) => id(index, 12)),
    "object keyed by UUIDs": () => keyed(count, uuid),
    "object keyed by numbers": () => keyed(count, (index) => String(index * 37)),
    "counts of words": () => keyed(count, (index) => `${shortWord(index)}ing`),
    "Set of short words": () => new Set(list(count, shortWord)),
    "Set of ids of 4 and 5 characters": () => new Set(list(count, (index) => `w${index.toString(36)}`)),
    "Set of numbers": () => new Set(list(count, (index) => index * 7)),
    "Map of texts to numbers": () => new Map(list(count, (index) => [id(index, 8), index])),
    "Map of numbers to numbers": () => new Map(list(count, (index) => [index, index * 3])),
    "tree of arrays": () => arrayTree(count, 0),
    "outline of names and children": () => outline(count, 0),
    "tree of objects": () => objectTree(count, 0),
    "coordinates of GeoJSON": () =>
      list(50, () => list(2_000, (index) => [13.4 + index / 3_000, 52.5 - index / 7_000])),
    "coordinates of tiles": () => list(50, (ring) => list(2_000, (index) => [index * 3, ring * 100 + index])),
    "arrays of one": () => list(count, (index) => [index]),
    "smallest objects": () => list(count, () => ({ a: 1 })),
  };
}
