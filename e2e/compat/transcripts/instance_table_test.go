package transcripts

const ownID = "transcript-inst-0000-000000000000001"

var (
	started  = answer{status: 200, kind: asJSON, shape: `{"message":"<Sequence .{36} starting>","id":"<.{36}>"}`}
	unknown  = answer{status: 404, shape: `{"error":"Instance nope not found"}`}
	unknownJ = &answer{status: 404, kind: asJSON, shape: `{"error":"Instance nope not found","kind":"not_found"}`}
	unparsed = answer{status: 500, text: "400: Could not parse content"}
	accepted = answer{status: 200, kind: asJSON, shape: `{"accepted":"OK"}`}
)

// start is a start of a Sequence.
func start(name, sequence, body, keep string) exchange {
	return exchange{name: name, request: "POST /sequence/{" + sequence + "}/start", headers: jsonType, body: body, keep: keep, saw: started}
}

// upload is one of a Sequence for later.
func upload(name string) exchange {
	return exchange{name: "upload " + name, request: "POST /sequence", headers: octets, upload: name, keep: name, saw: stored}
}

// with changes what was seen, and what ours gives instead.
func (e exchange) with(saw answer, gives *answer, because string) exchange {
	e.saw, e.gives, e.because = saw, gives, because
	return e
}

// state is an Instance object with a status and how it ended.
func state(status int, kept, name, terminated string) answer {
	return answer{status: status, kind: asJSON, shape: `{"id":"{` + kept + `}","sequence":{"id":"<uuid>","config":{"type":"process"},"location":"<text>"},
	"created":"<time>","started":"<time>","status":"` + name + `","terminated":` + terminated + `}`}
}

func stateOf(kept, name, terminated string) *answer {
	a := state(200, kept, name, terminated)
	return &a
}

func answering(status int, kept, name, terminated string) *answer {
	a := state(status, kept, name, terminated)
	return &a
}

const absent = `"<absent>"`

var instanceExchanges = []exchange{
	upload("crash"), upload("events"), upload("stopper"), upload("keepalive"), upload("texts"), upload("syntax"), upload("mirror"),

	start("instance start unknown", "identity", "{}", "").to("POST /sequence/nope/start").
		with(answer{status: 404, kind: asJSON, shape: `{"error":"Not Found"}`}, refused(404), "Error bodies"),
	start("instance start bad JSON", "identity", "{bad", "").with(answer{status: 400}, refused(400), "Error bodies"),
	start("instance start without a type", "identity", "{}", "a1").typed("").with(answer{status: 400}, &started, "Type of JSON bodies"),
	start("instance start as text", "identity", "{}", "").typed("Content-Type: text/plain").
		with(answer{status: 400}, refused(415), "Type of JSON bodies"),
	start("instance start empty", "identity", "", "a2"),
	start("instance start array", "identity", "[]", "a3"),
	start("instance start with a charset", "identity", "{}", "a4").typed("Content-Type: application/json; charset=utf-8"),
	start("instance start with a bad id", "identity", `{"instanceId":"short"}`, "").with(answer{status: 500}, refused(400), "Start checks"),
	start("instance start with an id", "identity", `{"instanceId":"`+ownID+`","appConfig":{"a":1},"args":["x",1,{"y":2}]}`, "own"),
	start("instance start with the same id", "identity", `{"instanceId":"`+ownID+`"}`, "").
		with(answer{status: 409, kind: asJSON, shape: `{"error":"Instance with a given ID already exists"}`}, nil, ""),
	start("instance start by name", "identity", "{}", "a5").to("POST /sequence/compat-crash/start").
		with(answer{status: 404, kind: asJSON, shape: `{"error":"Not Found"}`}, &started, "Names"),
	start("instance start with args of text", "identity", `{"args":"str"}`, "").with(started, refused(400), "Start checks"),
	start("instance start with config of text", "identity", `{"appConfig":"str"}`, "").with(started, refused(400), "Start checks"),
	start("instance start with limits", "identity", `{"limits":{"memory":512}}`, "a6"),
	{name: "instance start by GET", request: "GET /sequence/{identity}/start", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},

	{name: "instance list", request: "GET /instances", saw: answer{status: 200, kind: asJSON,
		shape: `[{"id":"<.{36}>","sequence":{"id":"<uuid>"},"created":"<time>","status":"<text>"}]`}},
	{name: "instance get", request: "GET /instance/{own}", saw: answer{status: 200, kind: asJSON,
		shape: `{"id":"` + ownID + `","appConfig":{"a":1},"args":["<text>",1,{"y":2}],"provides":"","status":"running","ended":"<absent>","terminated":"<absent>",
		"sequence":{"id":"{identity}","config":{"name":"compat-identity"}}}`}},
	{name: "instance get with a slash", request: "GET /instance/{own}/", saw: answer{status: 200, kind: asJSON, shape: `{"id":"` + ownID + `"}`}},
	{name: "instance health", request: "GET /instance/{own}/health", saw: answer{status: 200, kind: asJSON, shape: `{"healthy":true,"processId":"<number>"}`}},
	{name: "instance unknown", request: "GET /instance/nope", saw: unknown, gives: unknownJ, because: "Error bodies"},
	{name: "instance unknown health", request: "GET /instance/nope/health", saw: unknown, gives: unknownJ, because: "Error bodies"},
	{name: "instance unknown input", request: "POST /instance/nope/input", headers: octets, body: "x", saw: unknown, gives: unknownJ, because: "Error bodies"},
	{name: "instance unknown stop", request: "POST /instance/nope/_stop", headers: jsonType, body: `{"timeout":0}`, saw: unknown, gives: unknownJ, because: "Error bodies"},
	{name: "instance unknown operation", request: "GET /instance/{own}/nonexistent", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "instance status", request: "GET /instance/{own}/status", saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "instance monitoring", request: "GET /instance/{own}/monitoring", saw: answer{status: 404},
		gives: &answer{status: 200, kind: asBytes, open: true, text: "[3001,{\"healthy\":true}]\n"}, because: "Monitoring"},
	{name: "instance log", request: "GET /instance/{own}/log", saw: answer{status: 200, kind: asBytes, open: true}},
	{name: "instance stdout", request: "GET /instance/{own}/stdout", saw: answer{status: 200, kind: asBytes, open: true}},
	{name: "instance stderr", request: "GET /instance/{own}/stderr", saw: answer{status: 200, kind: asBytes, open: true}},

	start("start events", "events", "{}", "ev"),
	{name: "event send", request: "POST /instance/{ev}/_event", headers: jsonType, body: `[5001,{"eventName":"ping","message":{"n":1}}]`, saw: accepted},
	{name: "event last", request: "GET /instance/{ev}/event/pong", saw: answer{status: 200, kind: asJSON, shape: `{"n":1}`}},
	{name: "event send text", request: "POST /instance/{ev}/_event", headers: jsonType, body: `[5001,{"eventName":"ping","message":"str"}]`, saw: accepted},
	{name: "event send none", request: "POST /instance/{ev}/_event", headers: jsonType, body: `[5001,{"eventName":"quiet"}]`, saw: accepted},
	{name: "event last without a message", request: "GET /instance/{ev}/event/silence",
		saw: answer{status: 200, kind: asJSON}, gives: &answer{status: 200, kind: asJSON, shape: `{}`}, because: "Event messages"},
	{name: "event send without a name", request: "POST /instance/{ev}/_event", headers: jsonType, body: `[5001,{"message":1}]`,
		saw: answer{status: 400, kind: asJSON, shape: `{"error":"Invalid format, eventName missing."}`}},
	{name: "event send an object", request: "POST /instance/{ev}/_event", headers: jsonType, body: `{"eventName":"ping","message":1}`,
		saw: answer{status: 500, text: "object is not iterable"}, gives: &accepted, because: "Control messages"},
	{name: "event send bad JSON", request: "POST /instance/{ev}/_event", headers: jsonType, body: `{`, saw: unparsed, gives: refused(400), because: "Errors below an Instance"},
	{name: "event send without a type", request: "POST /instance/{ev}/_event", body: `[5001,{"eventName":"ping"}]`, saw: unparsed, gives: &accepted, because: "Type of JSON bodies"},
	{name: "event never", request: "GET /instance/{ev}/event/never?timeout=50ms", saw: answer{}, gives: refused(504), because: "Hanging requests"},
	{name: "monitoring rate", request: "POST /instance/{ev}/_monitoring_rate", headers: jsonType, body: `[4003,{"monitoringRate":500}]`,
		saw: answer{status: 202, kind: asJSON, shape: `{"accepted":true}`}},
	{name: "monitoring rate missing", request: "POST /instance/{ev}/_monitoring_rate", headers: jsonType, body: `{}`,
		saw: answer{status: 500, text: "Cannot read properties of undefined"}, gives: refused(400), because: "Errors below an Instance"},

	{name: "stop bad timeout", request: "POST /instance/{ev}/_stop", headers: jsonType, body: `{"timeout":"x"}`,
		saw: answer{status: 400, kind: asJSON, shape: `{"error":"Invalid timeout format"}`}},
	{name: "stop bad keepalive", request: "POST /instance/{ev}/_stop", headers: jsonType, body: `{"timeout":100,"canCallKeepalive":"x"}`,
		saw: answer{status: 400, kind: asJSON, shape: `{"error":"Invalid canCallKeepalive format"}`}},
	{name: "stop negative timeout", request: "POST /instance/{ev}/_stop", headers: jsonType, body: `{"timeout":-5}`,
		saw: state(202, "ev", "stopping", absent), gives: refused(400), because: "Stop"},

	{name: "instance after a negative stop", request: "GET /instance/{ev}",
		saw: state(200, "ev", "completed", `{"exitcode":138,"reason":"Instance stopped"}`), gives: stateOf("ev", "running", absent), because: "Stop"},

	start("start stopper for an empty body", "stopper", `{"args":[10]}`, "se"),
	{name: "stop with an empty body", request: "POST /instance/{se}/_stop", headers: jsonType,
		saw: state(202, "se", "stopping", absent), gives: answering(202, "se", "completed", `{"exitcode":0,"reason":"Instance stopped"}`), because: "Stop"},
	start("start stopper", "stopper", `{"args":[10]}`, "st"),
	{name: "stop", request: "POST /instance/{st}/_stop", headers: jsonType, body: `{"timeout":20000,"canCallKeepalive":false}`,
		saw: state(202, "st", "stopping", absent), gives: answering(202, "st", "completed", `{"exitcode":0,"reason":"Instance stopped"}`), because: "Stop"},
	{name: "stop just after", request: "GET /instance/{st}",
		saw: state(200, "st", "stopping", absent), gives: stateOf("st", "completed", `{"exitcode":0,"reason":"Instance stopped"}`), because: "Stop"},
	{name: "stop again", request: "POST /instance/{st}/_stop", headers: jsonType, body: `{"timeout":1000}`,
		saw: state(202, "st", "completed", `{"exitcode":138,"reason":"Instance stopped"}`), gives: answering(202, "st", "completed", `{"exitcode":0}`), because: "Stop"},
	{name: "stop later", request: "GET /instance/{st}", after: "{st}",
		saw: state(200, "st", "completed", `{"exitcode":138,"reason":"Instance stopped"}`), gives: stateOf("st", "completed", `{"exitcode":0,"reason":"Instance stopped"}`), because: "Stop"},
	{name: "stop stdout", request: "GET /instance/{st}/stdout",
		saw: bytesOf("{\"timeout\":20000,\"canCallKeepalive\":false}\nhandled\n")},
	{name: "stop health", request: "GET /instance/{st}/health",
		saw: answer{status: 200, kind: asJSON, shape: `{"healthy":true}`}, gives: refused(410), because: "After the end"},
	start("start stopper that hangs", "stopper", `{"args":[60000]}`, "hang"),
	{name: "stop at the timeout", request: "POST /instance/{hang}/_stop", headers: jsonType, body: `{"timeout":300}`,
		saw: state(202, "hang", "stopping", absent), gives: answering(202, "hang", "completed", `{"exitcode":138,"reason":"Instance stopped"}`), because: "Stop"},
	start("start stopper for no type", "stopper", `{"args":[60000]}`, "notype"),
	{name: "stop without a type", request: "POST /instance/{notype}/_stop", body: `{"timeout":100}`,
		saw: unparsed, gives: answering(202, "notype", "completed", `{"exitcode":138}`), because: "Type of JSON bodies"},

	start("start for kill", "identity", `{}`, "k1"),
	{name: "kill bad flag", request: "POST /instance/{k1}/_kill", headers: jsonType, body: `{"removeImmediately":"x"}`,
		saw: answer{status: 400, kind: asJSON, shape: `{"error":"Invalid removeImmediately format"}`}},
	{name: "kill", request: "POST /instance/{k1}/_kill", headers: jsonType, body: `{}`, saw: state(202, "k1", "killing", absent)},
	{name: "kill just after", request: "GET /instance/{k1}", saw: answer{status: 200, kind: asJSON,
		shape: `{"id":"{k1}","status":"<killing|completed>","created":"<time>","started":"<time>"}`}},
	{name: "kill later", request: "GET /instance/{k1}", after: "{k1}",
		saw: state(200, "k1", "completed", `{"exitcode":137,"reason":"Instance killed"}`)},
	{name: "kill again", request: "POST /instance/{k1}/_kill", headers: jsonType, body: `{}`,
		saw: answer{status: 400, kind: asJSON, shape: `{"error":"Instance not running"}`}},
	start("start for kill without body", "identity", `{}`, "k2"),
	{name: "kill without body", request: "POST /instance/{k2}/_kill", headers: jsonType, saw: state(202, "k2", "killing", absent)},
	start("start for removal", "identity", `{}`, "k3"),
	{name: "kill and remove", request: "POST /instance/{k3}/_kill", headers: jsonType, body: `{"removeImmediately":true}`, saw: state(202, "k3", "killing", absent)},
	{name: "after kill and remove", request: "GET /instance/{k3}", saw: state(200, "k3", "killing", absent), gives: refused(404), because: "Removal"},

	start("start keepalive", "keepalive", `{"args":[60000]}`, "ka"),
	{name: "stop with keepalive", request: "POST /instance/{ka}/_stop", headers: jsonType, body: `{"timeout":200,"canCallKeepalive":true}`,
		saw: state(202, "ka", "stopping", absent)},
	{name: "stop with keepalive later", request: "GET /instance/{ka}", saw: state(200, "ka", "stopping", absent)},
	{name: "kill while stopping", request: "POST /instance/{ka}/_kill", headers: jsonType, body: `{"removeImmediately":true}`,
		saw: answer{status: 400, kind: asJSON, shape: `{"error":"Instance not running"}`}, gives: answering(202, "ka", "killing", absent), because: "Kill"},

	start("start crash", "crash", `{"args":["throw"]}`, "cr"),
	{name: "crash", request: "GET /instance/{cr}", lacks: "Empty fields", after: "{cr}", saw: state(200, "cr", "errored", `{"exitcode":23,"reason":"Sequence failed during execution"}`)},
	{name: "crash stderr", request: "GET /instance/{cr}/stderr", saw: answer{status: 200, kind: asBytes, any: true}},
	{name: "crash log", request: "GET /instance/{cr}/log", saw: answer{status: 200, kind: asBytes, open: true, text: "{"}},
	start("start crash by exit", "crash", `{"args":["22"]}`, "c22"),
	{name: "crash by exit", request: "GET /instance/{c22}", lacks: "Empty fields", after: "{c22}", saw: state(200, "c22", "errored", `{"exitcode":22,"reason":"Sequence failed on start"}`)},
	start("start syntax error", "syntax", `{}`, "").with(started,
		&answer{status: 400, kind: asJSON, shape: `{"error":"<Sequence failed on start.*>","exitcode":22,"id":"<uuid>"}`}, "Programs that fail to load"),
	start("start input topic", "mirror", `{"inputTopic":"of-an-instance"}`, "it"),
	{name: "instance of an input topic", request: "GET /instance/{it}", saw: answer{status: 200, kind: asJSON,
		shape: `{"id":"{it}","provides":"","requires":"of-an-instance","sequence":{"id":"{mirror}"},"status":"running"}`}},
}

// to sends an exchange elsewhere.
func (e exchange) to(request string) exchange {
	e.request = request
	return e
}

// typed sends it with other headers.
func (e exchange) typed(headers string) exchange {
	e.headers = headers
	return e
}
