/** RoundRobinBalancer keeps the balancer contract. */
import { RoundRobinBalancer } from "../../src/balancer/round-robin-balancer.ts";
import { balancerContract } from "./balancer.ts";

balancerContract("RoundRobinBalancer", () => new RoundRobinBalancer());
