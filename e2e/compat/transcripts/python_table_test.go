package transcripts

import "strings"

// Scramjet's Hub knows no time of creation of Python Instances, and reports
// every end of one as exit code 213.
func pythonState(kept, status, terminated string) answer {
	return answer{status: 200, kind: asJSON, shape: `{"id":"{` + kept + `}","sequence":{"id":"<uuid>","config":{"type":"process","language":"py"}},
	"created":null,"started":"<time>","status":"` + status + `","terminated":` + terminated + `}`}
}

const runnerFailed = `{"exitcode":213,"reason":"Runner failed"}`

var pythonExchanges = []exchange{
	upload("python-identity"), upload("python-crash"),
	{name: "python sequence", request: "GET /sequence/{python-identity}", saw: answer{status: 200, kind: asJSON,
		shape: `{"id":"{python-identity}","config":{"type":"process","engines":{"python3":"3.9.0"},"entrypointPath":"main.py","version":"1.0.0",
		"name":"compat-python-identity","id":"{python-identity}","sequenceDir":"<text>","description":"<text>","language":"py","packageSize":"<number>"},
		"location":"<text>","instances":[]}`}},

	start("python start", "python-identity", "{}", "py"),
	{name: "python instance", request: "GET /instance/{py}", saw: pythonState("py", "running", absent),
		gives: stateOf("py", "running", absent), because: "Time of creation"},
	{name: "python health", request: "GET /instance/{py}/health", saw: answer{status: 200, kind: asJSON, shape: `{"healthy":true,"processId":"<number>"}`}},
	input("python input", "py", octets, "hello python\n", ok),
	output("python output", "py", "hello python\n"),
	{name: "python instance after the end", request: "GET /instance/{py}", after: "{py}", saw: pythonState("py", "errored", runnerFailed),
		gives: stateOf("py", "completed", `{"exitcode":0,"reason":"Instance completed"}`), because: "Exit codes"},

	start("python start for ndjson", "python-identity", "{}", "pynd"),
	input("python input of ndjson", "pynd", ndjson, "{\"a\":1}\n", ok),
	{name: "python stderr after ndjson", request: "GET /instance/{pynd}/stderr", after: "{pynd}",
		saw:   answer{status: 200, kind: asBytes, open: true, text: "Task exception was never retrieved\n"},
		gives: &answer{status: 200, kind: asBytes}, because: "JSON lines as input"},
	{name: "python instance after ndjson", request: "GET /instance/{pynd}", saw: pythonState("pynd", "running", absent),
		gives: stateOf("pynd", "completed", `{"exitcode":0,"reason":"Instance completed"}`), because: "JSON lines as input"},

	start("python start crash", "python-crash", "{}", "pycr"),
	{name: "python crash", request: "GET /instance/{pycr}", after: "{pycr}", saw: pythonState("pycr", "errored", runnerFailed),
		gives: stateOf("pycr", "errored", `{"exitcode":23,"reason":"Sequence failed during execution"}`), because: "Exit codes"},
	{name: "python crash stderr", request: "GET /instance/{pycr}/stderr", saw: answer{status: 200, kind: asBytes, any: true}},
}

// forPython tells whether an exchange is about a Python program.
func (e exchange) forPython() bool { return strings.Contains(e.name, "python") }
