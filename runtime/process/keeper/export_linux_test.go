package keeper

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
)

var ConnectDirect = connectDirect

// WriteDirectRecord leaves behind what a killed Hub would.
func WriteDirectRecord(dir string, pid int) error {
	text, err := json.Marshal(directRecord{pid, startedAt(pid)})
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "run", "children", "left.json")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o600)
}

// BreakConnection cuts the Hub off from its keeper.
func (c *Client) BreakConnection() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.conn.close()
}

// HasMark looks for NAME=VALUE in the environment of a process.
func HasMark(pid int, mark string) bool { return hasMark(pid, []byte(mark+"\x00")) }

// Call connects to the keeper of dir as a Hub does that says nothing yet;
// attach has it go on.
func Call(ctx context.Context, dir string) (attached func() error, hangUp func() error, err error) {
	cfg := Config{Dir: dir}
	socket, err := dial(ctx, cfg.run())
	if err != nil {
		return nil, nil, err
	}
	c := newConn(socket)
	return func() error { _, err := attach(ctx, c, &cfg); return err }, c.close, nil
}
