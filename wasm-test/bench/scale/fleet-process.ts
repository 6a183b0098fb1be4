// A fleet in a process of its own: told "report", it sends what came since the last time.
import { Fleet } from "./fleet.js";
import { subscribedNames } from "./services.js";

const [address = "", proxies = "0", services = "0"] = process.argv.slice(2);
const fleet = new Fleet({
  address,
  proxies: Number(proxies),
  routeNames: (proxy) => subscribedNames(proxy, Number(services)),
});
process.on("message", () => {
  process.send?.(fleet.takeReport());
});
process.on("disconnect", () => {
  process.exit(0);
});
