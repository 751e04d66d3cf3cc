/** Answers each message on its port: a sum for two numbers, and for anything else that itself. */
import { parentPort } from "node:worker_threads";

parentPort.on("message", (message) => {
  parentPort.postMessage(message.echo === undefined ? message.x + message.y : message.echo);
});
