/** Iterables, streams and callbacks among the arguments, on workers of the network. */
import { passesFlows } from "./contract.ts";

passesFlows("network");
