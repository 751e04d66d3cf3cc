import { move, routine } from "merino";

/** Gives back what it has been given, as it is. */
export const echo = routine(async function echo(value: unknown) {
  return value;
});

/** Yields what it has been given, twice, and returns it. */
export const yieldTwice = routine(async function* yieldTwice(value: unknown) {
  yield [value, value];
  yield { value };
  return value;
});

/** Gives back what it has been given, and keeps nothing of it. */
export const echoMoved = routine(async function echoMoved(value: unknown) {
  return move(value as ArrayBuffer);
});

/** Yields what it has been given, moved. */
export const yieldMoved = routine(async function* yieldMoved(value: unknown) {
  yield { value: move(value as ArrayBuffer) };
});
