/** The end of a callback that has the function: calls it as the calls come, and answers each when it has settled. */
import { AsyncResource } from "node:async_hooks";
import { runInInnerScope } from "../../context/inner-scope.ts";
import { hasContext } from "../../context/scope.ts";
import type { Branch } from "../../context/variables/branch.ts";
import { currentBranch } from "../../context/variables/current-branch.ts";
import { errorText } from "../../internal/error-text.ts";
import { isThenable } from "../../internal/is-thenable.ts";
import { withinTrace } from "../../telemetry/recorder.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import { FlowAct } from "../../wire/messages/flow.ts";
import { NO_PAYLOAD, type Payload } from "../../wire/payload.ts";
import type { FlowContext } from "../context/flow-context.ts";
import type { CallerContext, FlowLink, OwnFlow } from "./flow-link.ts";
import { MAX_CALLS_UNDER_WAY } from "./limits.ts";

/** What is called. */
export type Called = (...parameters: readonly unknown[]) => unknown;

/** A function that is called from the other end. */
export class OwnCallback implements OwnFlow {
  readonly #index: number;
  readonly #link: FlowLink;
  readonly #fn: Called;
  /** So that the function runs in the surroundings of whoever has passed it on. */
  readonly #surroundings = new AsyncResource("MerinoFlow");
  /** The branch of whoever has passed it on. */
  readonly #around: Branch = currentBranch();
  readonly #context: FlowContext;
  /** What the body has of the variables when it calls; each call runs in a fork of it. Absent until there are some. */
  #branch: Branch | undefined;
  #underWay = 0;
  #isOver = false;

  constructor(index: number, fn: Called, link: FlowLink) {
    this.#index = index;
    this.#fn = fn;
    this.#link = link;
    this.#context = link.context(true);
  }

  get isOpen(): boolean {
    return !this.#isOver;
  }

  pull(): string {
    return "a request for the items of what is no iterable";
  }

  stop(): boolean {
    return false; // nobody has to say that it calls no more
  }

  call(
    number: number,
    parameters: readonly unknown[],
    { variables, trace }: CallerContext,
  ): string | undefined {
    if (this.#isOver) return undefined; // it has crossed the end
    if (this.#underWay >= MAX_CALLS_UNDER_WAY) return "more calls of a callback than may be under way";
    if (variables !== undefined || this.#branch !== undefined || hasContext()) {
      this.#branch ??= this.#around.fork(this.#context.known);
      try {
        if (variables !== undefined) this.#context.follow(variables, this.#branch);
      } catch (error) {
        return errorText(error);
      }
    }
    this.#underWay += 1;
    let outcome: unknown;
    try {
      outcome = this.#run(parameters, trace);
    } catch (error) {
      this.#threw(number, error);
      return undefined;
    }
    if (!isThenable(outcome)) this.#returned(number, outcome);
    else {
      Promise.resolve(outcome).then(
        (value: unknown) => this.#returned(number, value),
        (error: unknown) => this.#threw(number, error),
      );
    }
    return undefined;
  }

  end(): void {
    this.#isOver = true;
  }

  #run(parameters: readonly unknown[], trace: TraceContext | undefined): unknown {
    const surroundings = this.#surroundings;
    const branch = this.#branch?.fork();
    if (branch === undefined && trace === undefined)
      return surroundings.runInAsyncScope(this.#fn, undefined, ...parameters);
    const within = trace === undefined ? undefined : withinTrace(trace);
    const run = (): unknown =>
      runInInnerScope(
        { ...(branch !== undefined && { branch }), ...(trace !== undefined && { traceContext: trace }) },
        () => this.#fn(...parameters),
      );
    return surroundings.runInAsyncScope(within === undefined ? run : () => within.run(run));
  }

  #returned(number: number, value: unknown): void {
    if (this.#isOver) return;
    let payload: Payload;
    try {
      payload = value === undefined ? NO_PAYLOAD : this.#link.encode(value, "result");
    } catch (error) {
      this.#threw(number, error);
      return;
    }
    this.#answer(FlowAct.Item, number, payload);
  }

  #threw(number: number, error: unknown): void {
    if (!this.#isOver) this.#answer(FlowAct.Error, number, this.#link.encodeThrown(error));
  }

  #answer(act: FlowAct, number: number, payload: Payload): void {
    this.#underWay -= 1;
    try {
      this.#link.send({ index: this.#index, act, number, taken: 0 }, payload);
    } catch (error) {
      this.#link.send(
        { index: this.#index, act: FlowAct.Error, number, taken: 0 },
        this.#link.encodeThrown(error),
      );
    }
  }
}
