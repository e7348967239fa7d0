package transcripts

import "strings"

const text = "Content-Type: text/plain"

// sent answers records that are stored.
var sent = answer{status: 200, kind: asJSON, text: "{}\n"}

// made answers a Topic that is created.
func made(name, contentType string) answer {
	return answer{status: 200, kind: asJSON,
		shape: `{"id":"` + name + `","origin":{"id":"<text>","type":"hub"},"state":"flowing","contentType":"` + contentType + `"}`}
}

func told(status int, words string) answer {
	return answer{status: status, kind: asJSON, shape: `{"error":"<` + words + `.*>"}`}
}

// records is a stream of a Topic as Scramjet has it, always of bytes.
func records(data string) answer { return answer{status: 200, kind: asBytes, open: true, text: data} }

// typed is ours, in the type of the Topic.
func typedRecords(kind, data string) *answer {
	return &answer{status: 200, kind: kind, open: true, text: data}
}

func send(name, topic, headers, body string, saw answer) exchange {
	return exchange{name: name, request: "POST /topic/" + topic, headers: headers, body: body, saw: saw}
}

func read(name, topic, headers string, saw answer) exchange {
	return exchange{name: name, request: "GET /topic/" + topic, headers: headers, saw: saw}
}

func create(name, body string, saw answer) exchange {
	return exchange{name: name, request: "POST /topics", headers: jsonType, body: body, saw: saw}
}

func remove(name, topic, headers string, saw answer) exchange {
	return exchange{name: name, request: "DELETE /topics/" + topic, headers: headers, saw: saw}
}

var removed = answer{status: 200, kind: asJSON, shape: `{"message":"<Topic .* removed>"}`}

// topicList is GET /topics.
var topicList = answer{status: 200, kind: asJSON, shape: `[{"contentType":"<text>","localProvider":"","topic":"<text>","topicName":"<text>"}]`}

var everyByte = func() string {
	var b strings.Builder
	for i := range 256 {
		b.WriteByte(byte(i))
	}
	return b.String()
}()

// padded is what the producer sends.
const padded = `{"i":0,"pad":"xxxxxxxxxx"}` + "\n" + `{"i":1,"pad":"xxxxxxxxxx"}` + "\n" + `{"i":2,"pad":"xxxxxxxxxx"}` + "\n"

const fourLines = "{\"a\":1}\n{\"b\":2}\n{\"c\":3}\n{\"d\":4}\n"

// A plain reader that has left may still be counted when the next one comes,
// who then gets only what is new. So each Topic is read once, and what was
// seen of a reader that stayed open while records came is put to one that
// comes after them.
var topicExchanges = []exchange{
	create("topic create", `{"id":"t-ndjson","content-type":"application/x-ndjson"}`, made("t-ndjson", "application/x-ndjson")),
	create("topic create again", `{"id":"t-ndjson","content-type":"application/x-ndjson"}`, answer{}).
		with(told(400, "Topic with given id already exist"), &answer{status: 409, kind: asJSON, shape: `{"error":"<Topic with given id already exist.*>"}`}, "Topics that exist"),
	create("topic create text", `{"id":"t-text","content-type":"text/plain"}`, made("t-text", "text/plain")),
	create("topic create bytes", `{"id":"t-bin","content-type":"application/octet-stream"}`, made("t-bin", asBytes)),
	create("topic create without a type", `{"id":"t1"}`, told(400, "Missing body param: content-type")),
	create("topic create of a foreign type", `{"id":"t1","content-type":"image/png"}`, told(400, "Unsupported content-type")),
	create("topic create without an id", `{"content-type":"text/plain"}`, told(400, "Missing body param: id")),
	create("topic create with a bad id", `{"id":"bad id!","content-type":"text/plain"}`, told(400, "Topic id incorrect format")),
	create("topic create bad JSON", `{`, answer{}).with(answer{status: 400}, refused(400), "Error bodies"),
	create("topic create as text", `{"id":"t1","content-type":"text/plain"}`, answer{}).typed(text).
		with(answer{status: 400}, refused(415), "Type of JSON bodies"),
	{name: "topics", request: "GET /topics", saw: topicList},

	read("topic read that asks for ndjson", "t-accept", "Accept: application/x-ndjson; "+ndjson, answer{}).
		with(answer{status: 415}, typedRecords("application/x-ndjson", ""), "Accept of streams"),
	send("topic send", "t-ndjson", ndjson, "{\"a\":1}\n{\"b\":2}\n", sent),
	send("topic send without a newline", "t-ndjson", ndjson, `{"c":3}`, sent),
	send("topic send of another type", "t-ndjson", text, "x", answer{}).with(answer{status: 500}, refused(415), "Types of Topics"),
	send("topic send more", "t-ndjson", ndjson, "{\"d\":4}\n", sent),
	read("topic read without a type", "t-ndjson", "", records(fourLines)).
		with(records(fourLines), typedRecords("application/x-ndjson", fourLines), "Types of Topic streams"),
	read("topic read as another type", "t-ndjson", text, answer{}).with(answer{status: 415}, refused(415), "Error bodies"),
	read("topic read as a foreign type", "t-ndjson", "Content-Type: image/png", answer{}).with(answer{status: 415}, refused(415), "Error bodies"),
	read("topic read of a bad name", "bad%20name", "", answer{}).with(answer{status: 400}, refused(400), "Error bodies"),
	send("topic send text", "t-text", text, "plain text", sent),
	read("topic read text", "t-text", text, records("plain text")).
		with(records("plain text"), typedRecords("text/plain", "plain text"), "Types of Topic streams"),
	read("topic read text without a type", "t-text", "", answer{}).with(answer{status: 415}, typedRecords("text/plain", ""), "Readers without a type"),
	send("topic send bytes", "t-bin", octets, everyByte, sent),
	read("topic read bytes", "t-bin", octets, records(everyByte)),

	send("topic send makes one", "auto-topic", text, "buffered", sent),
	read("topic read of one that was made", "auto-topic", text, records("buffered")).
		with(records("buffered"), typedRecords("text/plain", "buffered"), "Types of Topic streams"),
	read("topic read makes one", "auto-get", "", records("")).with(records(""), typedRecords("application/x-ndjson", ""), "Types of Topic streams"),
	send("topic send without a type", "auto2", "", "x", told(400, "Unsupported content-type")),
	send("topic send to a bad name", "bad%20name", text, "x", told(400, "Topic id incorrect format")),
	send("topic send of a foreign type", "xx", "Content-Type: image/png", "x", told(400, "Unsupported content-type")),
	send("topic send that waits for 100", "t-exp", text+"; Expect: 100-continue", "x", sent),
	read("topic read after it", "t-exp", text, records("x")).with(records("x"), typedRecords("text/plain", "x"), "Types of Topic streams"),

	upload("topic-producer"), upload("topic-consumer"),
	start("topic consumer start", "topic-consumer", "{}", "consumer"),
	send("topic send to a consumer", "bench-in", ndjson, padded, sent),
	output("topic consumer output", "consumer", padded).with(records(padded), nil, ""),
	{name: "topic consumer info", request: "GET /instance/{consumer}", saw: answer{status: 200, kind: asJSON,
		shape: `{"id":"{consumer}","provides":"","requires":"bench-in","sequence":{"id":"{topic-consumer}"},"status":"running"}`}},
	input("topic consumer takes no input", "consumer", ndjson, "{}\n", told(405, "Input provided in other way")),
	start("topic producer start", "topic-producer", `{"args":["seqtopic",3,10],"outputTopic":"renamed-topic"}`, "producer"),
	read("topic read of a producer", "renamed-topic", "", records(padded)).
		with(records(padded), typedRecords("application/x-ndjson", padded), "Types of Topic streams"),
	{name: "topic producer info", request: "GET /instance/{producer}", saw: answer{status: 200, kind: asJSON,
		shape: `{"id":"{producer}","args":["seqtopic",3,10],"provides":"renamed-topic","sequence":{"id":"{topic-producer}"},"status":"running"}`}},
	{name: "topics with those of Instances", request: "GET /topics", saw: topicList},

	remove("topic delete", "t-text", jsonType, removed),
	remove("topic delete again", "t-text", jsonType, told(404, "Topic t-text not found")),
	remove("topic delete without a type", "t-bin", "", answer{}).with(answer{status: 400}, &removed, "Type of JSON bodies"),
	remove("topic delete unknown", "nope", jsonType, told(404, "Topic nope not found")),
	remove("topic delete of a bad name", "bad%20x", jsonType, told(400, "Topic id incorrect format")),
	{name: "topics in the end", request: "GET /topics", saw: topicList},
}
