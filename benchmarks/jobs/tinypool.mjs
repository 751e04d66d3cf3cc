/** The benchmarks' functions in the form Tinypool wants: named exports of one argument each. */

export function add({ x, y }) {
  return x + y;
}
