// A fleet in a process of its own: told "report", it sends what came since the last time.
import { Fleet } from "./fleet.js";
import { meshRouteNames } from "./mesh-services.js";
import { subscribedNames } from "./services.js";

const [address = "", proxies = "0", services = "0", mesh] = process.argv.slice(2);
const namesOf = mesh === "istio" ? meshRouteNames : subscribedNames;
const fleet = new Fleet({
  address,
  proxies: Number(proxies),
  isRoutesOnly: mesh === "istio",
  routeNames: (proxy) => namesOf(proxy, Number(services)),
});
process.on("message", () => {
  process.send?.(fleet.takeReport());
});
process.on("disconnect", () => {
  process.exit(0);
});
