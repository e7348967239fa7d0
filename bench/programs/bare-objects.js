// The limit for objects: parse, iterate and stringify every line of stdin,
// with nothing around it but back-pressure.
let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (chunk) => {
  const lines = (rest + chunk).split("\n");
  rest = lines.pop();
  const objects = [];
  for (const line of lines) objects.push(JSON.parse(line));
  let out = "";
  for (const object of objects) out += JSON.stringify(object) + "\n";
  if (out && !process.stdout.write(out)) {
    process.stdin.pause();
    process.stdout.once("drain", () => process.stdin.resume());
  }
});
