// The limit for a warm start: a node that runs already is told over a pipe
// which program to load and call.
process.stdout.write("ready\n");
process.stdin.once("data", (file) => {
  const program = require(file.toString().trim());
  program.call({}).pipe(process.stdout);
});
