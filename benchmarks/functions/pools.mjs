/** The benchmarks' functions in the form that Piscina and Tinypool want: named exports of one argument each. */
import { work as hash } from "./work.mjs";

export function add({ x, y }) {
  return x + y;
}

export function busy({ durationMs }) {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
}

export function work({ units }) {
  return hash(units);
}

export function echo(value) {
  return value;
}
