// The limit for bytes and text: runs a program on bare stdin and stdout.
// Arguments: the program's file, and "text" for strings instead of bytes.
const program = require(process.argv[2]);
if (process.argv[3] === "text") process.stdin.setEncoding("utf8");
program.call({}, process.stdin).pipe(process.stdout);
