/**
 * Discovery among the processes of one user on one host, through a private directory with a file per worker.
 *
 * Every process has one watch per namespace, whoever subscribes through whichever copy of the package.
 */

import { runtimeDirectory } from "../../transport/unix/runtime-directory.ts";
import { createPublisher } from "../create-publisher.ts";
import type {
  Discovery,
  DiscoveryDescriptor,
  DiscoveryEvent,
  Publisher,
  SubscribeOptions,
} from "../discovery.ts";
import { parseNamespace } from "../namespace.ts";
import type { SharedWatch } from "../shared-watch.ts";
import { SharedWatches } from "../shared-watches.ts";
import { AdvertisementDirectory } from "./advertisement-directory.ts";
import { AdvertisementWatch } from "./advertisement-watch.ts";

/** Watches in use, by namespace. */
const watches = new SharedWatches("local");

/**
 * Finds and announces workers of this user on this host that use the same namespace.
 *
 * An announcement lives until it is retracted, its publisher is closed, or its worker, being of this host,
 * no longer answers on its Unix socket: a killed worker disappears within seconds.
 *
 * @example
 * const discovery = new LocalDiscovery("thumbs");
 * await using pool = await WorkerPool.open({ size: 2, discovery, lease: 6 });
 */
export class LocalDiscovery implements Discovery {
  /** Workers of other namespaces are not seen. */
  readonly namespace: string;
  readonly descriptor: DiscoveryDescriptor;

  /**
   * @param namespace 1 to 64 letters, digits, `.`, `_` or `-`.
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `namespace`, fault: caller) otherwise.
   */
  constructor(namespace: string) {
    this.namespace = parseNamespace(namespace);
    this.descriptor = Object.freeze({
      kind: "local",
      parameters: Object.freeze({ namespace: this.namespace }),
    });
  }

  /**
   * Makes a publisher whose announcements every process of this user sees. It keeps nothing open.
   *
   * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `runtimeDirectory`) if the directory is
   *   not this user's own.
   */
  publisher(): Publisher {
    const directory = new AdvertisementDirectory(this.namespace);
    runtimeDirectory(); // whoever cannot announce learns it now
    return createPublisher(
      {
        announce: (worker) => directory.write(worker),
        retract: ({ uid }) => directory.remove(uid),
        close: () => directory.removeIfEmpty(),
      },
      "127.0.0.1",
    );
  }

  /** An unreadable or unsafe directory ends the iteration with an `InvalidOptionError`. */
  subscribe(options?: SubscribeOptions): AsyncIterable<DiscoveryEvent> {
    return {
      [Symbol.asyncIterator]: () => sharedWatch(this.namespace).subscribe(options)[Symbol.asyncIterator](),
    };
  }
}

function sharedWatch(namespace: string): SharedWatch {
  return watches.get(namespace, (report, signal) => new AdvertisementWatch(namespace, report).run(signal));
}
