package transcripts

// refused is an error as ours has it: JSON with words.
func refused(status int) *answer {
	return &answer{status: status, kind: asJSON, shape: `{"error":"<text>","kind":"<text>"}`}
}

// version is what GET /version answers.
var version = answer{status: 200, kind: asJSON,
	shape: `{"service":"@scramjet/host","apiVersion":"v1","version":"1.0.1","build":"<text>"}`}

// load is what GET /load-check answers.
var load = answer{status: 200, kind: asJSON,
	shape: `{"avgLoad":"<number>","currentLoad":"<number>","memFree":"<number>","memUsed":"<number>",
	"fsSize":[{"fs":"<text>","available":"<number>","size":"<number>","used":"<number>","use":"<number>"}]}`}

var hubExchanges = []exchange{
	{name: "hub version", request: "GET /version", saw: version},
	{name: "hub load", request: "GET /load-check", saw: load},
	{name: "hub status", request: "GET /status", saw: answer{status: 200, kind: asJSON, shape: `{"cpm":{}}`}},
	{name: "hub config", request: "GET /config", lacks: "Configuration", saw: answer{status: 200, kind: asJSON,
		shape: `{"logLevel":"<text>","customName":"<.*>","runtimeAdapter":"process","host":{"apiBase":"/api/v1","hostname":"<text>","port":"<\\d+>"}}`}},
	{name: "hub entities at first", request: "GET /entities", saw: answer{status: 200, kind: asJSON, shape: `{"sequences":[],"instances":[]}`}},
	{name: "hub audit at first", request: "GET /audit", saw: answer{status: 200, kind: asBytes, open: true}},
	{name: "hub instances at first", request: "GET /instances", saw: answer{status: 200, kind: asJSON, shape: `[]`}},
	{name: "hub sequences at first", request: "GET /sequences", saw: answer{status: 200, kind: asJSON, shape: `[]`}},
	{name: "hub topics at first", request: "GET /topics", saw: answer{status: 200, kind: asJSON, shape: `[]`}},
	{name: "hub sequences with a slash", request: "GET /sequences/", saw: answer{status: 200, kind: asJSON, shape: `[]`}},
	{name: "hub sequences with a query", request: "GET /sequences?limit=1", odd: true, saw: answer{status: 200, kind: asJSON, shape: `[]`}},
	{name: "hub version with a query", request: "GET /version?x=1", odd: true, saw: version},
	{name: "hub version in capitals", request: "GET /VERSION", saw: version},
	{name: "hub HEAD", request: "HEAD /version", saw: answer{status: 200, kind: asJSON}},
	{name: "hub OPTIONS", request: "OPTIONS /sequences", saw: answer{status: 200},
		gives: refused(404), because: "Web pages"},
	{name: "hub OPTIONS of a web page", request: "OPTIONS /sequence",
		headers: "Origin: http://x.test; Access-Control-Request-Method: POST; Access-Control-Request-Headers: content-type",
		saw:     answer{status: 200}, gives: refused(403), because: "Web pages"},
	{name: "hub unknown path", request: "GET /nonexistent", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "hub root", request: "GET ROOT/", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "hub above the base", request: "GET ROOT/api", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "hub base", request: "GET ROOT/api/v1", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "hub base with a slash", request: "GET /", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "hub wrong method POST", request: "POST /version", headers: "Content-Type: application/json", body: "{}",
		saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "hub wrong method DELETE", request: "DELETE /version", headers: "Content-Type: application/json", body: "{}",
		saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "hub Accept JSON", request: "GET /version", headers: "Accept: application/json", saw: version},
	{name: "hub Accept none", request: "GET /version", headers: "Accept: none", saw: version},
	{name: "hub Accept by quality", request: "GET /version", headers: "Accept: text/html,application/json;q=0.9", saw: version},
	{name: "hub Accept HTML", request: "GET /version", headers: "Accept: text/html",
		saw: answer{status: 415}, gives: refused(415), because: "Error bodies"},
	{name: "hub cpm without a Space", request: "GET /cpm/api/v1/x", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "hub platform without a Space", request: "POST /platform", headers: "Content-Type: application/octet-stream", body: "x",
		saw: answer{}, gives: refused(404), because: "Hanging requests"},
}
