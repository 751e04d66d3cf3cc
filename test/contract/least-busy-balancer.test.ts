/** LeastBusyBalancer keeps the balancer contract. */
import { LeastBusyBalancer } from "../../src/balancer/least-busy-balancer.ts";
import { balancerContract } from "./balancer.ts";

balancerContract("LeastBusyBalancer", () => new LeastBusyBalancer(), 64);
