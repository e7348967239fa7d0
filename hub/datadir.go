package hub

import "waverider/datadir"

// OpenDataDir makes or opens the data dir of a Hub at path and locks it.
//
//	VERSION lock        layout version; held by the one Hub that has it open
//	identity.key        the Hub's Ed25519 key
//	space.json          the Space it has joined
//	journal.db          Sequences, Instances
//	packages/           unpacked packages by digest
//	topics/             records of Topics, and what is remembered of them
//	slots/ID/           working folder of each Instance, the program's own
//	kept/ID/            stdout, stderr, log and unread output of each Instance
//	state/ID            what the program saved
//	run/                sockets, keeper, installed runners
func OpenDataDir(path string) (*datadir.Dir, error) {
	return datadir.Open(path, datadir.Layout{Role: "Hub", Version: 1,
		Folders: []string{"packages", "topics", "slots", "kept", "state", "run"}})
}
