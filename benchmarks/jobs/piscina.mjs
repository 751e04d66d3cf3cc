/** The benchmarks' functions in the form Piscina wants: named exports of one argument each. */

export function add({ x, y }) {
  return x + y;
}

export function busy({ durationMs }) {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
}

export function echo(value) {
  return value;
}
