/** A forked Node that does nothing but say that it is there. */
process.on("message", () => {}); // Keeps the channel, and so the process, open.
process.once("disconnect", () => process.exit());
process.send("ready");
