/**
 * Context variables against a reference of twenty lines: random programs of get, set, reset, run and fork, over calls
 * that answer, throw, are cancelled or run side by side, over streams, and over calls whose bodies call back and read
 * iterables, nested in one another. Every value read must be the same. Each hop goes through the bytes of the wire.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { runInInnerScope } from "../../../../src/context/inner-scope.ts";
import type { Bindings } from "../../../../src/context/variables/bindings.ts";
import type { BranchToken } from "../../../../src/context/variables/branch-token.ts";
import { ContextVar } from "../../../../src/context/variables/context-var.ts";
import { currentBranch } from "../../../../src/context/variables/current-branch.ts";
import { fork } from "../../../../src/context/variables/fork.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import { ContextExchange } from "../../../../src/session/context/context-exchange.ts";
import { FlowContext } from "../../../../src/session/context/flow-context.ts";
import { decodeContextChanges } from "../../../../src/wire/messages/context-changes.ts";
import { useWarnings } from "../../../support/use-warnings.ts";
import { withoutStacks } from "../../../support/without-stacks.ts";

const PROGRAMS = Number(process.env.MERINO_CONTEXT_PROGRAMS ?? 2_000);
const NAMES = ["x", "y", "z"] as const;
type Name = (typeof NAMES)[number];

/** A step of a program. Blocks are other steps. */
type Op =
  | { readonly op: "get"; readonly name: Name }
  | { readonly op: "set"; readonly name: Name; readonly value: number }
  | { readonly op: "reset"; readonly token: number }
  | { readonly op: "run"; readonly name: Name; readonly value: number; readonly block: readonly Op[] }
  | { readonly op: "fork"; readonly block: readonly Op[] }
  | { readonly op: "call"; readonly merged: boolean; readonly block: readonly Op[] }
  | { readonly op: "pair"; readonly blocks: readonly (readonly Op[])[]; readonly swapped: boolean }
  | {
      readonly op: "stream";
      readonly steps: readonly (readonly [caller: readonly Op[], body: readonly Op[]])[];
    }
  | {
      readonly op: "flows";
      readonly merged: boolean;
      readonly steps: readonly {
        readonly body: readonly Op[];
        readonly kind: FlowStep["kind"];
        readonly block: readonly Op[];
      }[];
    };

/** What a body does, and what runs at its caller then: a callback, or the source of an item that it reads. */
interface FlowStep {
  readonly body: () => void;
  readonly kind: "callback" | "item";
  readonly block: () => void;
}

/** What runs a program: the reference, or the real thing. */
interface Machine {
  get(name: Name): unknown;
  set(name: Name, value: number): unknown;
  reset(name: Name, token: unknown): void;
  run(name: Name, value: number, block: () => void): void;
  fork(block: () => void): void;
  call(merged: boolean, block: () => void): void;
  pair(blocks: readonly (() => void)[], swapped: boolean): void;
  stream(steps: readonly Step[]): void;
  flows(merged: boolean, steps: readonly FlowStep[]): void;
  /** Lets a token go to another process, with a call or an answer. */
  send?(token: unknown): void;
}

/** What the caller does before a step of a stream, and its body in it. */
type Step = readonly [caller: () => void, body: () => void];

type Values = Partial<Record<Name, { readonly value: unknown } | undefined>>;

interface State {
  readonly values: Values;
  /** Tokens are for one of these. */
  readonly chain: object;
}

interface ReferenceToken {
  readonly name: Name;
  readonly chain: object;
  readonly previous: Values[Name];
  used: boolean;
}

/** The reference. A value is an object of its own, so that setting the same value again is a change. */
class Reference implements Machine {
  #state: State = { values: {}, chain: {} };

  get(name: Name): unknown {
    return this.#state.values[name]?.value;
  }
  set(name: Name, value: number): unknown {
    const token = { name, chain: this.#state.chain, previous: this.#state.values[name], used: false };
    this.#state.values[name] = { value };
    return token;
  }
  reset(name: Name, token: ReferenceToken): void {
    if (token.used || token.name !== name || token.chain !== this.#state.chain) throw new Error("refused");
    token.used = true;
    this.#state.values[name] = token.previous;
  }
  run(name: Name, value: number, block: () => void): void {
    this.#within({ values: { ...this.#state.values, [name]: { value } }, chain: {} }, block);
  }
  fork(block: () => void): void {
    this.#within({ values: { ...this.#state.values }, chain: {} }, block);
  }
  call(merged: boolean, block: () => void): void {
    this.pair([block], false, merged);
  }
  pair(blocks: readonly (() => void)[], swapped: boolean, merged = true): void {
    const bodies = blocks.map(() => ({ values: arrived(this.#state.values), chain: this.#state.chain }));
    const sent = bodies.map(({ values }) => ({ ...values }));
    for (const [index, block] of blocks.entries()) this.#within(bodies[index] as State, block);
    const answers = bodies.map(({ values }, index) => [sent[index] as Values, values] as const);
    if (!merged) return;
    for (const [from, to] of swapped ? answers.reverse() : answers) pass(from, to, this.#state.values);
  }
  stream(steps: readonly Step[]): void {
    const body: State = { values: {}, chain: this.#state.chain };
    let told: Values = {};
    for (const [caller, block] of steps) {
      caller();
      pass(told, this.#state.values, body.values);
      const known = { ...body.values };
      this.#within(body, block);
      pass(known, body.values, this.#state.values);
      told = { ...this.#state.values };
    }
  }
  flows(merged: boolean, steps: readonly FlowStep[]): void {
    const { values, chain } = this.#state;
    const body: State = { values: arrived(values), chain };
    const sent = { ...body.values };
    const source: State = { values: { ...values }, chain: {} };
    const called: Values = { ...values };
    let [toSource, toCallback] = [sent, sent];
    for (const { body: before, kind, block } of steps) {
      this.#within(body, before);
      if (kind === "callback") {
        pass(toCallback, body.values, called);
        toCallback = { ...body.values };
        this.#within({ values: { ...called }, chain: {} }, block);
      } else {
        pass(toSource, body.values, source.values);
        const known = { ...source.values };
        this.#within(source, block);
        pass(known, source.values, body.values);
        toSource = { ...body.values };
      }
    }
    if (merged) pass(sent, body.values, values);
  }
  #within(state: State, block: () => void): void {
    const before = this.#state;
    this.#state = state;
    block();
    this.#state = before;
  }
}

/** Takes over what has changed, as objects of its own. */
function pass(from: Values, to: Values, into: Values): void {
  for (const name of NAMES) if (from[name] !== to[name]) into[name] = to[name] && { ...to[name] };
}

function arrived(values: Values): Values {
  const copy: Values = {};
  pass({}, values, copy);
  return copy;
}

const variables = {
  x: new ContextVar<unknown>("context-model.test x"),
  y: new ContextVar<unknown>("context-model.test y"),
  z: new ContextVar<unknown>("context-model.test z"),
};
const references = processReferences;
const origin = { references, source: { local: true }, module: undefined, routine: "model" };

/** One hop: what one end tells, as the other end reads it. */
function told(exchange: ContextExchange, back: boolean) {
  const bytes = exchange.tell({ references, back });
  return bytes === undefined ? undefined : decodeContextChanges(bytes);
}

class Real implements Machine {
  get(name: Name): unknown {
    return variables[name].get();
  }
  set(name: Name, value: number): unknown {
    return variables[name].set(value);
  }
  reset(name: Name, token: unknown): void {
    variables[name].reset(token as BranchToken);
  }
  run(name: Name, value: number, block: () => void): void {
    variables[name].run(value, block);
  }
  fork(block: () => void): void {
    fork(block);
  }
  send(token: unknown): void {
    (token as BranchToken).toTravel();
  }
  call(merged: boolean, block: () => void): void {
    this.pair([block], false, merged);
  }
  pair(blocks: readonly (() => void)[], swapped: boolean, merged = true): void {
    const callers = blocks.map(() => new ContextExchange(currentBranch()));
    const sent = callers.map((caller) => told(caller, false));
    const bodies = sent.map((changes) => ContextExchange.atWorker(changes, origin));
    const answers = bodies.map((body, index) => {
      runInInnerScope({ branch: body.branch }, blocks[index] as () => void);
      return [callers[index] as ContextExchange, told(body, true)] as const;
    });
    if (!merged) return;
    for (const [caller, changes] of swapped ? answers.reverse() : answers) {
      if (changes !== undefined) caller.merge(changes, origin);
    }
  }
  stream(steps: readonly Step[]): void {
    const caller = new ContextExchange(currentBranch());
    let body: ContextExchange | undefined;
    for (const [between, block] of steps) {
      between();
      const changes = told(caller, false);
      if (body === undefined) body = ContextExchange.atWorker(changes, origin);
      else if (changes !== undefined) body.follow(changes, origin);
      runInInnerScope({ branch: body.branch }, block);
      const answer = told(body, true);
      if (answer !== undefined) caller.merge(answer, origin);
    }
  }
  flows(merged: boolean, steps: readonly FlowStep[]): void {
    const caller = new ContextExchange(currentBranch());
    const body = ContextExchange.atWorker(told(caller, false), origin);
    const [atCaller, atBody] = [caller.told, body.told];
    const ends = () => [flowContext(false, atCaller), flowContext(true, atBody)] as const;
    const [source, reader] = ends();
    const [callback, call] = ends();
    const ofSource = currentBranch().fork();
    const ofCallback = currentBranch().fork();
    for (const { body: before, kind, block } of steps) {
      runInInnerScope({ branch: body.branch }, before);
      const [own, received, branch] =
        kind === "item" ? [source, reader, ofSource] : [callback, call, ofCallback];
      const asked = received.tell(body.branch, { lenient: false });
      if (asked !== undefined) own.follow(asked, branch);
      runInInnerScope({ branch: kind === "item" ? branch : branch.fork() }, block);
      const changed = kind === "item" ? own.tell(branch, { lenient: false }) : undefined;
      if (changed !== undefined) received.merge(changed, body.branch);
    }
    const answer = told(body, true);
    if (merged && answer !== undefined) caller.merge(answer, origin);
  }
}

/** One end of a flow. */
function flowContext(isWorker: boolean, begun: Bindings): FlowContext {
  const contextOptions = () => ({ references, back: isWorker });
  return new FlowContext({ contextOptions, contextOrigin: () => origin, holds() {} }, () => begun);
}

/** Runs a program. @returns Every value read, and every refusal, in order. */
function trace(machine: Machine, program: readonly Op[]): readonly unknown[] {
  const seen: unknown[] = [];
  /** The tokens that the running code can have. */
  let tokens: { readonly name: Name; readonly token: unknown }[] = [];
  const block = (ops: readonly Op[]) => (): void => {
    for (const op of ops) step(op);
  };
  const travel = (): void => {
    for (const { token } of tokens) machine.send?.(token);
  };
  /** A block before and after which there is a hop. */
  const between = (ops: readonly Op[]) => (): void => {
    travel();
    block(ops)();
    travel();
  };
  /** Bodies of calls: each gets the tokens of its caller, which gets those that they have made, if they answer. */
  const bodies = (blocks: readonly (readonly Op[])[], merged = true): readonly (() => void)[] => {
    const before = tokens;
    travel();
    return blocks.map((ops) => () => {
      const outside = tokens;
      tokens = [...before];
      between(ops)();
      tokens = merged ? [...outside, ...tokens.slice(before.length)] : outside;
    });
  };
  const step = (op: Op): void => {
    switch (op.op) {
      case "get":
        seen.push(machine.get(op.name));
        return;
      case "set":
        tokens.push({ name: op.name, token: machine.set(op.name, op.value) });
        return;
      case "reset": {
        const chosen = tokens[op.token % Math.max(tokens.length, 1)];
        if (chosen === undefined) return;
        try {
          machine.reset(chosen.name, chosen.token);
          seen.push("reset");
        } catch {
          seen.push("refused");
        }
        return;
      }
      case "run":
        return machine.run(op.name, op.value, block(op.block));
      case "fork":
        return machine.fork(block(op.block));
      case "call":
        return machine.call(op.merged, bodies([op.block], op.merged)[0] as () => void);
      case "pair":
        return machine.pair(bodies(op.blocks), op.swapped);
      case "stream":
        return machine.stream(op.steps.map(([caller, body]) => [between(caller), between(body)] as const));
      case "flows": {
        const steps = op.steps.map(({ body, kind, block: ops }) => ({
          body: between(body),
          kind,
          block: between(ops),
        }));
        const before = [...tokens];
        travel();
        machine.flows(op.merged, steps);
        if (!op.merged) tokens = before;
        return;
      }
    }
  };
  machine.fork(block(program));
  return seen;
}

/** A small generator of pseudo-random numbers (mulberry32), from 0 to below 1. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function program(random: () => number, depth = 0): readonly Op[] {
  const below = (limit: number): number => Math.floor(random() * limit);
  const name = (): Name => NAMES[below(NAMES.length)] as Name;
  const block = (): readonly Op[] => program(random, depth + 1);
  const kinds = depth < 3 ? 11 : 4;
  return Array.from({ length: 1 + below(4) }, (): Op => {
    switch (below(kinds)) {
      case 0:
      case 1:
        return { op: "get", name: name() };
      case 2:
        return { op: "set", name: name(), value: below(1_000) };
      case 3:
        return { op: "reset", token: below(100) };
      case 4:
        return { op: "run", name: name(), value: below(1_000), block: block() };
      case 5:
        return { op: "fork", block: block() };
      case 6:
        return { op: "pair", blocks: [block(), block()], swapped: below(2) === 0 };
      case 7:
        return {
          op: "stream",
          steps: Array.from({ length: 1 + below(3) }, () => [block(), block()] as const),
        };
      case 8:
        return {
          op: "flows",
          merged: below(4) > 0,
          steps: Array.from({ length: 1 + below(4) }, () => ({
            body: block(),
            kind: below(2) === 0 ? ("callback" as const) : ("item" as const),
            block: block(),
          })),
        };
      default:
        return { op: "call", merged: below(4) > 0, block: block() };
    }
  });
}

test(`context variables do what the reference does in ${PROGRAMS} random programs`, async (context) => {
  using _warnings = useWarnings();
  using _stacks = withoutStacks();
  let read = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const ops = program(randomFrom(seed));
    const expected = trace(new Reference(), ops);
    const actual = trace(new Real(), ops);
    if (!isDeepStrictEqual(actual, expected))
      assert.deepEqual(actual, expected, `program ${seed}: ${JSON.stringify(ops)}`);
    read += expected.length;
  }
  context.diagnostic(`compared ${read} values of ${PROGRAMS} programs`);
  assert.ok(read > PROGRAMS);
  await new Promise(setImmediate); // for the warning of a race
});
