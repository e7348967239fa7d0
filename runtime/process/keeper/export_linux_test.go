package keeper

import (
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
