/**
 * The reader's end of an iterable. It asks for one item at first, and for more ahead as long as its reader has to wait for
 * them: one that takes its time is never far behind the source, and one that does not pays no round trip for each item. What
 * has come ahead is kept in bytes, and becomes a value when it is taken. Where its owner says that the items are at another
 * worker, it takes them there, and asks the owner for none unless they are not to be had.
 */
import { FlowKind } from "../../codec/format.ts";
import { runInInnerScope } from "../../context/inner-scope.ts";
import { currentScope, hasContext } from "../../context/scope.ts";
import { type Bindings, NO_BINDINGS } from "../../context/variables/bindings.ts";
import type { Branch } from "../../context/variables/branch.ts";
import { currentBranch } from "../../context/variables/current-branch.ts";
import { ArrayQueue } from "../../internal/array-queue.ts";
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import { FlowAct, type FlowHead } from "../../wire/messages/flow.ts";
import { NO_PAYLOAD, type Payload, payloadSize } from "../../wire/payload.ts";
import type { FlowContext } from "../context/flow-context.ts";
import type { FlowLink } from "./flow-link.ts";
import { createToken, type Give, type GivenStream, readGiven } from "./hand-over.ts";
import { MAX_ITEMS_AHEAD } from "./limits.ts";
import { quiet, quietRejection, rejectQuietly } from "./quiet.ts";
import type { ReceivedFlow } from "./received-flow.ts";
import { type RemoteItems, RemoteIterable, readableOf } from "./remote-iterable.ts";

/** How it has ended: with what the iterable has returned, or with an error. */
type End = ({ readonly payload: Payload } | { readonly error: unknown }) & {
  readonly variables?: Uint8Array | undefined;
};

/** Somebody who waits for an item. */
type Waiting = Deferred<IteratorResult<unknown>> & {
  /** Absent where there are no variables. */
  branch?: Branch;
};

const READ = "read the iterable";
const DONE: End = { payload: NO_PAYLOAD };

/** The items of a source at the other end of a call. */
export class ReceivedIterable implements ReceivedFlow, RemoteItems {
  readonly kind: number;
  readonly #index: number;
  readonly #link: FlowLink;
  readonly #value: unknown;
  readonly #context: FlowContext;
  /** The branch that has asked last. Absent where there are no variables. */
  #branch: Branch | undefined;
  /** What the owner knew of the variables when it was first asked, if it may say that the items are elsewhere. */
  #begun: Bindings | undefined;
  readonly #ahead = new ArrayQueue<Payload>();
  #aheadBytes = 0;
  /** What the source has changed of the variables with items that have come ahead, by their numbers from 1; mostly absent. */
  #aheadVariables: Map<number, Uint8Array> | undefined;
  readonly #waiting = new ArrayQueue<Waiting>();
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
    this.#context = link.context(false);
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
    if (hasContext() || currentScope() !== undefined) this.#branch = currentBranch();
    const payload = this.#ahead.shift();
    if (payload !== undefined) {
      this.#aheadBytes -= payloadSize(payload);
      const variables = this.#aheadVariables === undefined ? undefined : this.#takeAhead(this.#taken + 1);
      this.#took(payload);
      return this.#read({ payload, variables }, this.#branch, true);
    }
    if (this.#end !== undefined) return this.#finish(this.#end, this.#branch);
    const isBehind = this.#taken > 0 || this.#waiting.size > 0;
    if (isBehind && this.#window < MAX_ITEMS_AHEAD) this.#window *= 2;
    const waiting: Waiting = createDeferred<IteratorResult<unknown>>();
    if (this.#branch !== undefined) waiting.branch = this.#branch;
    this.#waiting.push(waiting);
    if (this.#waiting.size === 1) this.#link.awaits(true);
    this.#ask();
    return waiting.promise;
  }

  /** Has its owner give the items to somebody else; see {@link Give}. */
  give(dispatcher: object | undefined): ReturnType<Give> {
    const isUnread = this.#granted === 0 && this.#end === undefined && this.#gift === undefined;
    const uid = dispatcher === undefined ? undefined : this.#link.givesTo?.(dispatcher);
    if (!isUnread || uid === undefined) return undefined;
    const gift = { uid, token: createToken(), told: createDeferred<GivenStream | undefined>() };
    this.#gift = gift;
    const head = { index: this.#index, act: FlowAct.Give, number: 0, taken: 0 };
    const variables = this.#context.tell(currentBranch(), { lenient: true });
    this.#link.send(head, this.#link.encode(gift.token, "token"), variables);
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

  take({ act }: FlowHead, payload: Payload, variables: Uint8Array | undefined): string | undefined {
    if (this.#end !== undefined) return undefined; // it has crossed the end
    if (this.#taking !== undefined) return "a message of a flow that its owner has said to be elsewhere";
    switch (act) {
      case FlowAct.Item:
        return this.#item(payload, variables);
      case FlowAct.End:
        this.#close({
          payload: payload.start === payload.end ? NO_PAYLOAD : this.#link.keep(payload),
          variables,
        });
        return undefined;
      case FlowAct.Error:
        this.#close({ error: this.#thrown(payload), variables });
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

  #item(payload: Payload, variables: Uint8Array | undefined): string | undefined {
    if (this.#received >= this.#granted) return "an item of an iterable that was not asked for";
    this.#received += 1;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      // An owner who keeps to the window has sent the last of these with room left; it may measure text otherwise.
      if (this.#aheadBytes > 2 * this.#link.ownWindow)
        return "more bytes of an iterable than its reader takes ahead";
      this.#ahead.push(this.#link.keep(payload));
      this.#aheadBytes += payloadSize(payload);
      if (variables !== undefined) this.#keepAhead(this.#received, variables);
      return undefined;
    }
    if (this.#waiting.size === 0) this.#link.awaits(false);
    this.#took(payload);
    let value: unknown;
    try {
      if (variables !== undefined) this.#merge(variables, waiting.branch);
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
    const known = this.#begun ?? NO_BINDINGS;
    const taken = this.#link.takeGiven?.(given, known, taking.signal) ?? Promise.resolve(undefined);
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
        const { branch } = waiting;
        const next = (): Promise<IteratorResult<unknown>> => this.#follow(items);
        const result = branch === undefined ? next() : runInInnerScope({ branch }, next);
        result.then(waiting.resolve, waiting.reject);
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
    const branch = this.#branch;
    const variables = branch === undefined ? undefined : this.#context.tell(branch, { lenient: true });
    if (this.#link.takeGiven !== undefined) this.#begun ??= this.#context.known;
    this.#link.send({ index: this.#index, act: FlowAct.Pull, number: items, taken }, NO_PAYLOAD, variables);
  }

  #read(
    { payload, variables }: { readonly payload: Payload; readonly variables?: Uint8Array | undefined },
    branch: Branch | undefined,
    isItem: boolean,
  ): Promise<IteratorResult<unknown>> {
    let value: unknown;
    try {
      if (variables !== undefined) this.#merge(variables, branch);
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

  /** Takes over what the source has changed, into the branch of whoever reads. */
  #merge(variables: Uint8Array, branch: Branch | undefined): void {
    this.#context.merge(variables, branch ?? currentBranch());
  }

  #keepAhead(item: number, variables: Uint8Array): void {
    this.#aheadVariables ??= new Map();
    this.#aheadVariables.set(item, variables);
    this.#aheadBytes += variables.length;
    this.#link.holds(variables.length);
  }

  #takeAhead(item: number): Uint8Array | undefined {
    const variables = this.#aheadVariables?.get(item);
    if (variables === undefined) return undefined;
    this.#aheadVariables?.delete(item);
    this.#aheadBytes -= variables.length;
    this.#link.holds(-variables.length);
    return variables;
  }

  /** No item comes any more: those who wait learn of the end. */
  #close(end: End): void {
    this.#end ??= end;
    this.#gift?.told.resolve(undefined);
    if (this.#waiting.size > 0) this.#link.awaits(false);
    for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift()) {
      void quiet(waiting.promise);
      this.#finish(this.#end, waiting.branch).then(waiting.resolve, waiting.reject);
    }
  }

  /** Hands out the end, once; from then on it is done. */
  #finish(end: End, branch: Branch | undefined): Promise<IteratorResult<unknown>> {
    if (this.#isOver) return Promise.resolve({ value: undefined, done: true });
    this.#isOver = true;
    this.#end = DONE;
    if (!("error" in end)) return this.#read(end, branch, false);
    try {
      if (end.variables !== undefined) this.#merge(end.variables, branch);
    } catch {
      // the error must not be lost for their sake
    }
    return quietRejection(end.error);
  }

  #drop(): void {
    for (let kept = this.#ahead.shift(); kept !== undefined; kept = this.#ahead.shift())
      this.#link.release(kept);
    for (const item of this.#aheadVariables?.keys() ?? []) this.#takeAhead(item);
    this.#aheadBytes = 0;
  }
}
