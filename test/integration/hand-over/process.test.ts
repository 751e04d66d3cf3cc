/** Streams from worker to worker: processes. */
import { handsStreamsOver } from "./contract.ts";

handsStreamsOver("process");
