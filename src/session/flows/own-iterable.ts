/**
 * The sender's end of an iterable: reads its source while the reader takes more, by the credit in items that it gives and
 * within the window in bytes. Never more than one item is asked of the source at a time. Where the source is the stream of
 * another call, the reader is told where to take it, and nothing is read here unless it cannot.
 */
import { AsyncResource } from "node:async_hooks";
import { runInInnerScope } from "../../context/inner-scope.ts";
import { currentScope, hasContext } from "../../context/scope.ts";
import type { Branch } from "../../context/variables/branch.ts";
import { currentBranch } from "../../context/variables/current-branch.ts";
import { ArrayQueue } from "../../internal/array-queue.ts";
import { errorText } from "../../internal/error-text.ts";
import { FlowAct, type FlowHead } from "../../wire/messages/flow.ts";
import { NO_PAYLOAD, type Payload, payloadSize } from "../../wire/payload.ts";
import type { FlowContext } from "../context/flow-context.ts";
import type { Deferrable } from "../deferred-work.ts";
import type { FlowLink, FlowsOwner, OwnFlow } from "./flow-link.ts";
import { type Give, giveOf, NOT_AWAY, NOT_GIVABLE, writeGiven } from "./hand-over.ts";
import { MAX_ITEMS_AHEAD } from "./limits.ts";
import { SourceReader } from "./source-reader.ts";

/** What it needs beside its source. */
export interface OwnIterableParts {
  readonly link: FlowLink;
  readonly owner?: FlowsOwner | undefined;
  /** Told when nobody wants the item any more that is being awaited. */
  readonly unwanted: () => void;
}

/** An iterable or a stream that is read from the other end. */
export class OwnIterable implements OwnFlow, Deferrable {
  readonly #index: number;
  /** Of every item: an object for each would be one more to make. */
  readonly #itemHead: FlowHead;
  readonly #link: FlowLink;
  readonly #owner: FlowsOwner | undefined;
  readonly #unwanted: () => void;
  readonly #reader: SourceReader;
  /** So that the source runs in the surroundings of whoever has passed it on. */
  #surroundings = new AsyncResource("MerinoFlow");
  readonly #context: FlowContext;
  /** The fork of their branch in which it runs. Absent where there are no variables. */
  #branch: Branch | undefined;
  #credit = 0;
  /** How many bytes may be on their way beside one item. */
  #window = 0;
  /** Sizes of the items that the reader has not taken, oldest first. */
  readonly #sizes = new ArrayQueue<number>();
  #aheadBytes = 0;
  #hasBegun = false;
  #isReading = false;
  /** Items since others had the thread; and that they are having it. A source may have any number without waiting itself. */
  #inTurn = 0;
  #isPausing = false;
  #isOver = false;
  /** If it may be given to the reader elsewhere; absent from the first request on. */
  #give: Give | undefined;
  /** Its items are being given to the reader elsewhere: nothing is read here. */
  #isAway = false;
  /** Under which its items are kept for somebody else than the peer; absent: they are not. */
  #token: string | undefined;

  constructor(index: number, source: object, { link, owner, unwanted }: OwnIterableParts) {
    this.#index = index;
    this.#itemHead = { index, act: FlowAct.Item, number: 0, taken: 0 };
    this.#link = link;
    this.#owner = owner;
    this.#unwanted = unwanted;
    this.#reader = new SourceReader(source);
    this.#give = giveOf(source);
    this.#context = link.context(true);
    if (hasContext() || currentScope() !== undefined || this.#give !== undefined) this.#fork();
  }

  get isOpen(): boolean {
    return !this.#isOver;
  }

  pull(items: number, taken: number, variables: Uint8Array | undefined): string | undefined {
    if (this.#isOver) return undefined; // it has crossed the end
    this.#takeBack();
    const problem = this.#follow(variables);
    if (problem !== undefined) return problem;
    this.#credit += items;
    this.#window = this.#link.peerWindow;
    for (let left = Math.min(taken, this.#sizes.size); left > 0; left--)
      this.#aheadBytes -= this.#sizes.shift() ?? 0;
    if (this.#give !== undefined) this.#surroundings.runInAsyncScope(this.#giveAway, this);
    this.resume();
    return undefined;
  }

  here(): string | undefined {
    if (this.#isOver) return undefined; // as above
    if (!this.#isAway) return NOT_AWAY;
    this.#isAway = false;
    this.resume();
    return undefined;
  }

  give(token: string, variables: Uint8Array | undefined): string | undefined {
    if (this.#isOver) return undefined; // as above
    const isUnread = this.#credit === 0 && this.#sizes.size === 0 && !this.#isReading;
    if (!isUnread || this.#token !== undefined) return NOT_GIVABLE;
    const branch = this.#branch ?? this.#fork();
    const problem = this.#follow(variables);
    if (problem !== undefined) return problem;
    if (this.#owner?.keepStream?.(token, new GivenItems(this), branch) !== true) return NOT_GIVABLE;
    this.#token = token;
    this.#send(FlowAct.Given, NO_PAYLOAD, undefined);
    return undefined;
  }

  /** The next item, for somebody else than the peer. */
  async nextGiven(): Promise<IteratorResult<unknown>> {
    if (this.#isOver) return { value: undefined, done: true };
    this.#isReading = true;
    try {
      const result = await this.#surroundings.runInAsyncScope(this.#reader.next, this.#reader);
      if ((result as IteratorResult<unknown>).done === true) this.#givenOver(undefined);
      return result as IteratorResult<unknown>;
    } catch (error) {
      this.#givenOver({ reason: error });
      throw error;
    } finally {
      this.#isReading = false;
    }
  }

  /** Whoever else has had its items wants no more. */
  returnGiven(): void {
    const isReading = this.#isReading;
    this.#close(undefined);
    if (isReading) this.#unwanted();
  }

  #givenOver(failure: { readonly reason: unknown } | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#reader.ended();
    this.#owner?.flowOver(failure);
  }

  #takeBack(): void {
    if (this.#token !== undefined) this.#owner?.dropStream?.(this.#token);
    this.#token = undefined;
  }

  resume(): void {
    if (this.#wants) this.#surroundings.runInAsyncScope(this.#goOn, this);
  }

  call(): string {
    return "a call of what is no callback";
  }

  stop(reason: unknown): boolean {
    this.#close(reason);
    return this.#isReading;
  }

  end(failure: { readonly reason: unknown } | undefined): void {
    this.#close(failure?.reason);
  }

  /** The first time that somebody reads: has the items given to the reader by the worker that they come from, if it may. */
  #giveAway(): void {
    const give = this.#give;
    this.#give = undefined;
    const giving = give?.(this.#link.handsOver);
    if (giving === undefined) return;
    this.#isAway = true;
    giving.then(
      (given) => {
        if (this.#isOver) return;
        if (given === undefined) this.here();
        else this.#send(FlowAct.Elsewhere, this.#link.encode(writeGiven(given), "item"), undefined);
      },
      () => this.here(),
    );
  }

  get #hasRoom(): boolean {
    return this.#credit > 0 && (this.#aheadBytes === 0 || this.#aheadBytes < this.#window);
  }

  /** Whether the next item is to be asked for. */
  get #wants(): boolean {
    return !this.#isOver && !this.#isAway && !this.#isReading && !this.#isPausing && this.#hasRoom;
  }

  /** Asks for the next item, unless the peer is to read first, or others are to have the thread. */
  #goOn(): void {
    if (this.#link.defers(this)) return;
    if (++this.#inTurn <= MAX_ITEMS_AHEAD) return this.#read();
    this.#isPausing = true;
    setImmediate(() => {
      this.#isPausing = false;
      this.#inTurn = 0;
      if (this.#wants) this.#goOn();
    });
  }

  #read(): void {
    this.#isReading = true;
    let step: unknown;
    try {
      step = this.#reader.next();
    } catch (error) {
      this.#failed(error);
      return;
    }
    Promise.resolve(step).then(this.#came, this.#failed);
  }

  readonly #came = (result: unknown): void => {
    this.#isReading = false;
    if (this.#isOver) return;
    try {
      const { done, value } = result as IteratorResult<unknown>;
      if (done === true) {
        const variables = this.#changed(false);
        const payload = value === undefined ? NO_PAYLOAD : this.#link.encode(value, "returned");
        this.#finish(FlowAct.End, payload, variables);
        return;
      }
      const variables = this.#changed(false);
      const payload = this.#link.encode(value, "item");
      // Before it is sent: the encoder may use the object again.
      const sizeBytes = payloadSize(payload) + (variables?.length ?? 0);
      this.#link.send(this.#itemHead, payload, variables);
      this.#credit -= 1;
      this.#sizes.push(sizeBytes);
      this.#aheadBytes += sizeBytes;
    } catch (error) {
      this.#reject(error);
      this.#reader.close(error, () => this.#owner?.flowOver({ reason: error }));
      return;
    }
    if (this.#wants) this.#goOn();
  };

  readonly #failed = (error: unknown): void => {
    this.#isReading = false;
    if (this.#isOver) return;
    this.#reader.ended();
    this.#reject(error);
    this.#owner?.flowOver({ reason: error });
  };

  #reject(error: unknown): void {
    this.#isOver = true;
    const variables = this.#changed(true);
    this.#send(FlowAct.Error, this.#link.encodeThrown(error), variables);
  }

  #finish(act: FlowAct, payload: Payload, variables: Uint8Array | undefined): void {
    this.#isOver = true;
    this.#reader.ended();
    this.#send(act, payload, variables);
    this.#owner?.flowOver(undefined);
  }

  #send(act: FlowAct, payload: Payload, variables: Uint8Array | undefined): void {
    const head: FlowHead = { index: this.#index, act, number: 0, taken: 0 };
    this.#link.send(head, payload, variables);
  }

  /** Goes on in a fork of the branch of whoever has passed it on. */
  #fork(): Branch {
    return this.#surroundings.runInAsyncScope(() => {
      const branch = currentBranch().fork();
      this.#branch = branch;
      this.#surroundings = runInInnerScope({ branch }, () => new AsyncResource("MerinoFlow"));
      return branch;
    });
  }

  /** Before the source is asked for more. @returns What of the rules is broken. */
  #follow(variables: Uint8Array | undefined): string | undefined {
    if (this.#branch === undefined && variables !== undefined) this.#fork();
    if (this.#branch === undefined) return undefined;
    if (!this.#hasBegun) this.#context.begin(this.#branch);
    this.#hasBegun = true;
    try {
      if (variables !== undefined) this.#context.follow(variables, this.#branch);
      return undefined;
    } catch (error) {
      return errorText(error);
    }
  }

  /** What the source has changed of the variables. @param lenient Whether what cannot travel stays behind. */
  #changed(lenient: boolean): Uint8Array | undefined {
    return this.#branch === undefined ? undefined : this.#context.tell(this.#branch, { lenient });
  }

  #close(reason: unknown): void {
    this.#isOver = true;
    this.#takeBack();
    this.#link.givesUp(this);
    this.#sizes.clear();
    this.#surroundings.runInAsyncScope(this.#reader.close, this.#reader, reason, () =>
      this.#owner?.flowOver(undefined),
    );
  }
}

/** Its items as somebody else reads them than the peer of its flow. */
class GivenItems implements AsyncIterableIterator<unknown> {
  readonly #iterable: OwnIterable;

  constructor(iterable: OwnIterable) {
    this.#iterable = iterable;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#iterable.nextGiven();
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#iterable.returnGiven();
    return { value: undefined, done: true };
  }
}
