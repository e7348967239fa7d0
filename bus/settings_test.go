package bus_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"waverider/bus"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Each setting is read from the engine as it runs.
func TestEngineRunsWithTheSettingsOfTheDesign(t *testing.T) {
	dir := t.TempDir()
	b := open(t, dir)
	ensure(t, b)
	s := b.Server()
	v, err := s.Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	jetstream := v.JetStream.Config
	for name, ok := range map[string]bool{
		"no port is open":                     s.Addr() == nil,
		"no cluster, leaf or monitor port":    v.Cluster.Port == 0 && v.LeafNode.Port == 0 && v.HTTPPort == 0 && v.HTTPSPort == 0,
		"fsync before the ack":                jetstream.SyncAlways,
		"SyncInterval 2 s":                    jetstream.SyncInterval == 2*time.Second,
		"explicit budget of the disk":         jetstream.MaxStore == 1<<30,
		"explicit budget of memory":           jetstream.MaxMemory == 64<<20,
		"domain hub-<id>":                     jetstream.Domain == "hub-test",
		"server name hub-<id>":                v.Name == "hub-test",
		"a batch with a record of 1 MiB fits": v.MaxPayload == 1<<20+64<<10 && v.MaxPayload > bus.MaxData && bus.MaxData > 1<<20,
		"MaxPending 256 MiB":                  v.MaxPending == 256<<20,
		"publish and read on their own":       s.NumClients() == 2,
	} {
		if !ok {
			t.Errorf("not so: %s", name)
		}
	}
	if n := s.NumLoadedAccounts(); n != 3 { // ours, that of the server, and the empty default
		t.Errorf("%d accounts", n)
	}
	stacks := make([]byte, 1<<20)
	if stacks = stacks[:runtime.Stack(stacks, true)]; strings.Contains(string(stacks), "handleSignals") {
		t.Error("the engine handles signals")
	}
	if _, err := os.Stat(filepath.Join(dir, "jetstream", "WR", "streams", "sync", "msgs")); err != nil {
		t.Errorf("streams are not below the fixed account: %v", err)
	}
}

func TestStreamsAreMadeAsTheirKindSays(t *testing.T) {
	b := open(t, t.TempDir())
	ensure(t, b)
	nc := client(t, b)
	for _, s := range streams {
		var info server.JSApiStreamInfoResponse
		ask(t, nc, "$JS.API.STREAM.INFO."+s.Name, "", &info)
		c := info.Config
		async := s.Kind == bus.Async
		for name, ok := range map[string]bool{
			"stored in files":               c.Storage == server.FileStorage,
			"one copy":                      c.Replicas == 1,
			"direct reads allowed":          c.AllowDirect,
			"not compressed":                c.Compression == server.NoCompression,
			"drops nothing by itself":       c.Retention == server.LimitsPolicy && c.Discard == server.DiscardNew && c.MaxAge == 0 && c.MaxBytes == -1 && c.MaxMsgs == -1 && c.MaxMsgsPer == -1,
			"async persist mode when async": (c.PersistMode == server.AsyncPersistMode) == async,
			"atomic batches when sync":      c.AllowAtomicPublish == !async,
			"any number of consumers":       c.MaxConsumers == -1,
			"no message ids remembered":     c.Duplicates == 100*time.Millisecond,
		} {
			if !ok {
				t.Errorf("stream %s: not so: %s", s.Name, name)
			}
		}
	}
	// The limit of a server that is not told otherwise is 1,000.
	for range 1001 {
		var made server.JSApiConsumerCreateResponse
		ask(t, nc, "$JS.API.CONSUMER.CREATE.async", `{"stream_name":"async","config":{"ack_policy":"none","mem_storage":true,"inactive_threshold":60000000000}}`, &made)
	}
}

// client is a connection beside those of the Bus.
func client(t *testing.T, b *bus.Bus) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(b.Server()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func ask(t *testing.T, nc *nats.Conn, subject, body string, answer any) {
	t.Helper()
	m, err := nc.Request(subject, []byte(body), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	var failed server.ApiResponse
	if err := json.Unmarshal(m.Data, &failed); err != nil || failed.Error != nil {
		t.Fatalf("%s: %s", subject, m.Data)
	}
	if err := json.Unmarshal(m.Data, answer); err != nil {
		t.Fatal(err)
	}
}
