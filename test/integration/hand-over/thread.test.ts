/** Streams from worker to worker: threads. */
import { handsStreamsOver } from "./contract.ts";

handsStreamsOver("thread");
