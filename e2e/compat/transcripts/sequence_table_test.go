package transcripts

const octets = "Content-Type: application/octet-stream"
const jsonType = "Content-Type: application/json"

// stored answers an upload.
var stored = answer{status: 200, kind: asJSON, shape: `{"id":"<uuid>"}`}

// noPackage answers a bad upload.
var (
	noPackage  = answer{status: 422, kind: asJSON, shape: `{"error":{"code":"PRERUNNER_ERROR"}}`}
	noArchive  = &answer{status: 422, kind: asJSON, shape: `{"error":"<Invalid pkg tar.gz archive.*>","kind":"unprocessable"}`}
	badContent = &answer{status: 422, kind: asJSON, shape: `{"error":"<.*(package.json|main).*>","kind":"unprocessable"}`}
)

// sequenceObject is GET /sequence/:id of one that was uploaded as a name.
func sequenceObject(kept, name string) string {
	return `{"id":"{` + kept + `}","config":{"type":"process","engines":{"node":">=18"},"entrypointPath":"index.js","version":"1.0.0",
	"name":"compat-` + name + `","id":"{` + kept + `}","sequenceDir":"<text>","description":"<text>","language":"js","packageSize":"<number>"},
	"location":"<text>"}`
}

var sequenceExchanges = []exchange{
	{name: "sequence upload identity", request: "POST /sequence", headers: octets, upload: "identity", keep: "identity", saw: stored},
	{name: "sequence upload mirror", request: "POST /sequence", headers: octets, upload: "mirror", keep: "mirror", saw: stored},
	{name: "sequence list", request: "GET /sequences", saw: answer{status: 200, kind: asJSON,
		shape: `[{"id":"<uuid>","config":{"type":"process","language":"js"},"location":"<text>","instances":[]}]`}},
	{name: "sequence get", request: "GET /sequence/{identity}", saw: answer{status: 200, kind: asJSON, shape: sequenceObject("identity", "identity")}},
	{name: "sequence get unknown", request: "GET /sequence/nope", saw: answer{status: 404, kind: asJSON, shape: `{"error":"Sequence nope not found"}`}},
	{name: "sequence get by name", request: "GET /sequence/compat-identity", saw: answer{status: 404, kind: asJSON, shape: `{"error":"<.*not found>"}`},
		gives: &answer{status: 200, kind: asJSON, shape: sequenceObject("identity", "identity")}, because: "Names"},
	{name: "sequence no instances", request: "GET /sequence/{identity}/instances", saw: answer{status: 200, kind: asJSON, shape: `[]`}},
	{name: "sequence instances of none", request: "GET /sequence/nope/instances", saw: answer{status: 404, kind: asJSON, shape: `{"error":"Sequence nope not found"}`}},
	{name: "sequence upload of the same name", request: "POST /sequence", headers: octets, upload: "identity", keep: "twin", saw: stored},
	{name: "sequence upload without a type", request: "POST /sequence", upload: "identity", keep: "untyped", saw: stored},
	{name: "sequence upload as gzip", request: "POST /sequence", headers: "Content-Type: application/gzip", upload: "identity", keep: "gzip",
		saw: answer{status: 415}, gives: &stored, because: "Upload types"},
	{name: "sequence upload as JSON", request: "POST /sequence", headers: jsonType, upload: "identity",
		saw: answer{status: 415}, gives: refused(415), because: "Error bodies"},
	{name: "sequence upload of text", request: "POST /sequence", headers: octets, body: "this is not a tar",
		saw: noPackage, gives: noArchive, because: "Package errors"},
	{name: "sequence upload of nothing", request: "POST /sequence", headers: octets, saw: noPackage, gives: noArchive, because: "Package errors"},
	{name: "sequence upload without manifest", request: "POST /sequence", headers: octets, upload: "no manifest",
		saw: answer{status: 422, kind: asJSON, shape: `{"error":{"code":"ENOENT"}}`}, gives: badContent, because: "Package errors"},
	{name: "sequence upload with a bad manifest", request: "POST /sequence", headers: octets, upload: "bad manifest",
		saw: answer{status: 422, kind: asJSON, shape: `{"error":{}}`}, gives: badContent, because: "Package errors"},
	{name: "sequence upload without main", request: "POST /sequence", headers: octets, upload: "no main",
		saw: answer{status: 422, kind: asJSON, shape: `{"error":"<.*main.*>"}`}},
	{name: "sequence upload without name", request: "POST /sequence", headers: octets, upload: "no name", keep: "nameless", saw: stored},
	{name: "sequence upload without main file", request: "POST /sequence", headers: octets, upload: "no main file",
		saw: stored, gives: badContent, because: "Missing main"},
	{name: "sequence upload of a plain tar", request: "POST /sequence", headers: octets, upload: "not compressed",
		saw: noPackage, gives: noArchive, because: "Package errors"},
	{name: "sequence upload that expects", request: "POST /sequence", headers: octets + "; Expect: 100-continue", upload: "identity", keep: "expecting", saw: stored},
	{name: "sequence replace", request: "PUT /sequence/{identity}", headers: octets, upload: "identity",
		saw: answer{status: 200, kind: asJSON, shape: `{"id":"{identity}"}`}},
	{name: "sequence replace unknown", request: "PUT /sequence/nope", headers: octets, upload: "identity",
		saw: answer{status: 404, kind: asJSON, shape: `{"error":"<.*nope not found>"}`}},
	{name: "sequence replace by text", request: "PUT /sequence/{mirror}", headers: octets, body: "junk",
		saw: noPackage, gives: noArchive, because: "Package errors"},
	{name: "sequence after a bad replace", request: "GET /sequence/{mirror}", saw: answer{status: 200, kind: asJSON, shape: sequenceObject("mirror", "mirror")}},
	{name: "sequence start after a bad replace", request: "POST /sequence/{mirror}/start", headers: jsonType, body: "{}", keep: "busy", saw: started},
	{name: "sequence delete in use", request: "DELETE /sequence/{mirror}", headers: jsonType,
		saw: answer{status: 409, kind: asJSON, shape: `{"error":"Can't remove- Sequence in use"}`}},
	{name: "sequence delete in use without a type", request: "DELETE /sequence/{mirror}",
		saw: answer{status: 400}, gives: &answer{status: 409, kind: asJSON, shape: `{"error":"Can't remove- Sequence in use"}`}, because: "Type of JSON bodies"},
	{name: "sequence replace in use", request: "PUT /sequence/{mirror}", headers: octets, upload: "mirror",
		saw:   answer{status: 409, kind: asJSON, shape: `{"error":"Can't update sequence with instances"}`},
		gives: &answer{status: 200, kind: asJSON, shape: `{"id":"{mirror}","revision":1}`}, because: "Replacing a Sequence"},
	{name: "sequence replace without a type", request: "PUT /sequence/{twin}", upload: "mirror",
		saw: answer{status: 200, kind: asJSON, shape: `{"id":"{twin}"}`}},
	{name: "sequence POST with an id", request: "POST /sequence/my-own-id", headers: octets, upload: "identity",
		saw: answer{status: 404}, gives: refused(404), because: "Error bodies"},
	{name: "sequence instances", request: "GET /sequence/{mirror}/instances", saw: answer{status: 200, kind: asJSON, shape: `["{busy}"]`}},
	{name: "sequence with instances", request: "GET /sequence/{mirror}", saw: answer{status: 200, kind: asJSON, shape: `{"instances":["{busy}"]}`}},
	{name: "sequence delete unknown", request: "DELETE /sequence/nope", headers: jsonType,
		saw: answer{status: 404, kind: asJSON, shape: `{"error":"<.*nope.*>"}`}},
	{name: "sequence delete", request: "DELETE /sequence/{expecting}", headers: jsonType,
		saw: answer{status: 200, kind: asJSON, shape: `{"id":"{expecting}"}`}},
	{name: "sequence delete with force", request: "DELETE /sequence/{mirror}", headers: jsonType + "; X-Seq-Kill-Inst: true",
		saw: answer{status: 200, kind: asJSON, shape: `{"id":"{mirror}"}`}},
	{name: "sequence after deletion", request: "GET /sequence/{mirror}", saw: answer{status: 404, kind: asJSON, shape: `{"error":"Sequence {mirror} not found"}`}},
	{name: "sequence list after deletion", request: "GET /sequences", saw: answer{status: 200, kind: asJSON,
		shape: `[{"id":"<uuid>","config":{"type":"process"},"location":"<text>"}]`}},
}
