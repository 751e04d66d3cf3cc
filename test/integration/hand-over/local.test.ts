/** Streams from worker to worker: within a program without workers. */
import { handsStreamsOver } from "./contract.ts";

handsStreamsOver("local");
