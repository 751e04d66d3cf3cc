/** Has an album made; its jobs log with the ids of their trace, which the call has begun. */
import { WorkerPool } from "merino";
import { album } from "./jobs.ts";
import { log } from "./log.ts";

await using pool = await WorkerPool.open({ size: 2 });
log.info(await album.with({ pool })(["sea", "hill"]), "made");
