// Has children that try to get away: one in a session of its own, and one
// whose parent has ended. Its output tells when the near child ends.
const { spawn } = require("node:child_process");
const { PassThrough } = require("node:stream");

module.exports = function () {
  const output = new PassThrough();
  const near = spawn("sleep", ["1000"], { stdio: "ignore" });
  near.on("spawn", () => output.write("near " + near.pid + "\n"));
  near.on("exit", (code, signal) => output.write("near ended " + signal + "\n"));
  spawn("setsid", ["sh", "-c", "while :; do sleep 1; done"], { stdio: "ignore", detached: true }).unref();
  spawn("sh", ["-c", "setsid sleep 1000 & setsid setsid sleep 1001 &"], { stdio: "ignore", detached: true }).unref();
  return output;
};
