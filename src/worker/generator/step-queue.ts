/**
 * The steps of one generator that have been asked for and not taken, oldest first. What they bring is kept encoded until
 * their turn comes, and counted as held for the client.
 */
import { ArrayQueue } from "../../internal/array-queue.ts";
import type { ServerSession } from "../../session/server-session.ts";
import { payloadSize } from "../../wire/payload.ts";
import type { Step } from "./generator-step.ts";

/** Steps that may be asked for before the ones before them are answered. */
export const MAX_STEPS = 65_536;

/** What a step takes up, at least. */
const STEP_BYTES = 32;

/** What a payload takes up that is kept, beside its bytes: itself, a view and a buffer of its own. */
const KEPT_BYTES = 448;

/** The steps of one generator. */
export class StepQueue {
  readonly #steps = new ArrayQueue<Step>();
  readonly #session: ServerSession;

  constructor(session: ServerSession) {
    this.#session = session;
  }

  get size(): number {
    return this.#steps.size;
  }

  get full(): boolean {
    return this.#steps.size >= MAX_STEPS;
  }

  /** Of what the next one brings, parts not counted. */
  get unreadBytes(): number {
    const payload = this.#steps.peek()?.payload;
    return payload === undefined ? 0 : payload.end - payload.start;
  }

  push(step: Step): void {
    this.#steps.push(step);
    this.#count(step, 1);
  }

  /** Puts a step before all others. */
  unshift(step: Step): void {
    this.#steps.unshift(step);
    this.#count(step, 1);
  }

  shift(): Step | undefined {
    const step = this.#steps.shift();
    if (step !== undefined) this.#count(step, -1);
    return step;
  }

  clear(): void {
    for (let step = this.shift(); step !== undefined; step = this.shift());
  }

  #count(step: Step, sign: 1 | -1): void {
    const { memory } = this.#session.connection;
    if (memory === undefined) return;
    const { payload, variables } = step;
    const kept = payload === undefined ? 0 : KEPT_BYTES + payloadSize(payload);
    const bytes = STEP_BYTES + kept + (variables?.length ?? 0);
    if (sign > 0) memory.add(bytes);
    else memory.drop(bytes);
  }
}
