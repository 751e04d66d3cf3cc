/** Sends every complete frame back as it came, the frames of one chunk in one write. */
import { createServer } from "node:net";

const server = createServer((socket) => {
  let rest = Buffer.alloc(0);
  socket.on("error", () => {}); // A client that has gone is not of interest.
  socket.on("data", (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let end = 0;
    while (end + 4 <= bytes.length && end + 4 + bytes.readUInt32LE(end) <= bytes.length) {
      end += 4 + bytes.readUInt32LE(end);
    }
    if (end > 0) socket.write(bytes.subarray(0, end));
    rest = bytes.subarray(end);
  });
});
server.listen(process.argv[2], () => process.send("ready"));
process.once("disconnect", () => process.exit());
