/** Adds what comes through one ring, and gives the sums back through another. */
import { workerData } from "node:worker_threads";
import { Ring } from "./ring.mjs";

const [there, back] = workerData.map((memory) => new Ring(memory));
for (;;) {
  there.wait();
  there.take((x, y) => {
    while (!back.push(x + y, 0));
  });
  back.announce();
}
