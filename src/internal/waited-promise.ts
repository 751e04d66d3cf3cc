/**
 * A promise that keeps the process alive while somebody waits for it. Without that, a program that only awaits the end
 * of something which does not keep it alive would end in the middle of that `await`, with exit code 13.
 *
 * Every `then` counts as waiting, `await` included; a promise cannot tell who waits from who only listens.
 */
import { keepAlive, letExit } from "./keep-alive.ts";

/** Made by {@link waitedFor}. */
class WaitedPromise<T> extends Promise<T> {
  /** What its methods make are ordinary promises. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  /** What has to be done when somebody begins to wait; undefined: nothing, any more. */
  begin: (() => void) | undefined;

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<R = T, E = never>(
    onFulfilled?: ((value: T) => R | PromiseLike<R>) | null,
    onRejected?: ((reason: unknown) => E | PromiseLike<E>) | null,
  ): Promise<R | E> {
    this.begin?.();
    return super.then(onFulfilled, onRejected);
  }
}

/** Makes one that settles as `source` does. */
export function waitedFor<T>(source: Promise<T>): Promise<T> {
  let kept = false;
  const promise = new WaitedPromise<T>((resolve) => resolve(source));
  promise.begin = () => {
    promise.begin = undefined;
    kept = true;
    keepAlive();
  };
  const over = (): void => {
    promise.begin = undefined;
    if (kept) letExit();
  };
  source.then(over, over);
  return promise;
}
