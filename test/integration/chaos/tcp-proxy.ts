/** The network between callers and one worker: a small proxy that cuts, delays, silences and half closes connections. */
import { once } from "node:events";
import { connect as connectTcp, createServer, type Server, type Socket } from "node:net";
import { type End, TcpLink, type Weather } from "./tcp-link.ts";

/** Where something listens. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** Such a proxy. Disposing ends it with all its connections. */
export class TcpProxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #links = new Set<TcpLink>();
  readonly #weather: { -readonly [Key in keyof Weather]: Weather[Key] } = { delayMs: 0, silent: false };
  #refusing = false;

  private constructor(server: Server, worker: Place) {
    this.#server = server;
    server.on("connection", (socket) => this.#connect(socket, worker));
  }

  /** @throws what the system says where the place is taken. */
  static async start(place: Place, worker: Place): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true });
    const proxy = new TcpProxy(server, worker);
    server.listen(place.port, place.host);
    await once(server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { readonly port: number }).port;
  }

  /** Ends the connections that there are, for both sides. */
  cut(how: "reset" | "end"): void {
    for (const link of this.#links) link.cut(how);
  }

  /** Ends them for one side; the other hears nothing any more. */
  halfOpen(told: End): void {
    for (const link of this.#links) link.halfOpen(told);
  }

  /** Lets nothing through, until told otherwise. */
  set silent(silent: boolean) {
    this.#weather.silent = silent;
    for (const link of this.#links) link.weatherChanged();
  }

  /** Lets each piece travel for so long. */
  set delayMs(ms: number) {
    this.#weather.delayMs = ms;
  }

  /** Resets whoever connects, until told otherwise. */
  set refusing(refusing: boolean) {
    this.#refusing = refusing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, "close");
    this.#server.close();
    this.cut("end");
    await closed;
  }

  #connect(caller: Socket, place: Place): void {
    if (this.#refusing) {
      caller.on("error", () => {});
      caller.resetAndDestroy();
      return;
    }
    const worker = connectTcp({ ...place, allowHalfOpen: true });
    const link = new TcpLink({ caller, worker }, this.#weather, () => this.#links.delete(link));
    this.#links.add(link);
  }
}
