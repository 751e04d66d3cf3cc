/**
 * The reader's end of an iterable. It asks for one item at first, and for more ahead as long as its reader has to wait for
 * them: one that takes its time is never far behind the source, and one that does not pays no round trip for each item. What
 * has come ahead is kept in bytes, and becomes a value when it is taken. Where its owner says that the items are at another
 * worker, it takes them there, and asks the owner for none unless they are not to be had.
 */
import { FlowKind } from "../../codec/format.ts";
import { ArrayQueue } from "../../internal/array-queue.ts";
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import { FlowAct, type FlowHead } from "../../wire/messages/flow.ts";
import { NO_PAYLOAD, type Payload, payloadSize } from "../../wire/payload.ts";
import type { FlowLink } from "./flow-link.ts";
import { createToken, type Give, type GivenStream, makeGivable, readGiven } from "./hand-over.ts";
import { MAX_ITEMS_AHEAD } from "./limits.ts";
import { quiet, quietRejection, rejectQuietly } from "./quiet.ts";
import type { ReceivedFlow } from "./received-flow.ts";

/** How it has ended: with what the iterable has returned, or with an error. */
type End = { readonly payload: Payload } | { readonly error: unknown };

const READ = "read the iterable";
const DONE: End = { payload: NO_PAYLOAD };

/** The items of a source at the other end of a call. */
export class ReceivedIterable implements ReceivedFlow {
  readonly kind: number;
  readonly #index: number;
  readonly #link: FlowLink;
  readonly #value: unknown;
  readonly #ahead = new ArrayQueue<Payload>();
  #aheadBytes = 0;
  readonly #waiting = new ArrayQueue<Deferred<IteratorResult<unknown>>>();
  /** How many items may be on their way, and ahead of the reader. */
  #window = 1;
  #granted = 0;
  #received = 0;
  #taken = 0;
  /** Of those taken, how many the owner knows of, and how long the others are. */
  #told = 0;
  #untoldBytes = 0;
  #end: End | undefined;
  /** Its end has been handed out. */
  #isOver = false;
  /** Ends the taking of its items from another worker; absent while they come from its owner. */
  #taking: AbortController | undefined;
  /** They are being taken there. */
  #elsewhere: AsyncIterator<unknown> | undefined;

  /** It is being given to somebody else; absent while nobody has asked for that. */
  #gift: (GivenStream & { readonly told: Deferred<GivenStream | undefined> }) | undefined;

  constructor(index: number, kind: number, link: FlowLink) {
    this.kind = kind;
    this.#index = index;
    this.#link = link;
    this.#value = kind === FlowKind.READABLE ? readableOf(this) : new RemoteIterable(this);
  }

  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  get value(): unknown {
    return this.#value;
  }

  next(): Promise<IteratorResult<unknown>> {
    if (this.#elsewhere !== undefined) return this.#follow(this.#elsewhere);
    const payload = this.#ahead.shift();
    if (payload !== undefined) {
      this.#aheadBytes -= payloadSize(payload);
      this.#took(payload);
      return this.#read(payload, true);
    }
    if (this.#end !== undefined) return this.#finish(this.#end);
    const isBehind = this.#taken > 0 || this.#waiting.size > 0;
    if (isBehind && this.#window < MAX_ITEMS_AHEAD) this.#window *= 2;
    const waiting = createDeferred<IteratorResult<unknown>>();
    this.#waiting.push(waiting);
    if (this.#waiting.size === 1) this.#link.awaits(true);
    this.#ask();
    return waiting.promise;
  }

  /** Has its owner give the items to somebody else; see {@link Give}. */
  give(dispatcher: object): ReturnType<Give> {
    const isUnread = this.#granted === 0 && this.#end === undefined && this.#gift === undefined;
    const uid = this.#link.givesTo?.(dispatcher);
    if (!isUnread || uid === undefined) return undefined;
    const gift = { uid, token: createToken(), told: createDeferred<GivenStream | undefined>() };
    this.#gift = gift;
    const head = { index: this.#index, act: FlowAct.Give, number: 0, taken: 0 };
    this.#link.send(head, this.#link.encode(gift.token, "token"));
    return gift.told.promise;
  }

  /** Wants no more items. */
  stop(reason: unknown): void {
    const elsewhere = this.#elsewhere;
    if (elsewhere !== undefined) {
      this.#elsewhere = undefined;
      const left = reason === undefined ? elsewhere.return?.() : elsewhere.throw?.(reason);
      left?.catch(() => {});
    } else if (this.#end === undefined) {
      this.#taking?.abort(reason);
      const payload = reason === undefined ? NO_PAYLOAD : this.#link.encodeThrown(reason);
      this.#link.send({ index: this.#index, act: FlowAct.Stop, number: 0, taken: 0 }, payload);
    }
    this.#drop();
    this.#close(DONE);
    this.#isOver = true;
  }

  take({ act }: FlowHead, payload: Payload): string | undefined {
    if (this.#end !== undefined) return undefined; // it has crossed the end
    if (this.#taking !== undefined) return "a message of a flow that its owner has said to be elsewhere";
    switch (act) {
      case FlowAct.Item:
        return this.#item(payload);
      case FlowAct.End:
        this.#close({ payload: payload.start === payload.end ? NO_PAYLOAD : this.#link.keep(payload) });
        return undefined;
      case FlowAct.Error:
        this.#close({ error: this.#thrown(payload) });
        return undefined;
      case FlowAct.Elsewhere:
        return this.#go(payload);
      case FlowAct.Given: {
        const { uid = "", token = "", told } = this.#gift ?? {};
        if (told === undefined) return "a flow is said to be given away that has not been";
        told.resolve({ uid, token });
        return undefined;
      }
      default:
        return "a message of a flow from its wrong end";
    }
  }

  end(makeError: (what: string) => unknown): void {
    const end = this.#end;
    if (end === undefined) this.#taking?.abort(makeError(READ));
    this.#elsewhere = undefined;
    const isUnread =
      this.#ahead.size > 0 || (end !== undefined && "payload" in end && end.payload !== NO_PAYLOAD);
    this.#drop();
    if (end !== undefined && "payload" in end) this.#link.release(end.payload);
    if (end !== undefined && !isUnread) return;
    this.#end = undefined; // its reader must not take what it has read for the whole
    this.#close({ error: makeError(READ) });
  }

  #item(payload: Payload): string | undefined {
    if (this.#received >= this.#granted) return "an item of an iterable that was not asked for";
    this.#received += 1;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      // An owner who keeps to the window has sent the last of these with room left; it may measure text otherwise.
      if (this.#aheadBytes > 2 * this.#link.ownWindow)
        return "more bytes of an iterable than its reader takes ahead";
      this.#ahead.push(this.#link.keep(payload));
      this.#aheadBytes += payloadSize(payload);
      return undefined;
    }
    if (this.#waiting.size === 0) this.#link.awaits(false);
    this.#took(payload);
    let value: unknown;
    try {
      value = this.#link.decode(payload);
    } catch (error) {
      this.#unreadable(error);
      rejectQuietly(waiting, error);
      return undefined;
    }
    waiting.resolve({ value, done: false });
    return undefined;
  }

  /** Its items are to be had from another worker. @returns What of the rules is broken; usually nothing. */
  #go(payload: Payload): string | undefined {
    const given = readGiven(this.#thrown(payload));
    if (given === undefined || this.#granted === 0 || this.#received > 0)
      return "a flow is said to be elsewhere that is not, or not where it is said to be";
    const taking = new AbortController();
    this.#taking = taking;
    const taken = this.#link.takeGiven?.(given, taking.signal) ?? Promise.resolve(undefined);
    taken.then(
      (items) => this.#arrived(items),
      (error: unknown) => this.#close({ error }),
    );
    return undefined;
  }

  /** @param items Absent: they have to come from the owner after all. */
  #arrived(items: AsyncIterator<unknown> | undefined): void {
    if (this.#end !== undefined) {
      items?.return?.().catch(() => {});
    } else if (items === undefined) {
      this.#taking = undefined;
      this.#link.send({ index: this.#index, act: FlowAct.Here, number: 0, taken: 0 }, NO_PAYLOAD);
      this.#ask();
    } else {
      this.#elsewhere = items;
      if (this.#waiting.size > 0) this.#link.awaits(false);
      for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift()) {
        waiting.promise.catch(() => {}); // as below
        this.#follow(items).then(waiting.resolve, waiting.reject);
      }
    }
  }

  /** The next item from the other worker. */
  #follow(items: AsyncIterator<unknown>): Promise<IteratorResult<unknown>> {
    const result = items.next();
    result.then(
      ({ done }) => done === true && this.#followed(),
      () => this.#followed(), // what has gone wrong at the other end must not end this process
    );
    return result;
  }

  #followed(): void {
    if (this.#elsewhere === undefined) return;
    this.#elsewhere = undefined;
    this.#end = DONE;
    this.#isOver = true;
  }

  /** An item has been taken by the reader. */
  #took(payload: Payload): void {
    this.#taken += 1;
    this.#untoldBytes += payloadSize(payload);
    if (this.#window > 1 && this.#end === undefined) this.#ask();
  }

  /** Asks for more, in lots of half the window, in items or in bytes: the owner stops at either limit. */
  #ask(): void {
    if (this.#taking !== undefined) return;
    const items = this.#window - (this.#granted - this.#taken);
    const taken = this.#taken - this.#told;
    if (items * 2 < this.#window && this.#untoldBytes * 2 < this.#link.ownWindow) return;
    this.#granted += items;
    this.#told = this.#taken;
    this.#untoldBytes = 0;
    this.#link.send({ index: this.#index, act: FlowAct.Pull, number: items, taken }, NO_PAYLOAD);
  }

  #read(payload: Payload, isItem: boolean): Promise<IteratorResult<unknown>> {
    let value: unknown;
    try {
      value = payload.start === payload.end ? undefined : this.#link.decode(payload);
    } catch (error) {
      if (isItem) this.#unreadable(error);
      return quietRejection(error);
    } finally {
      this.#link.release(payload);
    }
    return Promise.resolve({ value, done: !isItem });
  }

  /** An item cannot be read here: nothing after it counts. */
  #unreadable(error: unknown): void {
    if (this.#end === undefined) this.stop(error);
    this.#drop();
  }

  #thrown(payload: Payload): unknown {
    try {
      return this.#link.decode(payload);
    } catch (error) {
      return error;
    }
  }

  /** No item comes any more: those who wait learn of the end. */
  #close(end: End): void {
    this.#end ??= end;
    this.#gift?.told.resolve(undefined);
    if (this.#waiting.size > 0) this.#link.awaits(false);
    for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift()) {
      void quiet(waiting.promise);
      this.#finish(this.#end).then(waiting.resolve, waiting.reject);
    }
  }

  /** Hands out the end, once; from then on it is done. */
  #finish(end: End): Promise<IteratorResult<unknown>> {
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true });
    this.#isOver = true;
    this.#end = DONE;
    return "error" in end ? quietRejection(end.error) : this.#read(end.payload, false);
  }

  #drop(): void {
    for (let kept = this.#ahead.shift(); kept !== undefined; kept = this.#ahead.shift())
      this.#link.release(kept);
    this.#aheadBytes = 0;
  }
}

/** The same as a stream of the web, which asks for an item when somebody reads. */
function readableOf(items: ReceivedIterable): ReadableStream<unknown> {
  const stream = new ReadableStream<unknown>(
    {
      async pull(controller) {
        const { done, value } = await items.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => items.stop(reason),
    },
    { highWaterMark: 0 },
  );
  makeGivable(stream, () => (dispatcher) => (stream.locked ? undefined : items.give(dispatcher)));
  return stream;
}

/** What the routine has of it: an async iterable that can be read once. */
class RemoteIterable implements AsyncIterableIterator<unknown> {
  static {
    makeGivable(this.prototype, (iterable) => (dispatcher) => iterable.#items.give(dispatcher));
  }

  readonly #items: ReceivedIterable;

  constructor(items: ReceivedIterable) {
    this.#items = items;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#items.stop(undefined);
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#items.next();
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    this.#items.stop(undefined);
    return Promise.resolve(value).then((settled) => ({ value: settled, done: true }));
  }

  throw(error: unknown): Promise<IteratorResult<unknown>> {
    this.#items.stop(error);
    return Promise.reject(error);
  }
}
