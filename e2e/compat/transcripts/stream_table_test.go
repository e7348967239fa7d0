package transcripts

var (
	ok    = answer{status: 200}
	later = answer{status: 202}
)

func bytesOf(text string) answer { return answer{status: 200, kind: asBytes, text: text} }

// input feeds an Instance.
func input(name, kept, headers, body string, saw answer) exchange {
	return exchange{name: name, request: "POST /instance/{" + kept + "}/input", headers: headers, body: body, saw: saw}
}

func output(name, kept, text string) exchange {
	return exchange{name: name, request: "GET /instance/{" + kept + "}/output", saw: bytesOf(text)}
}

const ndjson = "Content-Type: application/x-ndjson"

var streamExchanges = []exchange{
	{name: "hub log", request: "GET /log", saw: answer{status: 200, kind: asBytes, open: true, text: "{"}},

	input("input without a type", "own", "", "hello", answer{status: 406, kind: asJSON, shape: `{"error":"Content-Type must be defined"}`}),
	input("input that stays open", "own", octets+"; X-End-Stream: false", "hello binary\n", later),
	input("input that ends", "own", octets+"; X-End-Stream: true", "bye\n", ok),
	input("input after the end", "own", octets, "lost", ok).with(ok, refused(410), "Input after the end"),
	output("output of bytes", "own", "hello binary\nbye\n"),
	{name: "completed", request: "GET /instance/{own}", after: "{own}",
		saw:   state(200, "own", "completed", `{"exitcode":-1,"reason":"Instance completed"}`),
		gives: stateOf("own", "completed", `{"exitcode":0,"reason":"Instance completed"}`), because: "Success"},
	output("output after the end", "own", ""),

	start("start for ndjson", "mirror", "{}", "nd"),
	{name: "output that is asked for as ndjson", request: "GET /instance/{nd}/output", headers: "Accept: application/x-ndjson",
		saw: answer{status: 500, text: "415: Invalid content-type"}, gives: &answer{status: 200, kind: asBytes, open: true}, because: "Accept of streams"},
	input("input of ndjson", "nd", ndjson, "{\"a\":1}\n{\"b\":\"\\u00e9\"}\n[1,2]\n\"s\"\n", ok),
	output("output of ndjson", "nd", "{\"a\":1}\n{\"b\":\"é\"}\n[1,2]\n\"s\"\n"),

	start("start for text", "mirror", "{}", "tx"),
	input("input of text", "tx", "Content-Type: text/plain", "line1\nline2\n", ok),
	output("output of text as values", "tx", "\"line1\\nline2\\n\"\n"),

	start("start for a foreign type", "mirror", "{}", "png"),
	input("input of a foreign type", "png", "Content-Type: image/png", "xx", ok).with(ok, refused(415), "Input types"),

	{name: "instance after a foreign type", request: "GET /instance/{png}", saw: state(200, "png", "running", absent)},
	{name: "stderr after a foreign type", request: "GET /instance/{png}/stderr", saw: answer{status: 200, kind: asBytes, open: true}},
	{name: "log after a foreign type", request: "GET /instance/{png}/log", saw: answer{status: 200, kind: asBytes, open: true}},

	start("start for bad ndjson", "mirror", "{}", "bad"),
	input("input of bad ndjson", "bad", ndjson, "{\"a\":1}\nnot json\n{\"b\":2}\n", ok),
	output("output of bad ndjson", "bad", "{\"a\":1}\n{\"b\":2}\n"),
	{name: "instance after bad ndjson", request: "GET /instance/{bad}", saw: answer{status: 200, kind: asJSON,
		shape: `{"id":"{bad}","sequence":{"id":"{mirror}"},"status":"<running|completed>"}`}},

	start("start for inout", "identity", "{}", "io"),
	{name: "inout", request: "POST /instance/{io}/inout", headers: octets, body: "via inout",
		saw: answer{status: 200, open: true, text: "via inout"}, gives: &answer{status: 200, kind: asBytes, open: true, text: "via inout"}, because: "inout"},

	start("start for stdio", "texts", "{}", "tt"),
	{name: "stdin that stays open", request: "POST /instance/{tt}/stdin", headers: octets + "; X-End-Stream: false", body: "to stdin\n", saw: later},
	{name: "stdin as text", request: "POST /instance/{tt}/stdin", headers: "Content-Type: text/plain", body: "last",
		saw: answer{status: 500, text: "415: Invalid content-type"}, gives: refused(415), because: "Errors below an Instance"},
	{name: "stdout", request: "GET /instance/{tt}/stdout", saw: answer{status: 200, kind: asBytes, open: true, text: "to stdout\nto stdin\n"}},
	{name: "stdin that ends", request: "POST /instance/{tt}/stdin", headers: octets, saw: ok},
	{name: "stderr after the end", request: "GET /instance/{tt}/stderr", after: "{tt}", saw: bytesOf("to stderr\n")},

	{name: "instances in the end", request: "GET /instances", lacks: "Programs that fail to load", saw: answer{status: 200, kind: asJSON, shape: `[{"id":"<.{36}>","status":"<text>"}]`}},
	{name: "entities in the end", request: "GET /entities", saw: answer{status: 200, kind: asJSON,
		shape: `{"sequences":[{"id":"<uuid>"}],"instances":[{"id":"<.{36}>"}]}`}},
	{name: "load in the end", request: "GET /load-check", saw: load},
}
