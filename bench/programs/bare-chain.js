// The limit for programs joined by a Topic: runs one on bare stdin and stdout,
// so that two can be joined by a pipe. It parses and writes many lines at once.
const program = require(process.argv[2]);
const enough = 64 << 10;

async function* objects() {
  let rest = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin) {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    for (const line of lines) yield JSON.parse(line);
  }
}

let out = "";
let timer = null;

function send() {
  clearImmediate(timer);
  timer = null;
  const text = out;
  out = "";
  return process.stdout.write(text) ? null : new Promise((go) => process.stdout.once("drain", go));
}

(async () => {
  for await (const object of program.call({}, objects())) {
    out += JSON.stringify(object) + "\n";
    if (out.length >= enough) await send();
    else timer ??= setImmediate(send);
  }
})();
