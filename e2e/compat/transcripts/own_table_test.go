package transcripts

// ownExchanges are requests that only a Waverider Hub answers, or that take more than
// one exchange to be seen: with them each answer that is described has been
// had once.
var ownExchanges = []exchange{
	{name: "own description", request: "GET /openapi.json", saw: answer{status: 200, kind: asJSON, shape: `{"openapi":"3.1.0"}`}},
	{name: "own health of the Hub", request: "GET ROOT/healthz", saw: answer{status: 200, kind: "text/plain", text: "ok\n"}},
	{name: "own metrics", request: "GET ROOT/metrics", saw: answer{status: 200, kind: "text/plain", open: true, text: "waverider_"}},
	{name: "own log", request: "GET /log?follow=false", saw: answer{status: 200, kind: asBytes, any: true}},
	{name: "own audit", request: "GET /audit?follow=false", saw: answer{status: 200, kind: asBytes, any: true}},

	upload("ticker"), start("own start", "ticker", `{"appConfig":{"a":1},"limits":{"memory":512},"restart":"on-failure"}`, "tick"),
	{name: "own event", request: "GET /instance/{tick}/event/tick", saw: answer{status: 200, kind: asJSON, shape: `{"n":"<number>"}`}},
	{name: "own next event", request: "GET /instance/{tick}/once/tick?timeout=10s", saw: answer{status: 200, kind: asJSON, shape: `{"n":"<number>"}`}},
	{name: "own bad timeout", request: "GET /instance/{tick}/once/tick?timeout=soon", saw: *refused(400)},
	{name: "own events", request: "GET /instance/{tick}/events/tick", saw: answer{status: 200, kind: asBytes, open: true, text: `{"n":`}},
	{name: "own log of the program", request: "GET /instance/{tick}/log?from=start&follow=false", saw: answer{status: 200, kind: asBytes, any: true}},
	{name: "own stdout of the program", request: "GET /instance/{tick}/stdout?from=wrong", saw: *refused(400)},
	{name: "own deletion that is too early", request: "DELETE /instance/{tick}", saw: *refused(409)},
	{name: "own kill", request: "POST /instance/{tick}/_kill", saw: state(202, "tick", "killing", absent)},
	{name: "own deletion", request: "DELETE /instance/{tick}", after: "{tick}", saw: answer{status: 200, kind: asJSON, shape: `{"id":"{tick}"}`}},
	{name: "own instance after deletion", request: "GET /instance/{tick}", saw: *refused(404)},
	{name: "own head of a stream", request: "HEAD /log", saw: answer{status: 200, kind: asBytes}},
	{name: "own name that fits several", request: "GET /sequence/compat-identity", saw: answer{status: 409, kind: asJSON, shape: `{"candidates":["<uuid>"]}`}},
	{name: "own output of python", request: "GET /instance/{pynd}/output", saw: bytesOf("{\"a\":1}\n")},

	create("own topic", `{"id":"own","content-type":"application/x-ndjson","durability":"async","maxAge":"7d","description":"ours","owner":"us"}`, made("own", "application/x-ndjson")),
	create("own topic that cannot be", `{"id":"own2","content-type":"application/x-ndjson","durability":"none"}`, *refused(400)),
	send("own send", "own", ndjson, fourLines, sent),
	send("own send with acks", "own?acks=stream", ndjson, "{\"e\":5}\n", answer{status: 200, kind: "application/x-ndjson", any: true}),
	{name: "own topic info", request: "GET /topics/own", saw: answer{status: 200, kind: asJSON, shape: `{"topic":"own","records":5,"maxAge":"168h0m0s","description":"ours"}`}},
	{name: "own topic change", request: "PATCH /topics/own", headers: jsonType, body: `{"maxBytes":104857600,"discard":"old"}`,
		saw: answer{status: 200, kind: asJSON, shape: `{"topic":"own","maxBytes":104857600,"discard":"old"}`}},
	{name: "own topic change of what cannot be", request: "PATCH /topics/own", headers: jsonType, body: `{"id":"x"}`, saw: *refused(400)},
	read("own read from the start", "own?from=start&follow=false", "", answer{status: 200, kind: "application/x-ndjson", text: fourLines + "{\"e\":5}\n"}),
	read("own read of a wrong parameter", "own?form=start", "", *refused(400)),
	{name: "own read by a group", request: "GET /topic/own?group=g&ack=explicit&limit=1&envelope=true&follow=false",
		keepAs: "cursor", keep: "place", saw: answer{status: 200, kind: "application/x-ndjson", any: true}},
	{name: "own ack", request: "POST /topic/own/ack?group=g", headers: jsonType, body: `{"cursor":"{place}"}`,
		saw: answer{status: 200, kind: asJSON, shape: `{"cursor":"<text>"}`}},
	{name: "own ack of no group", request: "POST /topic/own/ack", headers: jsonType, body: `{"cursor":"{place}"}`, saw: *refused(400)},
	{name: "own topic info with readers", request: "GET /topics/own", saw: answer{status: 200, kind: asJSON, shape: `{"readers":[{"name":"g","kind":"group","holds":true}]}`}},
	{name: "own group forgotten", request: "DELETE /topics/own/groups/g", saw: answer{status: 200, kind: asJSON, shape: `{"message":"<text>"}`}},
	{name: "own group forgotten again", request: "DELETE /topics/own/groups/g", saw: *refused(404)},
	{name: "own ack after that", request: "POST /topic/own/ack?group=g", headers: jsonType, body: `{"cursor":"{place}"}`, saw: *refused(404)},
}
