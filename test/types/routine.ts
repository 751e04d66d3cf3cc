/**
 * What the compiler knows about a routine. Compiled and never run: a wrong type here is a failure of
 * `npm run check`, and so is a refusal (`@ts-expect-error`) that no longer happens.
 */
import { routine } from "../../src/routine/routine.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Accepts only a type that is exactly the one expected. */
function expectType<Expected>(): <Actual>(value: Actual, same: Same<Actual, Expected>) => void {
  return () => undefined;
}

const add = routine(async function add(x: number, y = 0) {
  return x + y;
});
const double = routine(function double(x: number) {
  return x * 2;
});
const countdown = routine(async function* countdown(from: number): AsyncGenerator<number, "done", boolean> {
  while ((yield from--) && from > 0);
  return "done";
});
const letters = routine(function* letters(text: string): Generator<string, number, void> {
  yield* text;
  return text.length;
});
const first = routine(async function first<T>(values: readonly T[]): Promise<T | undefined> {
  return values[0];
});

expectType<Promise<number>>()(add(1, 2), true);
expectType<Promise<number>>()(add(1), true);
expectType<Promise<number>>()(double(1), true);
expectType<AsyncGenerator<number, "done", boolean>>()(countdown(3), true);
expectType<AsyncGenerator<string, number, void>>()(letters("ab"), true);
expectType<Promise<string | undefined>>()(first(["a"]), true);
expectType<Promise<number>>()(add.with({ timeout: 500, tag: "a" })(1, 2), true);
expectType<Promise<number>>()(add.local(1, 2), true);
expectType<number>()(double.local(1), true);
expectType<string>()(add.id, true);

// @ts-expect-error A parameter keeps its type.
void add("1", 2);
// @ts-expect-error A parameter that is needed stays so.
void double();
// @ts-expect-error There are no more parameters than the function has.
void double(1, 2);
// @ts-expect-error The value sent into a generator keeps its type.
void countdown(3).next("yes");
// @ts-expect-error Options have known names.
void add.with({ timout: 500 });
// @ts-expect-error Options have types.
void add.with({ timeout: "1s" });
// @ts-expect-error An identity cannot be changed.
add.id = "other";
// @ts-expect-error A routine is made of a function.
routine(42);
