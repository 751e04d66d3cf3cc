/** The items of a generator that somebody else is to have from its worker: told of once a worker has taken the call. */
import { createDeferred, type Deferred } from "../../../internal/deferred.ts";
import { createToken, type GivenStream } from "../../../session/flows/hand-over.ts";

/** Of one generator. */
export class Gift {
  readonly token: string = createToken();
  /** Nobody has asked for an item here. */
  isWhole = true;
  readonly #told: Deferred<GivenStream | undefined> = createDeferred();

  /** Where the items are; `undefined` if they are to be asked for here. */
  get place(): Promise<GivenStream | undefined> {
    return this.#told.promise;
  }

  /** A worker has taken the call. @param isKept Whether it keeps the items. */
  accepted(uid: string, isKept: boolean): void {
    this.#told.resolve(isKept ? { uid, token: this.token } : undefined);
  }

  /** The call has ended: what is asked for here tells how. */
  over(): void {
    this.#told.resolve(undefined);
  }
}
