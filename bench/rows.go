package main

import (
	"context"
	"time"
)

// row is one measurement: it may give several figures.
type row struct {
	name, about string
	deadline    time.Duration
	run         func(ctx context.Context, g *rig) ([]figure, error)
}

// rows in the order they run: what needs a quiet machine first.
var rows = []row{
	{"ready", "start of the Hub to its API answering", time.Minute, benchReady},
	{"idle", "memory of Hub and keeper with nothing to do", time.Minute, benchIdle},
	{"start", "start request to first output byte, warm and cold", 2 * time.Minute, benchStart},
	{"hubmem", "Hub memory per running Instance", 2 * time.Minute, benchHubMemory},
	{"nodemem", "memory of an idle Node Instance", time.Minute, benchNodeMemory},
	{"latency", "one line in to the line out, over HTTP", time.Minute, benchLatency},
	{"bytes", "256 MB through an identity Instance", 2 * time.Minute, benchBytes},
	{"text", "100-byte text lines through an identity Instance", 2 * time.Minute, benchText},
	{"objects", "100-byte NDJSON objects through two programs", 3 * time.Minute, benchObjects},
	{"python", "start, memory and latency of Python Instances", 3 * time.Minute, benchPython},
	{"pythonbytes", "256 MB through a Python identity Instance", 2 * time.Minute, benchPythonBytes},
	{"pythonobjects", "100-byte NDJSON objects through two Python programs", 3 * time.Minute, benchPythonObjects},
	{"topiclatency", "one record from a producer to a reader", time.Minute, benchTopicLatency},
	{"topicreaders", "four readers of a Topic, and one that has stopped", 3 * time.Minute, benchTopicReaders},
	{"topicacks", "1,000 sync Topics, 10 records a second each", 2 * time.Minute, benchTopicAcks},
	{"topiccount", "1,000 and 10,000 Topics: memory, restart", 4 * time.Minute, benchTopicCount},
	{"topicdisk", "disk of Topics whose records were dropped", 5 * time.Minute, benchTopicDisk},
	{"topicbytes", "256 MB through a Topic, HTTP to HTTP", 5 * time.Minute, benchTopicBytes},
	{"topicchain", "two Node programs joined by a Topic", 3 * time.Minute, benchTopicChain},
	{"linkcall", "a small call to a Hub, through its Space", time.Minute, benchLinkCall},
	{"linkstream", "a long answer of a Hub, through its Space", 3 * time.Minute, benchLinkStream},
	{"linkcontrol", "a small call while Topics fill a line of 100 Mbit/s; wants root", 2 * time.Minute, benchLinkControl},
	{"linktopic", "a Topic from one Hub to another, through the Space", 4 * time.Minute, benchLinkTopic},
	{"linkmany", "500 Hubs on one Space: memory, restart", 3 * time.Minute, benchLinkMany},
	{"nodes", "the engine on three nodes beside one, and when a leader is killed", 8 * time.Minute, benchNodes},
	{"upload", "upload of a 2 KB and a 20 MB package", time.Minute, benchUpload},
	{"many", "100 Instances started at once", 2 * time.Minute, benchMany},
	{"end", "stop, kill of a busy loop, removal", time.Minute, benchEnd},
	{"size", "the stripped binary", time.Minute, benchSize},
}
