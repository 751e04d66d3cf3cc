/** Answers each call with an acknowledgement, and when asked for it with the sum. */
import { Server, ServerCredentials, type ServerDuplexStream } from "@grpc/grpc-js";
import { ACKNOWLEDGED, METHOD } from "./grpc-method.ts";

interface Sum {
  readonly x: number;
  readonly y: number;
}

const server = new Server();
server.addService(
  { dispatch: METHOD },
  {
    dispatch(call: ServerDuplexStream<unknown, unknown>) {
      let task: Sum | undefined;
      call.on("data", (message: unknown) => {
        if (task === undefined) {
          task = message as Sum; // the first message, as the client writes it
          call.write(ACKNOWLEDGED);
          return;
        }
        call.write(task.x + task.y);
        call.end();
      });
      call.on("error", () => {}); // A client that has gone is not of interest.
    },
  },
);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.(port);
});
process.once("disconnect", () => process.exit());
