/** Streams from worker to worker: workers on the network. */
import { handsStreamsOver } from "./contract.ts";

handsStreamsOver("network");
